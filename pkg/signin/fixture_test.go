package signin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "example.com/coatcheck/internal/testing/cheaphash"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/audit/memaudit"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/site"
)

const (
	phrase      = "correct horse battery staple"
	wrongPhrase = "incorrect horse battery staple"

	rightForm = "username=alice&password=correct+horse+battery+staple"
	rightJSON = `{"username":"alice","password":"correct horse battery staple"}`
	wrongForm = "username=alice&password=incorrect+horse+battery+staple"
	wrongJSON = `{"username":"alice","password":"incorrect horse battery staple"}`

	asForm = "application/x-www-form-urlencoded"
	asJSON = "application/json"
)

// fixture is the whole product on stores that record every call and can be made to
// fail. At the end of every test its log is checked.
type fixture struct {
	pages      *Pages
	t          *testing.T
	handler    http.Handler
	stores     stores // the stores themselves, without the recording of calls
	sessions   *session.Manager
	accounts   *accountStore
	limiter    *throttle.Limiter
	trail      *memaudit.Store
	log        syncBuffer
	ownAnswers bool     // a part of the program's own answers, as no document of ours says
	answers    answered // to requests of send, as docs/openapi.yaml names them
	secrets    []string // the secrets of all tokens in requests and answers; none may be logged
	id         string   // replaces {id} in a route; "" means an ID of no session
	language   string   // the Accept-Language of requests that have none
	clock
	callRecorder
}

// newFixture returns a fixture in memory, for use in a bubble.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	return newFixtureOn(t, stores{memstore.New(), memaccounts.New(), memaccounts.NewAttempts()})
}

func newFixtureOn(t *testing.T, stores stores) *fixture {
	t.Helper()
	r := &fixture{t: t, stores: stores, trail: memaudit.New(), callRecorder: callRecorder{hooks: map[string]func() error{}}}
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&r.log, nil)))
	t.Cleanup(func() {
		slog.SetDefault(before)
		r.checkLog()
	})
	r.accounts = &accountStore{Registry: stores.accounts, callRecorder: &r.callRecorder}
	r.addAccount(&accounts.Account{Name: "alice", Username: "Alice", UserID: "alice-id", DisplayName: "Alice Liddell", Roles: []string{"member"}})
	r.addAccount(&accounts.Account{Name: "dora", Username: "Dora", UserID: "dora-id", DisplayName: "Dora", Disabled: true})
	var err error
	r.sessions, err = session.New(sessionStore{stores.sessions, &r.callRecorder}, session.Config{
		ErrorHandler: r.fail,
		MaxSessions:  -1, // a limit needs a call at a time that is not fixed among the other calls of a login
	})
	if err != nil {
		t.Fatal(err)
	}
	r.limit(throttle.Config{})
	return r
}

// limit replaces the limits of attempts to sign in.
func (r *fixture) limit(cfg throttle.Config) {
	r.t.Helper()
	if cfg.Network == (throttle.Window{}) {
		cfg.Network = throttle.Window{Limit: 100, Period: testenv.Period()} // with the default limit
	}
	var err error
	if r.limiter, err = throttle.New(attemptStore{r.stores.attempts, &r.callRecorder}, cfg); err != nil {
		r.t.Fatal(err)
	}
	r.serveAt("")
}

// window is how long after a login a user may end sessions.
const window = 15 * time.Minute

// serveAt serves all routes at the public origin.
func (r *fixture) serveAt(origin string) { r.serveSite(site.Site{Origin: origin}) }

