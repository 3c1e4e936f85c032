package sqlstore_test

import (
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/faults"
)

// While PostgreSQL answers nothing and its only connection is in use by a call that
// hangs, another call ends with its context, before the one that it waits for. TestOutage
// has calls that hang themselves.
func TestDeadlineBehindACallThatHangs(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	p.db.SetMaxOpenConns(1)
	s := p.Created()
	want(t, get.Do(t.Context(), p.store, s), nil) // opens the connection
	p.InjectAll(faults.Hanging)
	for _, c := range p.Calls() {
		hung, waits := p.Hung(), p.db.Stats().WaitCount
		holder, passHolder := startCall(t, p, c)
		waitFor(t, "hangs", func() bool { return p.Hung() > hung })
		waiter, passWaiter := startCall(t, p, c)
		waitFor(t, "waits for the connection", func() bool { return p.db.Stats().WaitCount > waits })
		passWaiter()
		wantTimeout(t, <-waiter)
		passHolder()
		wantTimeout(t, <-holder)
	}
	p.InjectAll(faults.None)
	p.Holds(s)
}

// startCall makes the call for a new session. The deadline of its context passes when
// pass is called.
func startCall(t *testing.T, p *proxied, c faults.Call) (answer chan error, pass func()) {
	ctx, pass := faults.Deadline(t.Context())
	s := newSession()
	answer = make(chan error, 1)
	go func() { answer <- c.Do(ctx, p.store, s) }()
	return answer, pass
}

func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no call %s", what)
		}
	}
}
