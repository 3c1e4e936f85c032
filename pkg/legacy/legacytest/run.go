package legacytest

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/legacy"
)

// Run tests a source with each case of a vectors file. Open makes the source as the case's
// monolith would need it; it takes stores from [Case.KeyValue] and [Case.Database], or has
// none. Beside the answer of each case, Run tests:
//
//   - a good cookie with a byte or a bit changed, cut short, or spelled in another way proves
//     nothing, or the same session of the same user: never somebody else, and never the same
//     user with another identity, because then one session could be converted twice;
//   - no cookie is [legacy.ErrAbsent], also if the monolith's store is down;
//   - a claim does not outlive its row, and ends when it says;
//   - a store that is down, or a context that has ended, is an outage;
//   - End deletes the row, may do so twice, and then the cookie is rejected by an
//     EndedError with the identity that it had, if the source has a store;
//   - a claim is bound to the password, and to no other, if the source says so;
//   - no error quotes a cookie.
func Run(t *testing.T, file string, open func(t testing.TB, c *Case) legacy.Source) {
	t.Helper()
	for i, c := range Cases(t, file) {
		t.Run(c.Name, func(t *testing.T) {
			s := &suite{T: t, c: c, source: open(t, c), errors: make(map[string]bool)}
			s.cookies = c.cookies(s.source)
			s.absent()
			claim, ok := s.answer()
			if !ok {
				return
			}
			s.claim(claim)
			s.expired(claim)
			s.altered(claim, i == 0)
			s.ending(claim)
			s.outage(open(t, c))
		})
	}
}

type suite struct {
	*testing.T
	c       *Case
	source  legacy.Source
	cookies map[string]string
	errors  map[string]bool // the texts of errors that quote nothing
}

// open asks the source about cookies.
func (s *suite) open(cookies map[string]string) (legacy.Claim, error) {
	s.Helper()
	claim, err := s.source.Open(s.Context(), cookies, s.c.Now)
	if err != nil {
		s.quotesNothing(err, cookies)
		if claim.UserID != "" || claim.Identity != "" || claim.End != nil || claim.Bound != nil {
			s.Errorf("a claim comes with the error %v", err)
		}
	}
	return claim, err
}

// absent asks the source about a request without cookies.
func (s *suite) absent() {
	s.Helper()
	if _, err := s.open(nil); !errors.Is(err, legacy.ErrAbsent) {
		s.Errorf("no cookie: %v, want %v", err, legacy.ErrAbsent)
	}
	if _, err := s.open(map[string]string{"another-cookie": "value"}); !errors.Is(err, legacy.ErrAbsent) {
		s.Errorf("only another cookie: %v, want %v", err, legacy.ErrAbsent)
	}
}

// answer compares the source's answer with the case's. It returns true if the case's
// cookie is good.
func (s *suite) answer() (legacy.Claim, bool) {
	s.Helper()
	claim, err := s.open(s.cookies)
	if err != nil {
		if s.c.Expect.OK {
			s.Fatalf("refused: %v", err)
		}
		if !errors.Is(err, legacy.ErrRejected) {
			s.Errorf("answer %v, want %v", err, legacy.ErrRejected)
		}
		return claim, false
	}
	bound := claim.Bound == nil || claim.Bound(s.c.PasswordColumn)
	switch good := s.c.Expect.OK; {
	case good && claim.UserID != s.c.Expect.UserID:
		s.Fatalf("the user is %q, want %q", claim.UserID, s.c.Expect.UserID)
	case good && claim.UserID != "" && !bound:
		s.Fatalf("the session is not bound to the user's password")
	case !good && bound:
		s.Errorf("accepted for user %q", claim.UserID)
	case good && s.c.Accepted != nil && !*s.c.Accepted:
		s.Errorf("accepted for user %q, and the framework has refused the cookie", claim.UserID)
	}
	return claim, s.c.Expect.OK
}

// claim tests what a good cookie proves beside the user.
func (s *suite) claim(claim legacy.Claim) {
	s.Helper()
	expect := s.c.Expect
	if expect.Identity != nil && claim.Identity != *expect.Identity {
		s.Errorf("the identity is %q, want %q", claim.Identity, *expect.Identity)
	}
	sameTime(s.T, "signed in", claim.SignedInAt, expect.SignedInAt)
	sameTime(s.T, "expires", claim.ExpiresAt, expect.ExpiresAt)
	if !claim.ExpiresAt.IsZero() && claim.ExpiresAt.Before(s.c.Now) {
		s.Errorf("a good claim has expired at %v", claim.ExpiresAt)
	}
	if kept := s.c.Store; kept != nil && kept.Seconds >= 0 && s.c.Row == nil {
		forgotten := s.c.Now.Add(time.Duration(kept.Seconds) * time.Second)
		if claim.ExpiresAt.IsZero() || claim.ExpiresAt.After(forgotten) {
			s.Errorf("a claim until %v outlives its row, which the store forgets at %v", claim.ExpiresAt, forgotten)
		}
	}
	if claim.Data != nil {
		s.data(claim.Data)
	}
	if has := claim.End != nil; has != s.c.stored() {
		s.Errorf("the claim can be ended: %v; the monolith has a row: %v", has, s.c.stored())
	}
	s.binding(claim)
}

