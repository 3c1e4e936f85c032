package canary

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin"
)

const (
	password = "nine plum otters juggle lanterns"
	value    = `{"username": "canary", "password": "` + password + `"}`
)

// product is the whole product, with a canary among its users.
type product struct {
	http.Handler
	sessions *session.Manager
	userID   string
}

func newProduct(t *testing.T, roles ...string) product {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	pages, err := signin.NewPages(signin.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := session.New(memstore.New(), session.Config{ErrorHandler: pages.Fail, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	users := accounts.NewRegistrar(memaccounts.New(), accounts.Config{Logger: quiet})
	if err := users.Prepare(t.Context(), func(func(*accounts.Account, error) bool) {}); err != nil {
		t.Fatal(err)
	}
	canary, err := users.Register(t.Context(), "canary", "Canary", roles, password)
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	passwords := accounts.NewAuthenticator(users.Directory, limiter)
	return product{pages.Handler(signin.Login(sessions, passwords, signin.Options{}), signin.Logout(sessions), signin.Profile(sessions),
		signin.Sessions(sessions, 15*time.Minute), signin.Password(sessions, passwords)), sessions, canary.UserID}
}

// run runs a canary up to the cut. It returns what it logs.
func (p product) run(t *testing.T, secrets *secretsManager, c *cut) (log string, err error) {
	t.Helper()
	var buffer bytes.Buffer
	canary := New(clientOf(c.serve(t, secrets)), Config{URL: c.serve(t, p), UserID: p.userID, Secret: "canary", Logger: slog.New(slog.NewJSONHandler(&buffer, nil))})
	err = canary.Run(t.Context())
	for _, secret := range []string{password, "__Host-", passwordIn(t, secrets.current())} {
		if strings.Contains(buffer.String(), secret) || err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q is told: %v, %s", secret, err, &buffer)
		}
	}
	return buffer.String(), err
}

func passwordIn(t *testing.T, text string) string {
	t.Helper()
	var v map[string]string
	if err := json.Unmarshal([]byte(text), &v); err != nil || v["username"] != "canary" {
		t.Fatalf("%s: %v", text, err)
	}
	return v["password"]
}

// live returns how many sessions the canary has.
func (p product) live(t *testing.T) int {
	t.Helper()
	all, err := p.sessions.List(t.Context(), p.userID)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestRun: a run leaves no session, and changes a password that is a day old, which the next
// run knows.
func TestRun(t *testing.T) {
	p := newProduct(t)
	secrets := hold(value, time.Now().Add(-changeAfter+time.Minute))
	for _, step := range []struct {
		age     time.Duration
		changed bool
	}{{changeAfter - time.Minute, false}, {changeAfter, true}, {0, false}} {
		if step.age > 0 {
			secrets.versions[secrets.stages["AWSCURRENT"]] = stored{value, time.Now().Add(-step.age)}
		}
		before := secrets.current()
		log, err := p.run(t, secrets, &cut{})
		if want := fmt.Sprintf(`"level":"INFO","msg":"canary_ok","user_id":%q,"password_changed":%v}`, p.userID, step.changed); err != nil || !strings.Contains(log, want) {
			t.Fatalf("%v: %v, %s; want %s", step, err, log, want)
		}
		if (secrets.current() != before) != step.changed || p.live(t) != 0 {
			t.Errorf("%v: the password has changed: %v; %d sessions are left", step, secrets.current() != before, p.live(t))
		}
	}
}

// TestCuts: wherever a run ends that changes the password, the next one signs in, says that
// all is well, and the secret's current password is the one that signs in from then on.
func TestCuts(t *testing.T) {
	whole := &cut{}
	old := time.Now().Add(-2 * changeAfter)
	if _, err := newProduct(t).run(t, hold(value, old), whole); err != nil {
		t.Fatal(err)
	}
	requests := whole.requests()
	first := slices.Index(requests, "POST / PutSecretValue") + 1
	if first == 0 || !slices.Contains(requests, "POST /password ") || requests[len(requests)-1] != "POST / UpdateSecretVersionStage" {
		t.Fatalf("the requests are %q", requests)
	}
	for at := first; at <= len(requests); at++ {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s done %v", at, requests[at-1], done), func(t *testing.T) {
				t.Parallel()
				p, secrets := newProduct(t), hold(value, old)
				log, err := p.run(t, secrets, &cut{at: at, done: done})
				logout := requests[at-1] == "POST /logout " // whose failure is found by the call after it
				if err == nil && !logout || err != nil && !strings.Contains(log, `"level":"ERROR","msg":"canary_failed"`) {
					t.Errorf("the run that was cut: %v, %s", err, log)
				}
				if log, err := p.run(t, secrets, &cut{}); err != nil {
					t.Fatalf("the next run: %v, %s", err, log)
				}
				changed := secrets.current()
				if log, err := p.run(t, secrets, &cut{}); err != nil || secrets.current() != changed {
					t.Errorf("the run after it: %v, %s", err, log)
				}
				if passwordIn(t, changed) == password {
					t.Error("the password is still the old one")
				}
			})
		}
	}
}

