package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
)

// brokenStores returns stores that are correct except for one mistake. The keys are the
// names of the rules that must find the mistakes.
func brokenStores() map[string][]session.Store {
	stores := map[string][]session.Store{
		"every field is kept": {
			lossy(func(s *session.Session) { s.IP = "" }),
			lossy(func(s *session.Session) { s.LastIP = "" }),
			lossy(func(s *session.Session) { s.Persistent = false }),
			lossy(func(s *session.Session) { s.EndsAt = time.Time{} }),
			lossy(func(s *session.Session) { s.CreatedAt = s.CreatedAt.Truncate(time.Second) }),
			lossy(func(s *session.Session) { s.LastSeenAt = s.LastSeenAt.In(time.FixedZone("", 3600)) }),
			lossy(func(s *session.Session) { s.PreviousSecret = s.Secret }),
		},
		"extreme values are kept": {
			lossy(func(s *session.Session) { s.Version = int64(float64(s.Version)) }),
			lossy(func(s *session.Session) { s.EndsAt = time.Unix(0, s.EndsAt.UnixNano()).UTC() }),
			lossy(func(s *session.Session) {
				if s.AuthenticatedAt.Unix() == 0 {
					s.AuthenticatedAt = time.Time{}
				}
			}),
			lossy(func(s *session.Session) { s.UserAgent = s.UserAgent[:min(len(s.UserAgent), 255)] }),
			lossy(func(s *session.Session) { s.ExpiresAt = time.Unix(0, s.ExpiresAt.UnixNano()).UTC() }),
		},
		"empty values are kept": {
			lossy(func(s *session.Session) { delete(s.Values, "empty") }),
			lossy(func(s *session.Session) { s.Persistent = true }),
			lossy(func(s *session.Session) {
				if s.EndsAt.IsZero() {
					s.EndsAt = time.Unix(0, 0).UTC()
				}
			}),
			lossy(func(s *session.Session) { s.Roles = strings.Split(strings.Join(s.Roles, " "), " ") }),
		},
		"any text is kept": {
			lossy(func(s *session.Session) {
				s.Roles = strings.Split(strings.ToLower(strings.Join(s.Roles, "\n\n")), "\n\n")
			}),
			lossy(func(s *session.Session) { s.Roles = strings.Split(strings.Join(s.Roles, ","), ",") }),
			lossy(func(s *session.Session) { s.Values["Zoe\u0308"] = s.Values["Zoë"] }),
		},
		"any number of roles is kept": {
			lossy(func(s *session.Session) { slices.Sort(s.Roles) }),
			lossy(func(s *session.Session) { s.Roles = s.Roles[:min(len(s.Roles), 99)] }),
		},
		"create refuses a taken key": {
			overwritingCreate{newMapStore()}, carelessCreate{newMapStore()}, retriedCreate{newMapStore()},
		},
		"one of many creates wins": {racy{newMapStore(), "Create"}},

		"a missing session is ErrNoSession": {
			silentGet{newMapStore()}, outageGet{newMapStore()}, outageList{newMapStore()},
			outageUpdate{newMapStore()}, outageTouch{newMapStore()}, outageDelete{newMapStore()},
			nilErrorDelete{newMapStore()}, ownerDelete{newMapStore()},
		},
		"keys are compared exactly": {
			prefixList{newMapStore()}, wildcardList{newMapStore()}, confused{newMapStore(), "Create", inAnyCase},
		},
		"list holds one user's sessions": {leakyList{newMapStore()}},
		"list is complete":               {pagedList{newMapStore()}},
		"dead sessions are shown":        {expiryCheckingGet{newMapStore()}, expiryCheckingList{newMapStore()}},
		"sessions are copies": {
			sharingCreate{newMapStore()}, sharingUpdate{newMapStore()}, sharingGet{newMapStore()}, sharingList{newMapStore()},
		},

		"update replaces what it names": {
			mergingUpdate{newMapStore()}, nilKeepsUpdate{newMapStore()}, previousSecretUpdate{newMapStore()}, &staleList{mapStore: newMapStore()},
		},
		"update leaves the rest":                 {lastSeenUpdate{newMapStore()}, spreadingUpdate{newMapStore()}, lastClientUpdate{newMapStore()}, persistentUpdate{newMapStore()}},
		"update without expiry leaves the times": {authenticatedAtUpdate{newMapStore()}, endsAtUpdate{newMapStore()}, droppingUpdate{newMapStore()}, zeroExpiryUpdate{newMapStore()}},
		"update with expiry replaces the times":  {noTimesUpdate{newMapStore()}, extendingUpdate{newMapStore()}},
		"update with expiry replaces the end":    {keptEndUpdate{newMapStore()}, stickyEndUpdate{newMapStore()}, forgetfulEndUpdate{newMapStore()}},
		"update compares versions":               {lastWriteWins{newMapStore()}, carelessUpdate{newMapStore()}, uncheckedTimesUpdate{newMapStore()}},
		"one of many updates wins":               {racy{newMapStore(), "Update"}},
		"update knows its own retry":             {forgetfulUpdate{newMapStore()}, shortSightedUpdate{newMapStore()}, repeatingUpdate{newMapStore()}},
		"update knows no other write":            {&trustingUpdate{mapStore: newMapStore()}, carelessUpdate{newMapStore()}},

		"touch moves the times only": {versionedTouch{newMapStore()}, expiryOnlyTouch{newMapStore()}, spreadingTouch{newMapStore()}},
		"touch keeps the client":     {clientlessTouch{newMapStore()}, keepingTouch{newMapStore()}, swappingTouch{newMapStore()}},
		"touch never goes back": {
			lateClientTouch{newMapStore()},
			backwardTouch{newMapStore()}, perTimeTouch{newMapStore()}, conflictingTouch{newMapStore()}, racy{newMapStore(), "Touch"},
		},
		"update and touch keep each other's work": {lastSeenUpdate{newMapStore()}, racy{newMapStore(), "Update"}, racy{newMapStore(), "Touch"}},

		"nothing revives a deleted session": {upsertingTouch{newMapStore()}, upsertingUpdate{newMapStore()}, upsertingErrorTouch{newMapStore()}},
		"nothing revives a dead session": {
			revivingTouch{newMapStore()}, carelessTouch{newMapStore()}, revivingUpdate{newMapStore()},
			extendingDead{newMapStore()}, versionFirstUpdate{newMapStore()},
		},
		"no clock is read": {clockTouch{newMapStore()}, clockUpdate{newMapStore()}, clockDelete{newMapStore()}},

		"delete names the user": {anonymousDelete{newMapStore()}, keyDelete{newMapStore()}},
		"delete takes the right secret": {
			forgetfulDelete{newMapStore()}, strictDelete{newMapStore()}, nilErrorDelete{newMapStore()}, ownerDelete{newMapStore()},
			&staleList{mapStore: newMapStore()},
		},
		"delete refuses a wrong secret": {trustingDelete{newMapStore()}, carelessDelete{newMapStore()}, zeroDelete{newMapStore()}, deadWithoutSecretDelete{newMapStore()}},
		"one of many deletes removes":   {racyDelete{newMapStore()}},
		"delete removes the dead":       {deadAsLiveDelete{newMapStore()}, deadKeepingDelete{newMapStore()}},
		"delete wins every race":        {racy{newMapStore(), "Touch"}, racy{newMapStore(), "Update"}},
	}
	for _, method := range []string{"Update", "Touch", "Delete"} {
		const boundary = "dead from ExpiresAt on"
		stores[boundary] = append(stores[boundary], shiftedClock{newMapStore(), method, time.Second}, shiftedClock{newMapStore(), method, -time.Second})
	}
	const keys = "keys are compared exactly"
	for _, method := range []string{"Get", "Touch", "Delete"} {
		for _, alike := range []func(a, b session.Key) bool{inAnyCase, byID, byPrefix, joined, swapped} {
			stores[keys] = append(stores[keys], confused{newMapStore(), method, alike})
		}
	}
	stores["revoke-all ends all"] = []session.Store{&laggingList{mapStore: newMapStore()}}
	stores["logins at once keep to the limit"] = []session.Store{&laggingList{mapStore: newMapStore()}, ownerDelete{newMapStore()}}
	const outage = "a cancelled context is an outage"
	for _, method := range []string{"Create", "Get", "Update", "Touch", "Delete", "List"} {
		stores[outage] = append(stores[outage], cancelled{newMapStore(), method, nil})
		stores[outage] = append(stores[outage], cancelled{newMapStore(), method, session.ErrNoSession})
		stores[outage] = append(stores[outage], cancelled{newMapStore(), method, session.ErrConflict})
	}
	for rule, broken := range brokenListers() {
		stores[rule] = append(stores[rule], broken...)
	}
	return stores
}

