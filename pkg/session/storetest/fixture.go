package storetest

import (
	"crypto/rand"
	"encoding/base64"
	"math"
	mathrand "math/rand/v2"
	"strings"
	"time"
	"unicode"

	"example.com/coatcheck/pkg/session"
)

// The client that touches a session, unless a rule is about others.
const (
	lastIP        = "192.0.2.2"
	lastUserAgent = "storetest/2.0"
)

// newSession returns the session of a new user, with a value in every field. Its
// times are in the year 2100. So a store that compares them with a clock fails, and
// no clean-up in the background removes the session.
func newSession() *session.Session {
	created := time.Date(2100, 2, 3, 4, 5, 6, int(789*time.Millisecond), time.UTC)
	second := created.Truncate(time.Second)
	return &session.Session{
		ID:              newID(),
		UserID:          "storetest " + rand.Text(),
		Roles:           []string{"admin", "auditor"},
		Values:          map[string]string{"display_name": "Alice", "theme": "dark"},
		CreatedAt:       created,
		AuthenticatedAt: second.Add(time.Minute),
		LastSeenAt:      second.Add(2 * time.Minute),
		ExpiresAt:       second.Add(32 * time.Minute),
		EndsAt:          second.Add(48 * time.Hour),
		Persistent:      true,
		Version:         newVersion(),
		IP:              "192.0.2.1",
		UserAgent:       "storetest/1.0",
		LastIP:          lastIP,
		LastUserAgent:   lastUserAgent,
		Secret:          newSecret(),
		PreviousSecret:  newSecret(),
	}
}

// sibling returns another session of s's user, a minute younger.
func sibling(s *session.Session) *session.Session {
	other := newSession()
	other.UserID, other.CreatedAt = s.UserID, s.CreatedAt.Add(time.Minute)
	return other
}

// changed returns a copy of s with other Roles, Values and secrets. These are the
// fields that an Update may write.
func changed(s *session.Session) *session.Session {
	c := s.Clone()
	c.Roles = []string{"guest"}
	c.Values = map[string]string{"theme": "light", "language": "de"}
	c.Secret, c.PreviousSecret = newSecret(), s.Secret
	c.ExpiresAt = time.Time{}
	return c
}

// written returns what the store holds after u, an Update without expiry, has
// replaced s.
func written(s, u *session.Session, version int64) *session.Session {
	w := s.Clone()
	w.Roles, w.Values = u.Roles, u.Values
	w.Secret, w.PreviousSecret = u.Secret, u.PreviousSecret
	w.Version = version
	return w.Clone()
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func newSecret() (secret [32]byte) {
	rand.Read(secret[:])
	return secret
}

func newVersion() int64 { return 1 + mathrand.Int64N(math.MaxInt64) }

// swapCase turns upper case into lower and the other way round.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}