// pagesFor returns the Pages of a site.
func pagesFor(t testing.TB, s site.Site) *Pages {
	t.Helper()
	p, err := NewPages(Config{Site: s, Activity: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// serveSite serves all routes of the site.
func (r *fixture) serveSite(s site.Site) {
	var all []Routes
	for _, routes := range r.routes() {
		all = append(all, routes)
	}
	r.pages = pagesFor(r.t, s)
	r.handler = r.pages.Handler(all...)
}

// fail is the ErrorHandler of the sessions: that of the site that is served.
func (r *fixture) fail(w http.ResponseWriter, req *http.Request, err error) {
	r.pages.Fail(w, req, err)
}

var phraseHash = sync.OnceValue(func() string { return password.Hasher{}.Hash(phrase) })

// addAccount stores an account whose password is phrase.
func (r *fixture) addAccount(a *accounts.Account) {
	r.t.Helper()
	a.PasswordHash = phraseHash()
	a.Version, a.Revision = 1, "first"
	if err := r.accounts.Registry.Create(context.Background(), a); err != nil {
		r.t.Fatal(err)
	}
}

// deleteAccount removes an account behind the routes' back.
func (r *fixture) deleteAccount(name string) {
	r.t.Helper()
	a, err := r.stores.accounts.Get(context.Background(), name)
	if err == nil {
		err = r.stores.accounts.Delete(context.Background(), a)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// response is the response to a client.
type response struct {
	status int
	header http.Header
	body   string
}

func (resp response) cookies() []string { return resp.header["Set-Cookie"] }

// do sends a request directly to the handler. Calls recorded before are dropped.
func (r *fixture) do(req *http.Request) response { return r.send(directly, req) }

func directly(_ *testing.T, h http.Handler, req *http.Request) response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return response{w.Code, w.Result().Header, w.Body.String()}
}

func (r *fixture) send(transport func(*testing.T, http.Handler, *http.Request) response, req *http.Request) response {
	r.t.Helper()
	r.remember(req.Header["Cookie"])
	if r.language != "" && req.Header.Get("Accept-Language") == "" {
		req.Header.Set("Accept-Language", r.language)
	}
	r.startOver()
	sent := bodyOf(req)
	resp := transport(r.t, r.handler, req)
	r.remember(resp.cookies())
	r.keepsContract(req, sent, resp)
	if got := resp.header.Get("WWW-Authenticate"); (got == session.Challenge) != (resp.status == http.StatusUnauthorized) {
		r.t.Errorf("%s %s: status %d with WWW-Authenticate %q", req.Method, req.URL, resp.status, got)
	}
	return resp
}

var tokenShape = regexp.MustCompile(`[\w-]{22}\.[\w-]{22}\.([\w-]{43})`)

func (r *fixture) remember(lines []string) {
	for _, line := range lines {
		for _, token := range tokenShape.FindAllStringSubmatch(line, -1) {
			r.secrets = append(r.secrets, token[1])
		}
	}
}

// signIn returns the Cookie header of a new session of alice. It is like the session
// of a login, but costs no hash.
func (r *fixture) signIn() string { r.t.Helper(); return r.signInAs("alice") }

// signInAs does the same for another account.
func (r *fixture) signInAs(name string) string {
	r.t.Helper()
	account, err := r.accounts.Registry.Get(context.Background(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	w, req := httptest.NewRecorder(), get("/login")
	user, err := (&accounts.Proof{Account: account}).User().SessionUser(req, nil)
	if err == nil {
		_, err = r.sessions.Create(w, req, user)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	resp := response{header: w.Result().Header}
	r.remember(resp.cookies())
	return cookieOf(resp)
}

// cookieOf returns the Cookie header that a browser sends after the response's one
// Set-Cookie.
func cookieOf(resp response) string {
	pair, _, _ := strings.Cut(resp.cookies()[0], ";")
	return pair
}

// profileStatus returns the status of the profile for the cookie: 200 if the cookie
// is valid, 401 if not.
func (r *fixture) profileStatus(cookie string) int {
	r.t.Helper()
	return r.do(with(get("/profile"), "Cookie", cookie)).status
}

// live returns how many live sessions alice has.
func (r *fixture) live() int {
	r.t.Helper()
	all, err := r.sessions.List(context.Background(), "alice-id")
	if err != nil {
		r.t.Fatal(err)
	}
	return len(all)
}

func get(path string) *http.Request { return httptest.NewRequest("GET", path, nil) }

func post(path, contentType, body string) *http.Request {
	req := httptest.NewRequest("POST", path, strings.NewReader(body))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

func with(req *http.Request, name, value string) *http.Request {
	req.Header.Add(name, value)
	return req
}

// fromBrowser adds the Accept header of Firefox, which asks for a page.
func fromBrowser(req *http.Request) *http.Request {
	return with(req, "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
}

// callRecorder records the calls to the stores in their order. It records calls to
// the store of attempts separately, because they are made at the same time as others.
// A hook runs before the call that it is named after. If the hook returns an error,
// the call returns it.
type callRecorder struct {
	mu       sync.Mutex
	calls    []string
	attempts []string
	hooks    map[string]func() error
}

func (j *callRecorder) record(call string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if method, ok := strings.CutPrefix(call, "attempts."); ok {
		j.attempts = append(j.attempts, method)
	} else {
		j.calls = append(j.calls, call)
	}
	if hook := j.hooks[call]; hook != nil {
		return hook()
	}
	return nil
}

func (j *callRecorder) startOver() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls, j.attempts = nil, nil
}

// recordedCalls returns the calls since the last request began, without those to the
// store of attempts. A password change lists the sessions at the same time as it
// renews one session, and reads it if another request has changed it. So the place of
// the list among these calls is random. recordedCalls returns it as the last of them.
func (j *callRecorder) recordedCalls() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return listLast.Replace(strings.Join(j.calls, " "))
}

var listLast = strings.NewReplacer(
	"sessions.List sessions.Update sessions.Get", "sessions.Update sessions.Get sessions.List",
	"sessions.Update sessions.List sessions.Get", "sessions.Update sessions.Get sessions.List",
	"sessions.List sessions.Update", "sessions.Update sessions.List",
)

// recordedAttempts returns the calls to the store of attempts since the last request
// began, sorted.
func (j *callRecorder) recordedAttempts() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(j.attempts)), " ")
}

var errDown = errors.New("connection refused")

func down() error { return errDown }

// breakStore makes every call to the store fail: "sessions", "accounts" or "attempts".
func (j *callRecorder) breakStore(store string) {
	for _, method := range []string{"Create", "Get", "Update", "SetPreferences", "Touch", "Delete", "List", "Count", "Withdraw", "Keep", "Clear"} {
		j.hooks[store+"."+method] = down
	}
}

func (j *callRecorder) repair() { clear(j.hooks) }

type sessionStore struct {
	session.Store
	*callRecorder
}

func (s sessionStore) Create(ctx context.Context, v *session.Session) error {
	if err := s.record("sessions.Create"); err != nil {
		return err
	}
	return s.Store.Create(ctx, v)
}

func (s sessionStore) Get(ctx context.Context, key session.Key) (*session.Session, error) {
	if err := s.record("sessions.Get"); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, key)
}

func (s sessionStore) Update(ctx context.Context, v *session.Session, now time.Time, version int64) error {
	if err := s.record("sessions.Update"); err != nil {
		return err
	}
	return s.Store.Update(ctx, v, now, version)
}

func (s sessionStore) Touch(ctx context.Context, key session.Key, now, expires time.Time, ip, userAgent string) error {
	if err := s.record("sessions.Touch"); err != nil {
		return err
	}
	return s.Store.Touch(ctx, key, now, expires, ip, userAgent)
}

func (s sessionStore) Delete(ctx context.Context, key session.Key, secret *[32]byte, now time.Time) (string, error) {
	if err := s.record("sessions.Delete"); err != nil {
		return "", err
	}
	return s.Store.Delete(ctx, key, secret, now)
}

func (s sessionStore) List(ctx context.Context, owner string) ([]*session.Session, error) {
	if err := s.record("sessions.List"); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, owner)
}

// accountStore can also change every account that it returns.
type accountStore struct {
	accounts.Registry
	*callRecorder
	edit func(*accounts.Account)
}

func (s *accountStore) Get(ctx context.Context, name string) (*accounts.Account, error) {
	if err := s.record("accounts.Get"); err != nil {
		return nil, err
	}
	a, err := s.Registry.Get(ctx, name)
	if err == nil && s.edit != nil {
		s.edit(a)
	}
	return a, err
}

func (s *accountStore) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	if err := s.record("accounts.Update"); err != nil {
		return err
	}
	return s.Registry.Update(ctx, a, newRevision)
}

func (s *accountStore) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	if err := s.record("accounts.SetPreferences"); err != nil {
		return err
	}
	return s.Registry.SetPreferences(ctx, name, userID, settings, newRevision)
}

