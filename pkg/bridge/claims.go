package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// maxValues is how many different values of one cookie a logout looks at.
const maxValues = 4

// clockLeeway is by how much the clocks of the monolith's machines and of ours may differ.
const clockLeeway = time.Minute

// claim is what a source's cookies prove, and that somebody is signed in with them.
type claim struct {
	legacy.Claim
	source Source
	userID string // with us
	linkID string
}

// open returns the claim of the source in the cookies, or why there is none. With a refusal
// the claim has at most the ID of its link: of a session that the monolith has no more. An
// error is an outage.
func (s Source) open(ctx context.Context, cookies map[string]string, now time.Time) (opened claim, refused, err error) {
	if len(cookies) == 0 {
		return claim{}, authn.ErrNoClaim, nil
	}
	c, err := s.Open(ctx, cookies, now)
	switch {
	case errors.Is(err, legacy.ErrAbsent):
		return claim{}, authn.ErrNoClaim, nil
	case errors.Is(err, legacy.ErrRejected):
		gone, _ := errors.AsType[*legacy.EndedError](err)
		if gone != nil {
			opened = claim{source: s, linkID: linkID(s.Name, gone.Identity, cookies)}
		}
		return opened, refusal{"rejected", s.Name, err.Error()}, nil
	case err != nil:
		return claim{}, nil, fmt.Errorf("bridge: source %q: %w", s.Name, err)
	case c.UserID == "":
		return claim{}, refusal{reason: anonymous, source: s.Name}, nil
	case !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt):
		return claim{}, refusal{reason: "expired", source: s.Name}, nil
	}
	userID := s.Namespace + c.UserID
	if (session.User{ID: userID}).Validate() != nil {
		return claim{}, refusal{reason: "user_id", source: s.Name}, nil
	}
	c.SignedInAt = signedIn(c.SignedInAt, now)
	return claim{Claim: c, source: s, userID: userID, linkID: linkID(s.Name, c.Identity, cookies)}, nil, nil
}

// firstOf returns the first refusal that has a reason, or else authn.ErrNoClaim: then there
// was no cookie.
func firstOf(refused []error) error {
	for _, err := range refused {
		if err != authn.ErrNoClaim {
			return err
		}
	}
	return authn.ErrNoClaim
}

// signedIn returns the time of a sign-in as far as it can be believed at the time now. One
// in the future is now, because clocks differ. If it is further off than they may differ,
// nobody knows the time.
func signedIn(at, now time.Time) time.Time {
	switch {
	case at.After(now.Add(clockLeeway)):
		return time.Time{}
	case at.After(now):
		return now
	}
	return at
}

// linkID returns the ID of the link of a session of the monolith. A session without an
// identity is known by the bytes of its cookies.
func linkID(source, identity string, cookies map[string]string) string {
	if identity == "" {
		identity = "cookie:"
		for _, name := range slices.Sorted(maps.Keys(cookies)) {
			identity += name + "=" + cookies[name] + ";"
		}
	}
	sum := sha256.Sum256([]byte(source + "\x00" + identity))
	return hex.EncodeToString(sum[:])
}

// sealed reports whether a seal of that time refuses the claim: it was made before the
// seal, or nobody knows when.
func (c claim) sealed(seal time.Time) bool {
	return !seal.IsZero() && !c.SignedInAt.After(seal.Add(clockLeeway))
}

// single returns the cookies that the source wants, of those in the request. It refuses two
// different values of one: an attacker may have planted one of them, and their order means
// nothing.
func (s Source) single(r *http.Request) (map[string]string, error) {
	cookies := map[string]string{}
	for _, name := range s.Cookies() {
		values := cookieValues(r.Header["Cookie"], name)
		if len(values) > 1 {
			return nil, refusal{reason: "two_values", source: s.Name}
		}
		if len(values) == 1 {
			cookies[name] = values[0]
		}
	}
	return cookies, nil
}

// combinations returns each way to choose one value for each cookie that the source wants,
// of those in the request.
func (s Source) combinations(r *http.Request) ([]map[string]string, error) {
	all := []map[string]string{{}}
	for _, name := range s.Cookies() {
		values := cookieValues(r.Header["Cookie"], name)
		if len(values) > maxValues {
			return nil, session.ErrTooManyCookies
		}
		if len(values) == 0 {
			continue
		}
		var next []map[string]string
		for _, cookies := range all {
			for _, value := range values {
				with := maps.Clone(cookies)
				with[name] = value
				next = append(next, with)
			}
		}
		all = next
	}
	return all, nil
}

// cookieValues returns the different values of the cookies called name, at most one more
// than maxValues. It counts them by hand, because [http.Request.CookiesNamed] drops cookies
// that it finds malformed, so that a second one can hide, and unquotes values.
func cookieValues(headers []string, name string) (values []string) {
	for _, header := range headers {
		for part := range strings.SplitSeq(header, ";") {
			k, v, ok := strings.Cut(strings.Trim(part, " \t"), "=")
			if !ok || k != name || slices.Contains(values, v) {
				continue
			}
			if values = append(values, v); len(values) > maxValues {
				return values
			}
		}
	}
	return values
}

// atOnce runs the functions at the same time and returns their errors.
func atOnce(functions ...func() error) error {
	errs := make([]error, len(functions))
	var wg sync.WaitGroup
	for i, f := range functions {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}
