package functions_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// 200 guesses at once, spread over eight instances of the login function, cost ten
// hashes: the failures that are free. Then even the right password has to wait. It is
// accepted when the wait is over.
func TestGuessesAcrossInstances(t *testing.T) {
	const instances, guesses, free, wait = 8, 200, 10, time.Hour
	settings := map[string]string{"ATTEMPTS_LADDER": "10,1h,1h,100", "ATTEMPTS_PER_NETWORK": perNetwork(1000)}
	s := newStack(t, settings)
	function := s.template.Functions["LoginFunction"]
	fleet := make(chan *lambda, instances)
	for range instances {
		l := start(t, binary(function), s.environment(function, settings))
		l.waitUntilReady(t)
		fleet <- l
	}
	// invoke takes any instance that is idle, as Lambda does.
	invoke := func(body string) gatewayResponse {
		r := httptest.NewRequest("POST", "/login", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		l := <-fleet
		defer func() { fleet <- l }()
		response, err := l.invoke(event(t, "POST /login", r, nil))
		if err != nil {
			t.Error(err)
		}
		return response
	}

	var checked, refused atomic.Int32
	var wg sync.WaitGroup
	for range guesses {
		wg.Go(func() {
			switch response := invoke(login("a wrong guess").body); response.StatusCode {
			case http.StatusUnauthorized: // after one hash
				checked.Add(1)
			case http.StatusTooManyRequests:
				refused.Add(1)
			default:
				t.Errorf("status %d: %s", response.StatusCode, response.Body)
			}
		})
	}
	wg.Wait()
	if checked.Load() != free || refused.Load() != guesses-free {
		t.Errorf("%d guesses cost a hash and %d were refused, want %d and %d", checked.Load(), refused.Load(), free, guesses-free)
	}

	response := invoke(login(password).body)
	seconds, err := strconv.Atoi(response.Headers["Retry-After"])
	if response.StatusCode != http.StatusTooManyRequests || err != nil || time.Duration(seconds)*time.Second > wait || len(response.Cookies) > 0 {
		t.Fatalf("the right password: %d, Retry-After %q", response.StatusCode, response.Headers["Retry-After"])
	}
	s.moveBack(t, "AttemptsTable", "last_at", wait.Milliseconds())
	if response := invoke(login(password).body); response.StatusCode != http.StatusOK || len(response.Cookies) != 1 {
		t.Errorf("after the wait: %d %s", response.StatusCode, response.Body)
	}
}

// An unknown name, a wrong password and a disabled account cost the same calls.
func TestRefusalsCostTheSame(t *testing.T) {
	s := newStack(t, nil)
	s.addForeignUser(t)
	users := s.users(t)
	carol, err := users.Get(t.Context(), foreignUser)
	if err != nil {
		t.Fatal(err)
	}
	carol.Disabled = true
	if err := users.Update(t.Context(), carol, "disabled"); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]request{
		"wrong": login("wrong"), "unknown": loginAs("nobody", password), "disabled": loginAs(foreignUser, foreignPassword),
	} {
		if r := s.wantCost(t, in, refusalCost); r.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, r.status)
		}
	}
}

// While attempts cannot be counted, nobody can sign in, whichever of the two counters
// cannot be reached. These attempts do not count as failures afterwards.
func TestAttemptsOutage(t *testing.T) {
	s := newStack(t, nil)
	for i := range 12 {
		faults := []dynamotest.Fault{dynamotest.Refuse, dynamotest.Refuse, dynamotest.Refuse}
		if i%2 == 1 {
			faults = append([]dynamotest.Fault{dynamotest.None}, faults...)
		}
		s.proxy.Fail("UpdateItem "+s.tables["AttemptsTable"], faults...)
		r := s.do(t, login(password))
		if r.status != http.StatusServiceUnavailable || r.header.Get("Set-Cookie") != "" {
			t.Fatalf("%d %v", r.status, r.header)
		}
	}
	wantStatus(t, s.wantCost(t, login(password), signInCost.ofTheDay()), http.StatusOK)
	if log := s.functions["LoginFunction"].log.String(); strings.Contains(log, "successafterfail") {
		t.Errorf("the outage counts as failures:\n%s", log)
	}
}
