package bridge_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/authn"
)

var errOutage = errors.New("connection refused")

// monolith is a source whose cookie is a name for a claim.
type monolith struct {
	cookie string
	binds  bool

	mu     sync.Mutex
	claims map[string]legacy.Claim // by the cookie's value
	rows   map[string]bool         // by the identity; only these have an End
	down   map[string]error        // by "Open", "End" and "Password"
	hashes map[string]string       // by the user's ID
	opened []string                // what Open was called with
}

func newMonolith(cookie string) *monolith {
	return &monolith{cookie: cookie, claims: map[string]legacy.Claim{}, rows: map[string]bool{}, down: map[string]error{}, hashes: map[string]string{}}
}

func (m *monolith) Cookies() []string { return []string{m.cookie} }

func (m *monolith) Binds() bool { return m.binds }

func (m *monolith) Open(_ context.Context, cookies map[string]string, _ time.Time) (legacy.Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened = append(m.opened, cookies[m.cookie])
	c, known := m.claims[cookies[m.cookie]]
	exists, isRow := m.rows[c.Identity]
	switch {
	case m.down["Open"] != nil:
		return legacy.Claim{}, m.down["Open"]
	case !known:
		return legacy.Claim{}, legacy.ErrRejected
	case isRow && !exists:
		return legacy.Claim{}, &legacy.EndedError{Identity: c.Identity}
	}
	if isRow {
		c.End = func(context.Context) error { return m.endRow(c.Identity) }
	}
	return c, nil
}

func (m *monolith) endRow(identity string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down["End"] == nil {
		m.rows[identity] = false
	}
	return m.down["End"]
}

func (m *monolith) hasRow(identity string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rows[identity]
}

func (m *monolith) password(_ context.Context, userID string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hashes[userID], m.down["Password"]
}

// signIn makes a session at the monolith with a row, and returns the cookie's value.
func (m *monolith) signIn(value string, c legacy.Claim) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claims[value] = c
	return value
}

// account is a user as the users below keep one.
type account struct {
	user                     authn.User
	disabled, frozen, closed bool
	importedHash             string
	version                  int

	frozenUntil time.Time // of a change of the password that is under way
	change      string    // the session whose user makes that change
	changedBy   string    // the session whose user has made the last one
}

// users is an authn.Identifier.
type users struct {
	mu   sync.Mutex
	all  map[string]account // by their IDs
	down error
	late func() // called before a Confirm
}

func (u *users) get(id string) (account, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a, ok := u.all[id]
	if !a.frozenUntil.IsZero() && !time.Now().Before(a.frozenUntil) { // whoever meets an old one clears it
		a.frozenUntil, a.change = time.Time{}, ""
		a.version++
		u.all[id] = a
	}
	switch {
	case u.down != nil:
		return account{}, u.down
	case !ok, a.disabled:
		return account{}, authn.ErrRefused
	case a.frozen, !a.frozenUntil.IsZero():
		return account{}, authn.ErrBusy
	}
	return a, nil
}

// change changes the account with the ID and its version.
func (u *users) change(id string, change func(*account)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	a := u.all[id]
	change(&a)
	a.version++
	u.all[id] = a
}

func (u *users) Identify(_ context.Context, userID string) (authn.Identity, error) {
	a, err := u.get(userID)
	if err != nil {
		return nil, err
	}
	return identity{a, userID, u}, nil
}

type identity struct {
	account
	id    string
	users *users
}

func (i identity) User() authn.User     { return i.user }
func (i identity) Closed() bool         { return i.closed }
func (i identity) ImportedHash() string { return i.importedHash }

func (i identity) Confirm(context.Context) error {
	if i.users.late != nil {
		i.users.late()
	}
	now, err := i.users.get(i.id)
	if err == nil && now.version != i.version {
		return authn.ErrRefused
	}
	return err
}

// hooks is a bridge.Store whose calls may fail.
type hooks struct {
	bridge.Store
	mu     sync.Mutex
	before map[string]func() error // by the method's name
	calls  []string
}

