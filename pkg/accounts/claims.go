package accounts

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"example.com/coatcheck/pkg/events"
)

var (
	// ErrIDTaken means that the user ID belongs to another account, or belonged to one
	// that was deleted.
	ErrIDTaken = errors.New("the user ID belongs to another user, or did before that user was deleted")

	// ErrUnchecked means that no account may be added, because the accounts that are
	// there have not claimed their names yet: see [Registrar.CheckNames].
	ErrUnchecked = errors.New("no user is added before the names of those who are there have been checked, once; run: coatcheck users check")
)

// The keys of claims that are no names begin with a control character, so that no name
// is one of them. So does a holder that is no name.
const (
	checkedKey  = "\x01checked"
	nameRule    = "1" // the holder of checkedKey: by which rule the names have been checked
	deletedUser = "\x01deleted"
)

// idKey returns the key by which a user ID is claimed. Its holder is the key of the
// account, or deletedUser while the user is being deleted; releases before goneKey left it so.
func idKey(userID string) string { return "\x01id/" + userID }

// goneKey returns the key by which a deleted user's ID stays nobody's: a hash, so that the ID
// itself is not kept.
func goneKey(userID string) string {
	sum := sha256.Sum256([]byte("coatcheck deleted user v1\x00" + userID))
	return "\x01gone/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// nameKey returns the key of the nth claim of a folded name. The first, with n 0, is the
// key of an account of that name. The others are for accounts from before the rule that
// found it taken. They are never removed, so the first that is absent ends the row.
func nameKey(name string, n int) string {
	if n == 0 {
		return name
	}
	return "\x01name/" + strconv.Itoa(n) + "/" + name
}

// Add stores a new account that [Registrar.Imported] has made. Before that it claims the
// user ID, so that no other account ever has the same one. Where it is interrupted, it
// can be called again. The error wraps [ErrExists] if the name is taken, also by an
// account from before the rule of [Normalize] that is one name with it. It says what is
// wrong if no account can have the user ID. It wraps
// [ErrIDTaken] or [ErrUnchecked], or is an outage.
func (r *Registrar) Add(ctx context.Context, account *Account) error {
	if err := checkUserID(account.UserID); err != nil {
		return err
	}
	if err := r.checked(ctx); err != nil {
		return err
	}
	stale, err := r.freeName(ctx, account.Name)
	if err != nil {
		return err
	}
	if err := r.checkGone(ctx, account.UserID); err != nil {
		return err
	}
	switch err := r.registry.Claim(ctx, idKey(account.UserID), account.Name); {
	case errors.Is(err, ErrExists):
		return idTaken(account.UserID)
	case err != nil:
		return err
	}
	if stale != "" { // this account cannot come back: none is added under such a key any more
		if err := r.release(ctx, account.Name, stale); err != nil {
			return err
		}
	}
	if err := r.registry.Create(ctx, account); err != nil {
		return fmt.Errorf("user %q: %w", account.Name, err)
	}
	return r.confirmID(ctx, account)
}

// confirmID removes an account that Add has just stored if its user ID has become that of
// a deleted user. This is so if this program was slow: if since it looked another program
// has added the same user and deleted that user.
func (r *Registrar) confirmID(ctx context.Context, account *Account) error {
	gone := r.checkGone(ctx, account.UserID)
	if !errors.Is(gone, ErrIDTaken) {
		return gone
	}
	if err := r.registry.Delete(ctx, account); err != nil {
		return err
	}
	if err := r.release(ctx, idKey(account.UserID), account.Name); err != nil {
		return err
	}
	return gone
}

// checkGone returns ErrIDTaken if a user with that ID was deleted.
func (r *Registrar) checkGone(ctx context.Context, userID string) error {
	holder, err := r.holder(ctx, goneKey(userID))
	if err == nil && holder != "" {
		err = idTaken(userID)
	}
	return err
}

func idTaken(userID string) error { return fmt.Errorf("user ID %q: %w", userID, ErrIDTaken) }

// CanAdd returns the error that [Registrar.Add] would return now if the names were
// checked. It writes nothing.
func (r *Registrar) CanAdd(ctx context.Context, account *Account) error {
	if _, err := r.freeName(ctx, account.Name); err != nil {
		return err
	}
	holder, err := r.holder(ctx, idKey(account.UserID))
	if err == nil && holder != "" && holder != account.Name {
		err = idTaken(account.UserID)
	}
	if err != nil {
		return err
	}
	return r.checkGone(ctx, account.UserID)
}

// freeName returns ErrExists if an account has the name, or has claimed it. If the one
// that has claimed it is gone, freeName returns that one.
func (r *Registrar) freeName(ctx context.Context, name string) (stale string, err error) {
	for n := 0; ; n++ {
		holder, err := r.holder(ctx, nameKey(name, n))
		switch {
		case err != nil:
			return "", err
		case holder == "" && n > 0:
			return stale, nil
		case holder == "":
			continue
		}
		if account, err := r.holder(ctx, holder); err != nil || account != "" {
			return "", cmp.Or(err, fmt.Errorf("user %q: %w", name, ErrExists))
		}
		if n == 0 {
			stale = holder
		}
	}
}

// holder returns the holder of the key, or "" if nothing has it.
func (r *Registrar) holder(ctx context.Context, key string) (string, error) {
	holder, err := r.registry.Holder(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return holder, err
}

// checked returns ErrUnchecked unless the names have been checked. Once they are, it
// makes no call.
func (r *Registrar) checked(ctx context.Context) error {
	if r.namesChecked.Load() {
		return nil
	}
	switch holder, err := r.holder(ctx, checkedKey); {
	case err != nil:
		return err
	case holder == "":
		return ErrUnchecked
	case holder != nameRule:
		return fmt.Errorf("the names were checked by rule %q, and this program knows rule %s; use a newer program", holder, nameRule)
	}
	r.namesChecked.Store(true)
	return nil
}

func (r *Registrar) setChecked(ctx context.Context) error {
	err := r.registry.Claim(ctx, checkedKey, nameRule)
	if errors.Is(err, ErrExists) {
		return r.checked(ctx) // it says by which other rule
	}
	r.namesChecked.Store(err == nil)
	return err
}

// Prepare returns nil if accounts may be added. A store without accounts needs no check
// of names, so for it Prepare stores that they are checked. Otherwise it returns
// [ErrUnchecked]. The sequence is what the store lists as all its accounts; it is not
// used if the names have been checked.
func (r *Registrar) Prepare(ctx context.Context, all iter.Seq2[*Account, error]) error {
	if err := r.checked(ctx); !errors.Is(err, ErrUnchecked) {
		return err
	}
	for _, err := range all {
		if err == nil {
			err = ErrUnchecked
		}
		return err
	}
	return r.setChecked(ctx)
}

// Pair are two accounts whose names are one name by the rule of [Normalize]. Both are
// older than the rule, and both go on: each is found by the spellings by which it was
// found before.
type Pair struct {
	Account *Account // the one of the two that comes later in the list
	Other   *Account // holds the name already
}

// CheckNames claims the user ID of each account, and for an account from before the rule
// of [Normalize] the name that it has by this rule. It returns the pairs that it finds.
// If there was no error at the end, it stores that the names are checked: from then on
// accounts may be added. For an account that cannot be checked it returns an error in
// place of a pair, and goes on. The first argument is what the store lists as all its
// accounts.
//
// It may be called at any time, and again: it claims what is not claimed yet, for
// example of accounts that an older program has made.
func (r *Registrar) CheckNames(ctx context.Context, all iter.Seq2[*Account, error]) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		complete := true
		for account, err := range all {
			var pair Pair
			if err == nil {
				pair, err = r.claim(ctx, account)
			}
			if err != nil {
				complete = false
			}
			if (err != nil || pair.Account != nil) && !yield(pair, err) {
				return
			}
		}
		if !complete {
			return
		}
		if err := r.setChecked(ctx); err != nil {
			yield(Pair{}, err)
		}
	}
}