// lossyCreate does not store a part of each session.
type lossyCreate struct {
	*mapStore
	lose func(*session.Session)
}

func lossy(lose func(*session.Session)) session.Store { return lossyCreate{newMapStore(), lose} }

func (st lossyCreate) Create(ctx context.Context, s *session.Session) error {
	s = s.Clone()
	st.lose(s)
	return st.mapStore.Create(ctx, s)
}

// racy reads, waits, and writes back without a check that nothing has changed.
type racy struct {
	*mapStore
	method string
}

func (st racy) Create(ctx context.Context, s *session.Session) error {
	return st.apart(ctx, "Create", s.Key(), func(st *mapStore) error { return st.Create(ctx, s) })
}

func (st racy) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	return st.apart(ctx, "Update", s.Key(), func(st *mapStore) error { return st.Update(ctx, s, now, newVersion) })
}

func (st racy) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	return st.apart(ctx, "Touch", key, func(st *mapStore) error { return st.Touch(ctx, key, now, expires, ip, userAgent) })
}

func (st racy) apart(ctx context.Context, method string, key session.Key, write func(*mapStore) error) error {
	if method != st.method {
		return write(st.mapStore)
	}
	aside := newMapStore()
	if s, err := st.Get(ctx, key); err == nil {
		aside.put(s)
	}
	if err := write(aside); err != nil {
		return err
	}
	time.Sleep(time.Millisecond)
	st.put(aside.m[key])
	return nil
}