func (h *hooks) call(method string) error {
	h.mu.Lock()
	h.calls = append(h.calls, method)
	f := h.before[method]
	h.mu.Unlock()
	if f == nil {
		return nil
	}
	return f()
}

func (h *hooks) PutLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	if err := h.call("PutLink"); err != nil {
		return bridge.Link{}, err
	}
	stored, err := h.Store.PutLink(ctx, l)
	return stored, cmp.Or(err, h.call("after PutLink"))
}

func (h *hooks) GetLink(ctx context.Context, id string) (bridge.Link, error) {
	if err := h.call("GetLink"); err != nil {
		return bridge.Link{}, err
	}
	return h.Store.GetLink(ctx, id)
}

func (h *hooks) DeleteLink(ctx context.Context, id, nonce string) error {
	if err := h.call("DeleteLink"); err != nil {
		return err
	}
	return h.Store.DeleteLink(ctx, id, nonce)
}

func (h *hooks) EndLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	if err := h.call("EndLink"); err != nil {
		return bridge.Link{}, err
	}
	before, err := h.Store.EndLink(ctx, l)
	return before, cmp.Or(err, h.call("after EndLink"))
}

func (h *hooks) PutSeal(ctx context.Context, owner string, at time.Time) error {
	if err := h.call("PutSeal"); err != nil {
		return err
	}
	return h.Store.PutSeal(ctx, owner, at)
}

func (h *hooks) GetSeal(ctx context.Context, owner string) (time.Time, error) {
	if err := h.call("GetSeal"); err != nil {
		return time.Time{}, err
	}
	return h.Store.GetSeal(ctx, owner)
}

func (h *hooks) GetWindow(ctx context.Context) (bridge.Window, error) {
	if err := h.call("GetWindow"); err != nil {
		return bridge.Window{}, err
	}
	return h.Store.GetWindow(ctx)
}

// sessionHooks is a session.Store with hooks around Create, and before Delete.
type sessionHooks struct {
	session.Store
	before, after, beforeDelete func() error
}

func (h *sessionHooks) Create(ctx context.Context, s *session.Session) error {
	if h.before != nil {
		if err := h.before(); err != nil {
			return err
		}
	}
	if err := h.Store.Create(ctx, s); err != nil || h.after == nil {
		return err
	}
	return h.after()
}

func (h *sessionHooks) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if h.beforeDelete != nil {
		if err := h.beforeDelete(); err != nil {
			return "", err
		}
	}
	return h.Store.Delete(ctx, key, secret, now)
}

// fixture is a bridge from one monolith, whose cookie is called mono.
type fixture struct {
	*testing.T
	*bridge.Bridge
	log      *bytes.Buffer
	monolith *monolith
	users    *users
	store    *hooks
	stored   *sessionHooks
	sessions *session.Manager
	config   bridge.Config
}

// newFixture has the user u1, and a session of theirs at the monolith that began an hour
// ago. Its cookie's value is "s1", and so are its identity and its row.
func newFixture(t *testing.T, changes ...func(*bridge.Config)) *fixture {
	t.Helper()
	f := &fixture{T: t, log: testenv.Log(t), monolith: newMonolith("mono"), store: &hooks{Store: membridge.New(), before: map[string]func() error{}}}
	f.users = &users{all: map[string]account{"u1": {user: authn.User{ID: "u1", Username: "alice", DisplayName: "Alice", Roles: []string{"member"}}}}}
	f.stored = &sessionHooks{Store: memstore.New()}
	var err error
	f.sessions, err = session.New(f.stored, session.Config{BeforeEnding: bridge.BeforeEnding(f.store, false)})
	if err != nil {
		t.Fatal(err)
	}
	f.monolith.rows["s1"] = true
	f.monolith.signIn("s1", legacy.Claim{UserID: "u1", Identity: "s1", SignedInAt: time.Now().Add(-time.Hour), ExpiresAt: time.Now().Add(24 * time.Hour)})
	f.config = bridge.Config{
		Sessions: f.sessions, Users: f.users, Store: f.store, EndsAt: time.Now().Add(30 * 24 * time.Hour),
		Sources: []bridge.Source{{Source: f.monolith, Name: "shop"}},
	}
	for _, change := range changes {
		change(&f.config)
	}
	if f.Bridge, err = bridge.New(t.Context(), f.config); err != nil {
		t.Fatal(err)
	}
	return f
}