// claim claims the user ID and the folded name of an account that is stored.
func (r *Registrar) claim(ctx context.Context, account *Account) (pair Pair, err error) {
	if account.moving() {
		return pair, nil // the account of the old name has the user ID, or passes it on
	}
	if isOpenID(account.UserID) {
		return pair, fmt.Errorf("user %q cannot sign in, since %w. Delete the user, and import the same one with another ID", account.Name, checkUserID(account.UserID))
	}
	if err := r.registry.Claim(ctx, idKey(account.UserID), account.Name); errors.Is(err, ErrExists) {
		holder, err := r.holder(ctx, idKey(account.UserID))
		if err != nil {
			return pair, err
		}
		if holder != deletedUser { // a delete that was interrupted, or goes on now
			return pair, fmt.Errorf("user %q has the user ID %q, which belongs to user %q; delete one of the two", account.Name, account.UserID, holder)
		}
	} else if err != nil {
		return pair, err
	} else if err := r.takeBack(ctx, account, idKey(account.UserID)); err != nil {
		return pair, err
	}
	name, err := Normalize(account.Name)
	if err != nil || name == account.Name {
		return pair, nil // no new account can have this name, or the account holds it itself
	}
	other, err := r.claimName(ctx, account, name)
	if other != nil {
		pair = Pair{account, other}
	}
	return pair, err
}

