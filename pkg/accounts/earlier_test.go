package accounts_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
)

// TestSpellings: a new account is found by every spelling of its name, for everything
// that takes a name.
func TestSpellings(t *testing.T) {
	for typed, others := range map[string][]string{
		"Γιώργος":          {"Γιώργος", "ΓΙΏΡΓΟΣ", "γιώργοσ", " γιώργος\n"},
		"straße":           {"straße", "STRASSE", "Strasse", "STRAẞE"},
		" alice\t":         {"alice", "\nALICE ", "al\u00adice", "\u200ealice\u200f"},
		"İnan":             {"inan", "İNAN", "INAN", "i\u0307nan"},
		"e\u200dve":        {"eve", "EVE\u2060"},
		"zo\ufe0fe\u0308x": {"zoëx", "ZOËX"},
	} {
		c := newCountingDirectory(t)
		made, err := c.Register(t.Context(), typed, "", nil, phrase)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range append(others, typed, made.Username) {
			if a, err := authenticate(t.Context(), c.Registrar, other, phrase); err != nil || a.UserID != made.UserID {
				t.Errorf("%+q signs in as %+q: %v, %v", other, typed, a, err)
			}
			if a, err := c.Find(t.Context(), other); err != nil || a.UserID != made.UserID {
				t.Errorf("Find(%+q) = %v, %v; want %+q", other, a, err, typed)
			}
			if err := c.SetPreferences(t.Context(), made.UserID, other, map[string]string{"theme": "dark"}); err != nil {
				t.Errorf("SetPreferences of %+q: %v", other, err)
			}
			if _, err := c.Register(t.Context(), other, "", nil, phrase); !errors.Is(err, accounts.ErrExists) {
				t.Errorf("%+q is registered beside %+q: %v", other, typed, err)
			}
		}
	}
}

// TestUsernameHidesNothing: what is stored of a name as it was typed can be seen.
func TestUsernameHidesNothing(t *testing.T) {
	for typed, want := range map[string]string{
		"\t Alice\u00a0\n":       "Alice",
		"\u202eA\u200bl\u00adi ": "Ali",
		"می\u200cخواهم":          "میخواهم",
		"❤\ufe0f":                "❤",
	} {
		c := newCountingDirectory(t)
		a, err := c.Imported(typed, "", nil, "!", "")
		if err != nil || a.Username != want || a.DisplayName != want {
			t.Errorf("%+q: %+v, %v; want %+q", typed, a, err, want)
		}
		if a, err := c.Imported(typed, "می\u200cخواهم", nil, "!", ""); err != nil || a.DisplayName != "می\u200cخواهم" {
			t.Errorf("a display name keeps its joiners: %+v, %v", a, err)
		}
	}
}

// TestEarlierAccounts: an account that was stored by the rule before is found by the
// spellings that found it then. So is each of two that are one name by the rule of today.
func TestEarlierAccounts(t *testing.T) {
	c := newCountingDirectory(t)
	for key, username := range map[string]string{"straße": "Straße", "strasse": "STRASSE", "γιώργος": "Γιώργος", "a\u200bb": "A\u200bB", "\u200b": "\u200b", "inan": "İnan"} {
		a := accountstest.Sample(key)
		a.Username, a.UserID, a.Disabled, a.PasswordHash, a.FrozenUntil = username, "id of "+key, false, plain.Hash(phrase), time.Time{}
		accountstest.Create(t, c.store.Registry, a)
	}
	for typed, test := range map[string]struct {
		key  string
		gets int
	}{
		"Straße":        {"straße", 2},
		"STRAßE ":       {"straße", 2},
		"STRASSE":       {"strasse", 1},
		"Γιώργος":       {"γιώργος", 2},
		"γιώργοσ":       {"", 1}, // it found nobody before either
		"A\u200bB":      {"a\u200bb", 2},
		"ab":            {"", 1},
		"\u200b":        {"\u200b", 1},
		"İnan":          {"inan", 1},
		"nobody":        {"", 1},
		"nobody\tß":     {"", 1}, // was refused before: a control character
		"nobody ß":      {"", 2},
		"\tstrasse\n":   {"strasse", 1},
		"\u00adinan":    {"inan", 2},
		"inan\u0307":    {"", 1},
		"strasse\u200e": {"strasse", 2},
	} {
		c.store.gets = 0
		a, err := authenticate(t.Context(), c.Registrar, typed, phrase)
		if test.key == "" && !errors.Is(err, authn.ErrRefused) || test.key != "" && (err != nil || a.Name != test.key) {
			t.Errorf("%+q signs in as %+v, %v; want %+q", typed, a, err, test.key)
		}
		if c.store.gets != test.gets && typed != "nobody\tß" {
			t.Errorf("%+q costs %d reads, want %d", typed, c.store.gets, test.gets)
		}
		if test.key != "" && err == nil {
			if err := c.SetPreferences(t.Context(), a.UserID, typed, map[string]string{"theme": "light"}); err != nil {
				t.Errorf("SetPreferences of %+q: %v", typed, err)
			}
			if err := c.SetPreferences(t.Context(), a.UserID, a.Username, map[string]string{"theme": "dark"}); err != nil {
				t.Errorf("SetPreferences of %+q: %v", a.Username, err)
			}
			if err := c.SetPreferences(t.Context(), "another id", typed, nil); err != authn.ErrNoUser {
				t.Errorf("SetPreferences of another user named %+q: %v", typed, err)
			}
		}
	}
}

