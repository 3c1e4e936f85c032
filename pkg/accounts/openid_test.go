package accounts_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
)

// No account gets the user ID of somebody who signs in at an OpenID provider, whichever way
// it comes in.
func TestNoAccountHasAnOpenID(t *testing.T) {
	id := oidc.UserID("https://issuer.example.com", "alice")
	const want = "the user ID begins with openid:"
	r, other := newElsewhereFixture(t, throttle.Config{})
	_, imported := r.Imported("alice", "", nil, foreign, id)
	added := r.Add(t.Context(), &accounts.Account{Name: "alice", Username: "alice", UserID: id, PasswordHash: foreign, Version: 1, Revision: "r"})
	for way, err := range map[string]error{"Imported": imported, "Add": added} {
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s = %v, want %s", way, err, want)
		}
	}
	other.users["alice"] = accounts.Person{UserID: id, Username: "alice"}
	if _, err := r.signIn(t, "alice", weak); !errors.Is(err, authn.ErrRefused) {
		t.Errorf("a first sign-in from elsewhere = %v, want ErrRefused", err)
	}
	if _, err := r.Find(t.Context(), "alice"); !errors.Is(err, accounts.ErrNotFound) {
		t.Errorf("somebody was stored: %v", err)
	}
}

// TestStoredOpenID: an account that an older release has stored with such an ID does not sign
// in. The log and the check of the names say why.
func TestStoredOpenID(t *testing.T) {
	var log bytes.Buffer
	store := memaccounts.New()
	d := accounts.NewRegistrar(store, accounts.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	id := oidc.UserID("https://issuer.example.com", "alice")
	accountstest.Create(t, store, &accounts.Account{Name: "alice", Username: "alice", UserID: id, PasswordHash: plain.Hash(phrase), Version: 1, Revision: "r"})
	accountstest.Claim(t, store, "\x01id/"+id, "alice")
	if _, err := authenticate(t.Context(), d, "alice", phrase); !errors.Is(err, authn.ErrRefused) || !strings.Contains(log.String(), "msg=account_unusable") || !strings.Contains(log.String(), "reason=openid_id") || !strings.Contains(log.String(), id) {
		t.Errorf("a sign-in = %v, with the log %q", err, &log)
	}
	log.Reset()
	if _, err := authenticate(t.Context(), d, "alice", "wrong"); !errors.Is(err, authn.ErrRefused) || log.Len() > 0 {
		t.Errorf("with a wrong password: %v, %s", err, &log) // else the log would say which names there are
	}
	wantIdentified(t, d, id, authn.ErrRefused)
	var failed error
	for _, err := range d.CheckNames(t.Context(), store.All(t.Context())) {
		failed = errors.Join(failed, err)
	}
	if failed == nil || !strings.Contains(failed.Error(), `user "alice" cannot sign in, since the user ID begins with openid:`) {
		t.Errorf("CheckNames: %v", failed)
	}
}

// liar returns another account than it was asked for, as a database does that compares names
// or IDs in its own way.
type liar struct {
	accounts.Registry
	account *accounts.Account
}

func (l liar) Get(context.Context, string) (*accounts.Account, error) { return l.account.Clone(), nil }

func (l liar) FindID(context.Context, string) (*accounts.Account, error) {
	return l.account.Clone(), nil
}

// TestLyingStore: somebody else's account signs nobody in, even with its own password.
func TestLyingStore(t *testing.T) {
	d := accounts.NewRegistrar(liar{memaccounts.New(), &accounts.Account{Name: "muller", Username: "muller", UserID: "17", PasswordHash: plain.Hash(phrase), Version: 1}}, accounts.Config{})
	if a, err := authenticate(t.Context(), d, "müller", phrase); a != nil || err == nil || errors.Is(err, authn.ErrRefused) {
		t.Errorf("by the name of another user: %v, %v; want an outage", a, err)
	}
	if _, err := authenticate(t.Context(), d, "muller", phrase); err != nil {
		t.Errorf("by the name: %v", err)
	}
	if who, err := d.Identify(t.Context(), "017"); who != nil || err == nil || errors.Is(err, authn.ErrRefused) {
		t.Errorf("by the ID of another user: %v, %v; want an outage", who, err)
	}
}

// TestAttributes: what a store knows of a user besides goes into the session.
func TestAttributes(t *testing.T) {
	account := &accounts.Account{Name: "alice", Username: "Alice", UserID: "17", PasswordHash: plain.Hash(phrase), Version: 1, Attributes: map[string]string{"tenant": "quayside"}}
	d := accounts.NewDirectory(liar{account: account}, accounts.Config{})
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := accounts.NewAuthenticator(d, limiter).Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: phrase})
	if err != nil {
		t.Fatal(err)
	}
	who, err := d.Identify(t.Context(), "17")
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []authn.User{proof.User(), who.User()} {
		if s, err := user.SessionUser(nil, nil); err != nil || s.Values["tenant"] != "quayside" || s.Values[authn.ValueUsername] != "Alice" {
			t.Errorf("the session has %v, %v", s.Values, err)
		}
	}
}

// TestLoggers: what happens to accounts and to attempts goes to the loggers that are passed,
// and nothing to the default.
func TestLoggers(t *testing.T) { synctest.Test(t, testLoggers) }

func testLoggers(t *testing.T) {
	var global, directory, limits bytes.Buffer
	to := func(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
	before := slog.Default()
	slog.SetDefault(to(&global))
	defer slog.SetDefault(before)
	store := memaccounts.New()
	d := accounts.NewRegistrar(store, accounts.Config{Logger: to(&directory)})
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{Name: throttle.Ladder{Free: 1, First: time.Second, Longest: time.Second, Lock: 2}, Logger: to(&limits)})
	if err != nil {
		t.Fatal(err)
	}
	authenticator := accounts.NewAuthenticator(d.Directory, limiter)
	accountstest.Create(t, store, &accounts.Account{Name: "alice", UserID: "17", PasswordHash: foreignHash, Version: 1})
	for _, pw := range []string{foreignPhrase, "wrong", "wrong"} {
		if proof, err := authenticator.Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: pw}); err == nil {
			proof.Succeed(t.Context())
		}
		time.Sleep(2 * time.Second)
	}
	for text, log := range map[string]*bytes.Buffer{"password_rehashed": &directory, "authn_login_lock": &limits} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("the logger has no %s: %s", text, log)
		}
	}
	if global.Len() > 0 {
		t.Errorf("the default logger has %s", &global)
	}
}