// claimName claims the folded name for an account with another key. If another account
// has it, claimName returns that one.
func (r *Registrar) claimName(ctx context.Context, account *Account, name string) (other *Account, err error) {
	n := 0
	for ; ; n++ {
		if err := r.registry.Claim(ctx, nameKey(name, n), account.Name); err == nil {
			break
		} else if !errors.Is(err, ErrExists) {
			return nil, err
		}
	}
	if n == 0 {
		return nil, r.takeBack(ctx, account, name)
	}
	holder, err := r.holder(ctx, name)
	if err != nil || holder == "" {
		return nil, err // "": somebody has removed it just now; the claim that was made keeps the name
	}
	if other, err = r.registry.Get(ctx, holder); !errors.Is(err, ErrNotFound) {
		return other, err
	}
	if err := r.registry.PassClaim(ctx, name, holder, account.Name); err != nil && !errors.Is(err, ErrChanged) {
		return nil, err
	}
	return nil, r.takeBack(ctx, account, name)
}

// takeBack removes the claim of the key if the account was deleted meanwhile. The one
// who deleted it may have done that before the claim was made.
func (r *Registrar) takeBack(ctx context.Context, account *Account, key string) error {
	if _, err := r.registry.Get(ctx, account.Name); !errors.Is(err, ErrNotFound) {
		return err
	}
	return r.release(ctx, key, account.Name)
}

// release removes the claim of the key if this holder has it.
func (r *Registrar) release(ctx context.Context, key, holder string) error {
	if err := r.registry.PassClaim(ctx, key, holder, ""); err != nil && !errors.Is(err, ErrChanged) {
		return err
	}
	return nil
}

// Delete removes an account. Nobody may be able to sign in to it any more, so the
// caller must disable it and end its sessions first. It returns [ErrChanged] if the
// account has changed since the caller read it. No other account ever gets its user ID: a hash
// of it stays, and nothing else.
func (r *Registrar) Delete(ctx context.Context, account *Account) error {
	if err := r.dropCopy(ctx, account); err != nil {
		return err
	}
	if err := r.retireID(ctx, account); err != nil {
		return err
	}
	if err := r.registry.Delete(ctx, account); err != nil {
		return err
	}
	if err := r.dropCopy(ctx, account); err != nil { // one that was made since
		return err
	}
	if err := r.release(ctx, idKey(account.UserID), deletedUser); err != nil {
		return err
	}
	if name, err := Normalize(account.Name); err == nil && name != account.Name {
		if err := r.release(ctx, name, account.Name); err != nil {
			events.Log(ctx, r.log, "name_claim_left", "user_id", account.UserID, "error", err)
		}
	}
	return nil
}

// retireID marks the user ID as that of a deleted user. It first claims the ID for the
// account if nobody has it, so that a check that goes on at the same time finds it taken
// and cannot claim it in between. If another account has claimed it, which no program of
// this release lets happen, it stays the other's. If it leads to another name because the user
// has got that one meanwhile, retireID returns ErrChanged.
func (r *Registrar) retireID(ctx context.Context, account *Account) error {
	if err := r.registry.Claim(ctx, goneKey(account.UserID), deletedUser); err != nil {
		return err
	}
	key := idKey(account.UserID)
	if err := r.registry.Claim(ctx, key, account.Name); err != nil && !errors.Is(err, ErrExists) {
		return err
	}
	if err := r.registry.PassClaim(ctx, key, account.Name, deletedUser); !errors.Is(err, ErrChanged) {
		return err
	}
	_, err := r.registry.Get(ctx, account.Name)
	if errors.Is(err, ErrNotFound) {
		return ErrChanged
	}
	return err
}

// Claims returns the keys that are claimed for a stored account, each with its holder: its
// user ID, and for an account from before the rule of [Normalize] its folded name. It is for
// operators.
func (r *Registrar) Claims(ctx context.Context, account *Account) (map[string]string, error) {
	keys := []string{idKey(account.UserID), goneKey(account.UserID)}
	if name, err := Normalize(account.Name); err == nil && name != account.Name {
		keys = append(keys, name)
		for n := 1; ; n++ {
			holder, err := r.holder(ctx, nameKey(name, n))
			if err != nil {
				return nil, err
			}
			if holder == "" {
				break
			}
			keys = append(keys, nameKey(name, n))
		}
	}
	claims := map[string]string{}
	for _, key := range keys {
		holder, err := r.holder(ctx, key)
		if err != nil {
			return nil, err
		}
		if holder != "" && (holder == account.Name || holder == deletedUser) {
			claims[key] = holder
		}
	}
	return claims, nil
}
