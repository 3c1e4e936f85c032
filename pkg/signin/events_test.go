package signin

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
)

// TestEventsGoToOneFunction: with the logger of Tee in every part, the function gets each
// event of a user's way through the product, and the default logger gets none.
func TestEventsGoToOneFunction(t *testing.T) {
	r := newFixture(t)
	var mu sync.Mutex
	told := map[string]events.Event{}
	logger := events.Tee(slog.New(slog.NewJSONHandler(&r.log, nil)), func(_ context.Context, e events.Event) {
		mu.Lock()
		defer mu.Unlock()
		told[e.Name] = e
	}).With("log", "own")
	pages, err := NewPages(Config{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := session.New(sessionStore{r.stores.sessions, &r.callRecorder}, session.Config{Logger: logger, ErrorHandler: pages.Fail})
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := throttle.New(attemptStore{r.stores.attempts, &r.callRecorder}, throttle.Config{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	directory := accounts.NewDirectory(r.accounts, accounts.Config{Logger: logger})
	authenticator := accounts.NewAuthenticator(directory, limiter)
	panics := Routes{"GET /panic": func(http.ResponseWriter, *http.Request) { panic("broken") }}
	r.handler = pages.Handler(Login(sessions, authenticator, Options{}), Profile(sessions), Logout(sessions), Reauthenticate(sessions, authenticator, nil), Password(sessions, authenticator), panics)

	r.do(post("/login", asJSON, wrongJSON))
	cookie := cookieOf(r.do(post("/login", asJSON, rightJSON)))
	r.do(with(post("/reauthenticate", asJSON, `{"password":"`+phrase+`"}`), "Cookie", cookie))
	r.do(with(post("/logout", asJSON, ""), "Sec-Fetch-Site", "cross-site"))
	r.do(post("/login", asJSON, "{"))
	r.do(get("/panic"))
	r.hooks["sessions.Get"] = func() error { return errDown }
	r.do(with(get("/profile"), "Cookie", cookie))

	for _, name := range []string{"authn_login_fail", "authn_login_success", "authn_login_successafterfail", "authn_reauthentication_success", "malicious_cors", "input_validation_fail", "sys_crash", "sys_failure"} {
		if e, ok := told[name]; !ok || e.Value("log").String() != "own" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := told["authn_login_success"]; e.Value("user_id").String() != "alice-id" || e.Level != slog.LevelInfo {
		t.Errorf("the sign-in is %+v", e)
	}
	lines := strings.Split(strings.TrimSpace(r.log.String()), "\n")
	if i := slices.IndexFunc(lines, func(line string) bool { return !strings.Contains(line, `"log":"own"`) }); i >= 0 {
		t.Errorf("another logger has got %s", lines[i])
	}
}