// TestTwoAtOnce: two runs that change the password at the same moment, as when a schedule
// fires twice, agree on the next one. So whichever ends where, one of the secret's passwords
// signs in.
func TestTwoAtOnce(t *testing.T) {
	p, secrets := newProduct(t), hold(value, time.Now().Add(-2*changeAfter))
	url := (&cut{}).serve(t, secrets)
	one, other := New(clientOf(url), Config{Secret: "canary"}), New(clientOf(url), Config{Secret: "canary"})
	current := version{id: secrets.stages["AWSCURRENT"], value: map[string]string{"username": "canary", "password": password}}
	a, errA := one.prepare(t.Context(), current)
	b, errB := other.prepare(t.Context(), current)
	if errA != nil || errB != nil || a.id != b.id || a.value["password"] != b.value["password"] || a.value["password"] == "" {
		t.Fatalf("%v, %v; the same password: %v", errA, errB, a.value["password"] == b.value["password"])
	}
	if err := one.promote(t.Context(), current, a); err != nil {
		t.Fatal(err)
	}
	if err := other.promote(t.Context(), current, b); err != nil {
		t.Errorf("the second of the two: %v", err)
	}
	if p.live(t) != 0 {
		t.Error("there are sessions")
	}
}

// TestFailures: what is wrong is told, by the step that finds it, and leaves no session.
func TestFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		value string
		roles []string
		id    string
		step  string
	}{
		"another password":   {strings.Replace(value, "plum", "blue", 1), nil, "", "the right one signs in"},
		"no JSON":            {password, nil, "", "the secret is read"},
		"no password":        {`{"username": "canary"}`, nil, "", "the secret is read"},
		"a user with a role": {value, []string{"admin"}, "", "the profile is the user's"},
		"another user":       {value, nil, "somebody", "the profile is the user's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProduct(t, tt.roles...)
			asked := p
			if tt.id != "" {
				asked.userID = tt.id
			}
			secrets := hold(tt.value, time.Now())
			var log bytes.Buffer
			c := &cut{}
			err := New(clientOf(c.serve(t, secrets)), Config{URL: c.serve(t, p), UserID: asked.userID, Secret: "canary", Logger: slog.New(slog.NewJSONHandler(&log, nil))}).Run(context.Background())
			if err == nil || !strings.Contains(log.String(), fmt.Sprintf(`"step":%q`, tt.step)) || strings.Contains(log.String()+err.Error(), "otters") {
				t.Errorf("%v, %s; want the step %q", err, &log, tt.step)
			}
			if p.live(t) != 0 {
				t.Errorf("%d sessions are left", p.live(t))
			}
		})
	}
}

// TestOutage: an outage of the secret, or of the product, fails the run.
func TestOutage(t *testing.T) {
	p, secrets := newProduct(t), hold(value, time.Now())
	for at, step := range map[int]string{1: "the secret is read", 2: "nobody is signed in"} {
		if log, err := p.run(t, secrets, &cut{at: at}); err == nil || !strings.Contains(log, fmt.Sprintf(`"step":%q`, step)) {
			t.Errorf("%v, %s; want the step %q", err, log, step)
		}
	}
}