type attemptStore struct {
	throttle.Store
	*callRecorder
}

func (s attemptStore) Count(ctx context.Context, c throttle.Count) (throttle.Counter, bool, error) {
	if err := s.record("attempts.Count"); err != nil {
		return throttle.Counter{}, false, err
	}
	return s.Store.Count(ctx, c)
}

func (s attemptStore) Withdraw(ctx context.Context, key, id string, counted bool) error {
	if err := s.record("attempts.Withdraw"); err != nil {
		return err
	}
	return s.Store.Withdraw(ctx, key, id, counted)
}

func (s attemptStore) Clear(ctx context.Context, key string) error {
	if err := s.record("attempts.Clear"); err != nil {
		return err
	}
	return s.Store.Clear(ctx, key)
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// takeLog returns the log lines written since the last call of takeLog, for a test to
// check. It checks them itself too, as all other lines are checked.
func (r *fixture) takeLog() []string {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	lines := slices.Collect(strings.Lines(r.log.b.String()))
	r.log.b.Reset()
	r.checkLines(lines)
	return lines
}

func (r *fixture) checkLog() { r.t.Helper(); r.takeLog() }

// checkLines checks that every line is JSON and contains no secret: no password,
// cookie, token, secret of a token, or password hash (ASVS 16.2.5).
func (r *fixture) checkLines(lines []string) {
	r.t.Helper()
	secrets := append([]string{phrase, "correct+horse", "__Host-SESSIONID", "$argon2id$"}, r.secrets...)
	for _, line := range lines {
		var fields struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &fields); err != nil || fields.Time == "" || fields.Level == "" || fields.Msg == "" {
			r.t.Errorf("not a line of JSON with time, level and msg: %q", line)
		}
		for _, secret := range secrets {
			if strings.Contains(line, secret) {
				r.t.Errorf("the log holds a secret, %q: %s", secret, line)
			}
		}
	}
}