// change changes the claim with that cookie.
func (f *fixture) change(value string, change func(*legacy.Claim)) {
	f.monolith.mu.Lock()
	defer f.monolith.mu.Unlock()
	c := f.monolith.claims[value]
	change(&c)
	f.monolith.claims[value] = c
}

func (f *fixture) request(cookies ...string) *http.Request {
	r := httptest.NewRequestWithContext(f.Context(), "POST", "/convert", nil)
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	return r
}

// convert converts the session at the monolith whose cookies are given, and returns the
// token of ours.
func (f *fixture) convert(cookies ...string) (*session.Session, string, error) {
	f.Helper()
	w := httptest.NewRecorder()
	s, err := f.Convert(w, f.request(cookies...))
	set := w.Result().Cookies()
	if (err == nil) != (len(set) == 1) || (err == nil) != (s != nil) {
		f.Fatalf("Convert: %v, %v and %d cookies", s, err, len(set))
	}
	if err != nil {
		return nil, "", err
	}
	return s, set[0].Value, nil
}

func (f *fixture) mustConvert(cookies ...string) (*session.Session, string) {
	f.Helper()
	s, token, err := f.convert(cookies...)
	if err != nil {
		f.Fatal(err)
	}
	return s, token
}

// want converts and checks the error. An outage is errOutage.
func (f *fixture) want(want error, cookies ...string) {
	f.Helper()
	if _, _, err := f.convert(cookies...); !errors.Is(err, want) || want == nil && err != nil {
		f.Fatalf("Convert: %v, want %v", err, want)
	}
}

// alive reports whether the token is that of a live session.
func (f *fixture) alive(token string) bool {
	f.Helper()
	r := httptest.NewRequestWithContext(f.Context(), "GET", "/", nil)
	r.Header.Set("Cookie", "__Host-SESSIONID="+token)
	_, err := f.sessions.Load(r)
	if err != nil && !errors.Is(err, session.ErrNoSession) {
		f.Fatal(err)
	}
	return err == nil
}

func (f *fixture) sessionsOf(userID string) []*session.Session {
	f.Helper()
	all, err := f.sessions.List(f.Context(), userID)
	if err != nil {
		f.Fatal(err)
	}
	return all
}

// links returns the links by their IDs.
func (f *fixture) links() map[string]bridge.Link {
	f.Helper()
	links := map[string]bridge.Link{}
	for l, err := range f.store.Links(f.Context()) {
		if err != nil {
			f.Fatal(err)
		}
		links[l.ID] = l
	}
	return maps.Clone(links)
}

// cancellable is a request that its client can leave.
func (f *fixture) cancellable(cookies ...string) (*http.Request, func()) {
	ctx, cancel := context.WithCancel(f.Context())
	return f.request(cookies...).WithContext(ctx), cancel
}

// pairs is a source with the cookies mono and mono.sig, of which the second is "good".
type pairs struct{ *monolith }

func (p pairs) Cookies() []string { return []string{"mono", "mono.sig"} }

func (p pairs) Open(ctx context.Context, cookies map[string]string, now time.Time) (legacy.Claim, error) {
	if cookies["mono.sig"] != "good" || cookies["mono"] != "s1" {
		return legacy.Claim{}, legacy.ErrRejected
	}
	return p.monolith.Open(ctx, cookies, now)
}

// failingOpen is a store in which no window can be opened while it is down.
type failingOpen struct {
	bridge.Store
	down bool
}

func (f *failingOpen) OpenWindow(ctx context.Context, endsAt time.Time) (bridge.Window, error) {
	if f.down {
		return bridge.Window{}, errOutage
	}
	return f.Store.OpenWindow(ctx, endsAt)
}