// TestOutageOfEitherRead: where a name is looked up under two keys, an outage of one
// read is an outage, whatever the other one finds.
func TestOutageOfEitherRead(t *testing.T) {
	down := errors.New("down")
	for _, key := range []string{"straße", "strasse"} {
		for _, stored := range []string{"straße", "strasse", "other"} {
			memory := memaccounts.New()
			accountstest.Create(t, memory, accountstest.Sample(stored))
			directory := accounts.NewRegistrar(readFails{memory, key, down}, accounts.Config{Hasher: plain})
			if _, err := authenticate(t.Context(), directory, "straße", phrase); !errors.Is(err, down) {
				t.Errorf("%s is there, and reading %s fails: %v, want an outage", stored, key, err)
			}
		}
	}
}

// readFails is a store in which one key cannot be read.
type readFails struct {
	accounts.Registry
	key string
	err error
}

func (s readFails) Get(ctx context.Context, key string) (*accounts.Account, error) {
	if key == s.key {
		return nil, s.err
	}
	return s.Registry.Get(ctx, key)
}

// TestOneCounterForAllSpellings: guesses at one name are counted together, however it is
// spelt, also at an account with an earlier key. What an operator sees and unlocks is
// that counter.
func TestOneCounterForAllSpellings(t *testing.T) {
	testenv.Log(t)
	for _, stored := range []string{"straße", "strasse", "nobody"} {
		users := memaccounts.New()
		alice := &accounts.Account{Name: stored, Username: stored, UserID: "u", PasswordHash: plain.Hash(phrase), Version: 1}
		accountstest.Create(t, users, alice)
		limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
		if err != nil {
			t.Fatal(err)
		}
		authenticator := accounts.NewAuthenticator(accounts.NewDirectory(users, accounts.Config{Hasher: plain}), limiter)
		try := func(name string) error {
			_, err := authenticator.Authenticate(t.Context(), authn.Attempt{Username: name, Password: "wrong"})
			return err
		}
		for i := range 10 {
			if err := try([]string{"straße", "STRASSE", "\u200bStrasse", "STRAẞE\n"}[i%4]); !errors.Is(err, authn.ErrRefused) {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"straße", "STRASSE"} {
			if _, ok := errors.AsType[*authn.ThrottledError](try(name)); !ok {
				t.Errorf("%s is stored, and the 11th guess at %s is not throttled", stored, name)
			}
		}
		if stored == "nobody" {
			continue
		}
		if stops, err := limiter.Stops(t.Context(), alice.Subject()); err != nil || len(stops[0]) != 1 {
			t.Errorf("%s: stops %v, %v; want one", stored, stops, err)
		}
		if err := limiter.Unlock(t.Context(), alice.Subject()); err != nil {
			t.Fatal(err)
		}
		if err := try("STRASSE"); !errors.Is(err, authn.ErrRefused) {
			t.Errorf("after unlocking %s: %v", stored, err)
		}
	}
}

// TestReadsTogether: the reads of two keys are made at the same time.
func TestReadsTogether(t *testing.T) {
	memory := memaccounts.New()
	accountstest.Create(t, memory, accountstest.Sample("straße"))
	store := &meeting{Registry: memory, both: make(chan struct{})}
	if _, err := accounts.NewRegistrar(store, accounts.Config{Hasher: plain}).Find(t.Context(), "straße"); err != nil {
		t.Error(err)
	}
}

// meeting is a store whose reads wait until there are two.
type meeting struct {
	accounts.Registry
	reads atomic.Int32
	both  chan struct{}
}

func (s *meeting) Get(ctx context.Context, name string) (*accounts.Account, error) {
	if s.reads.Add(1) == 2 {
		close(s.both)
	}
	<-s.both
	return s.Registry.Get(ctx, name)
}