func sameTime(t *testing.T, what string, got time.Time, want *int64) {
	t.Helper()
	switch {
	case want == nil:
	case *want == 0 && got.IsZero():
	case *want == 0 || got.IsZero() || got.Unix() != *want:
		t.Errorf("%s at %v, want %d", what, got, *want)
	}
}

// expired tests that a cookie proves nothing from the claim's end on, or only a claim that has
// ended: some frameworks take a cookie for good in the second in which it expires.
func (s *suite) expired(claim legacy.Claim) {
	s.Helper()
	if claim.ExpiresAt.IsZero() {
		return
	}
	for _, late := range []time.Duration{0, time.Second, 1000 * 24 * time.Hour} {
		at := claim.ExpiresAt.Add(late)
		got, err := s.source.Open(s.Context(), s.cookies, at)
		if !errors.Is(err, legacy.ErrRejected) && (err != nil || got.ExpiresAt.After(at) || got.ExpiresAt.IsZero()) {
			s.Errorf("%v after its end the cookie is good until %v, %v", late, got.ExpiresAt, err)
		}
	}
}

// data compares the values that are texts, numbers or booleans.
func (s *suite) data(got map[string]string) {
	s.Helper()
	for name, value := range s.c.Expect.Data {
		if number, ok := value.(float64); ok {
			value = strconv.FormatFloat(number, 'f', -1, 64)
		}
		switch value.(type) {
		case string, bool:
			if want := fmt.Sprint(value); got[name] != want {
				s.Errorf("value %q is %q, want %q", name, got[name], want)
			}
		default:
			if text, there := got[name]; there {
				s.Errorf("value %q is %q, and should not be there", name, text)
			}
		}
	}
}

// binding tests that a session is bound to the one password.
func (s *suite) binding(claim legacy.Claim) {
	s.Helper()
	binder, ok := s.source.(legacy.Binder)
	binds := ok && binder.Binds()
	if claim.UserID != "" && binds != (claim.Bound != nil) {
		s.Errorf("the source binds: %v; the claim does: %v", binds, claim.Bound != nil)
	}
	if claim.UserID == "" || claim.Bound == nil {
		return
	}
	for _, other := range []string{"", s.c.PasswordColumn + "x", s.c.PasswordColumn[1:]} {
		if claim.Bound(other) {
			s.Errorf("the session is bound to another password, %d characters long", len(other))
		}
	}
}

// altered tests that no other spelling of a good cookie proves something else.
func (s *suite) altered(want legacy.Claim, everyBit bool) {
	s.Helper()
	for name, value := range s.cookies {
		for other := range spellings(value, everyBit) {
			cookies := maps.Clone(s.cookies)
			cookies[name] = other
			got, err := s.open(cookies)
			switch {
			case errors.Is(err, legacy.ErrRejected), err != nil && other == "" && errors.Is(err, legacy.ErrAbsent):
			case err != nil:
				s.Fatalf("cookie %q as %q: %v, want %v", name, other, err, legacy.ErrRejected)
			case got.UserID != want.UserID || got.Identity != want.Identity:
				s.Fatalf("cookie %q as %q is user %q with identity %q; the original is user %q with %q",
					name, other, got.UserID, got.Identity, want.UserID, want.Identity)
			case got.Identity == "":
				s.Fatalf("cookie %q as %q is accepted, and only its bytes tell it from the original", name, other)
			}
		}
	}
}

// ending tests that End deletes the row.
func (s *suite) ending(claim legacy.Claim) {
	s.Helper()
	if claim.End == nil {
		return
	}
	for range 2 {
		if err := claim.End(s.Context()); err != nil {
			s.Fatalf("End: %v", err)
		}
	}
	_, err := s.open(s.cookies)
	if !errors.Is(err, legacy.ErrRejected) {
		s.Errorf("after End: %v, want %v", err, legacy.ErrRejected)
	}
	if gone, ok := errors.AsType[*legacy.EndedError](err); ok && gone.Identity != claim.Identity || !ok && s.c.stored() {
		s.Errorf("after End: %v, want an EndedError with the identity of the claim", err)
	}
}

// outage tests that a store which is down is not taken for one that has nothing.
func (s *suite) outage(source legacy.Source) {
	s.Helper()
	if !s.c.stored() {
		return
	}
	s.source = source
	claim, err := s.open(s.cookies)
	if err != nil {
		s.Fatalf("opened again: %v", err)
	}
	s.c.down()
	s.absent()
	if _, err := s.open(s.cookies); err == nil || errors.Is(err, legacy.ErrAbsent) || errors.Is(err, legacy.ErrRejected) {
		s.Errorf("with its store down: %v, want an outage", err)
	}
	if err := claim.End(s.Context()); err == nil {
		s.Error("End says that it deleted the row, with the store down")
	}
}

// quotesNothing tests that an error has no part of a cookie in it. Of errors with the same
// text it tests one: cookies that differ by a byte have the other parts in common.
func (s *suite) quotesNothing(err error, cookies map[string]string) {
	s.Helper()
	text := err.Error()
	if s.errors[text] {
		return
	}
	s.errors[text] = true
	const shortest = 8
	for _, value := range cookies {
		for i := range len(value) - shortest + 1 {
			if strings.Contains(text, value[i:i+shortest]) {
				s.Fatalf("the error quotes the cookie: %v", err)
			}
		}
	}
}
