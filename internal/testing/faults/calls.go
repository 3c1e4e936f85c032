package faults

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"reflect"
	"time"

	"example.com/coatcheck/pkg/session"
)

// Now is the current time in the tests that do not need the real time. A Store never
// reads a clock. Now is far in the future, because Redis uses its own clock to remove
// sessions that are long dead.
var Now = time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)

// NewSession returns a session of a new user that is alive at Now.
func NewSession() *session.Session {
	return &session.Session{
		ID:              ID(),
		UserID:          rand.Text(),
		Roles:           []string{"reader"},
		Values:          map[string]string{"count": "1"},
		CreatedAt:       Now.Add(-time.Hour + 678*time.Millisecond),
		AuthenticatedAt: Now.Add(-time.Hour),
		LastSeenAt:      Now.Add(-time.Minute),
		ExpiresAt:       Now.Add(29 * time.Minute),
		Version:         1,
		IP:              "192.0.2.1",
		UserAgent:       "test/1.0",
		Secret:          [32]byte{1},
		PreviousSecret:  [32]byte{2},
	}
}

// ID returns a new session ID.
func ID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Call is a call of one method of a Store, with arguments that make it succeed.
type Call struct {
	Method string // as in session.Store

	// Do calls the method for s. The session s must be stored and alive at Now.
	Do func(ctx context.Context, store session.Store, s *session.Session) error

	// Leaves returns what the store has for s after the call, or nil if it has
	// nothing.
	Leaves func(s *session.Session) *session.Session

	// Again is the error of the same call if it is made a second time, after the
	// first was carried out.
	Again error
}

var (
	Get = Call{"Get", func(ctx context.Context, store session.Store, s *session.Session) error {
		got, err := store.Get(ctx, s.Key())
		if err == nil && !reflect.DeepEqual(got, s) {
			return fmt.Errorf("get returned %+v, want %+v", got, s)
		}
		return err
	}, unchanged, nil}

	List = Call{"List", func(ctx context.Context, store session.Store, s *session.Session) error {
		got, err := store.List(ctx, s.Key().Owner)
		if err == nil && !reflect.DeepEqual(got, []*session.Session{s}) {
			return fmt.Errorf("list returned %+v, want %+v alone", got, s)
		}
		return err
	}, unchanged, nil}

	Update = Call{"Update", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Update(ctx, Write(Updated(s), s.Version), Now, Updated(s).Version)
	}, Updated, nil}

	Touch = Call{"Touch", func(ctx context.Context, store session.Store, s *session.Session) error {
		return touch(ctx, store, Touched(s))
	}, Touched, nil}

	Logout = Call{"Delete with a secret", func(ctx context.Context, store session.Store, s *session.Session) error {
		_, err := store.Delete(ctx, s.Key(), &s.Secret, Now)
		return err
	}, nothing, session.ErrNoSession}

	Revoke = Call{"Delete", func(ctx context.Context, store session.Store, s *session.Session) error {
		_, err := store.Delete(ctx, s.Key(), nil, Now)
		return err
	}, nothing, session.ErrNoSession}

	// Create and CreateAndList are the only Calls for a session that is not stored yet.
	Create = Call{"Create", func(ctx context.Context, store session.Store, s *session.Session) error {
		return store.Create(ctx, s)
	}, unchanged, session.ErrConflict}

	// CreateAndList is only for a [session.CreateLister].
	CreateAndList = Call{"CreateAndList", func(ctx context.Context, store session.Store, s *session.Session) error {
		got, err := store.(session.CreateLister).CreateAndList(ctx, s)
		if err == nil && len(got) > 0 && !reflect.DeepEqual(got, []*session.Session{s}) {
			return fmt.Errorf("createAndList returned %+v, want %+v alone", got, s)
		}
		if err != nil && len(got) > 0 {
			return fmt.Errorf("createAndList returned sessions and %w", err)
		}
		return err
	}, unchanged, session.ErrConflict}

	// Repeatable are the calls that may be sent more than once.
	Repeatable = []Call{Get, List, Update, Touch, Logout, Revoke}

	// All are the calls that every store has: those of Repeatable, and Create before them.
	All = append([]Call{Create}, Repeatable...)
)

// Creates reports whether the call is for a session that is not stored yet.
func (c Call) Creates() bool { return c.Method == Create.Method || c.Method == CreateAndList.Method }

func unchanged(s *session.Session) *session.Session { return s }

func nothing(*session.Session) *session.Session { return nil }

// Updated returns what the call Update makes of s.
func Updated(s *session.Session) *session.Session {
	s = s.Clone()
	s.Roles, s.Values = []string{"admin"}, map[string]string{"count": "2"}
	s.PreviousSecret, s.Secret = s.Secret, [32]byte{3}
	s.Version = 2
	return s
}

// Touched returns what the call Touch makes of s.
func Touched(s *session.Session) *session.Session { return touchedAt(s, Now) }

// TouchedLater returns what [Fixture.TouchLater] makes of s.
func TouchedLater(s *session.Session) *session.Session { return touchedAt(s, Now.Add(time.Minute)) }

func touchedAt(s *session.Session, now time.Time) *session.Session {
	s = s.Clone()
	s.LastSeenAt, s.ExpiresAt = now, now.Add(30*time.Minute)
	s.LastIP, s.LastUserAgent = "192.0.2.2", "test/2.0"
	return s
}

// touch makes the stored session what s is, which is touched.
func touch(ctx context.Context, store session.Store, s *session.Session) error {
	return store.Touch(ctx, s.Key(), s.LastSeenAt, s.ExpiresAt, s.LastIP, s.LastUserAgent)
}

// Foreign returns what an update by another request makes of s.
func Foreign(s *session.Session) *session.Session {
	s = s.Clone()
	s.Values = map[string]string{"count": "foreign"}
	s.Version = 99
	return s
}

// Write returns the argument of an Update that replaces the given version with s.
func Write(s *session.Session, version int64) *session.Session {
	s = s.Clone()
	s.Version, s.ExpiresAt = version, time.Time{}
	return s
}