// racyDelete tells everybody who saw the session that they have removed it.
type racyDelete struct{ *mapStore }

func (st racyDelete) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	s, err := st.Get(ctx, key)
	saw := err == nil && s.ExpiresAt.After(now) && (secret == nil || *secret == s.Secret || *secret == s.PreviousSecret)
	time.Sleep(time.Millisecond)
	if userID, err := st.mapStore.Delete(ctx, key, secret, now); !saw {
		return userID, err
	}
	return s.UserID, nil
}

// cancelled returns err if the context is cancelled, in one method. If err is nil, the
// method ignores that the context is cancelled.
type cancelled struct {
	*mapStore
	method string
	err    error
}

// look returns the context for the rest of the call, or the error to return.
func (st cancelled) look(ctx context.Context, method string) (context.Context, error) {
	if ctx.Err() == nil || method != st.method {
		return ctx, nil
	}
	return context.WithoutCancel(ctx), st.err
}

func (st cancelled) Create(ctx context.Context, s *session.Session) error {
	ctx, err := st.look(ctx, "Create")
	if err != nil {
		return err
	}
	return st.mapStore.Create(ctx, s)
}

func (st cancelled) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	ctx, err := st.look(ctx, "Get")
	if err != nil {
		return nil, err
	}
	return st.mapStore.Get(ctx, key)
}

func (st cancelled) Update(ctx context.Context, s *session.Session, now time.Time, newVersion int64) error {
	ctx, err := st.look(ctx, "Update")
	if err != nil {
		return err
	}
	return st.mapStore.Update(ctx, s, now, newVersion)
}

func (st cancelled) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	ctx, err := st.look(ctx, "Touch")
	if err != nil {
		return err
	}
	return st.mapStore.Touch(ctx, key, now, expires, ip, userAgent)
}

func (st cancelled) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	ctx, err := st.look(ctx, "Delete")
	if err != nil {
		return "", err
	}
	return st.mapStore.Delete(ctx, key, secret, now)
}

func (st cancelled) List(ctx context.Context, owner string) ([]*session.Session, error) {
	ctx, err := st.look(ctx, "List")
	if err != nil {
		return nil, err
	}
	return st.mapStore.List(ctx, owner)
}

// disguise replaces ErrNoSession with another error.
func disguise(err error) error {
	if errors.Is(err, session.ErrNoSession) {
		return errors.New("not found")
	}
	return err
}
