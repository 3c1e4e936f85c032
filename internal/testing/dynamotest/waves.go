package dynamotest

import (
	"slices"
	"strings"
	"time"
)

// wave is a group of calls that the code under test makes at the same time. No call
// needs the answer of another call in the same wave.
type wave struct {
	name       string        // "GetItem UpdateItem"
	missing    []string      // the calls that have not come
	unanswered int           // how many calls DynamoDB has not answered
	complete   chan struct{} // closed when no call is missing
	answered   chan struct{} // closed when all calls are answered
}

// gracePeriod is how long the proxy delays the answers of a wave, to see calls that
// come too early. On a busy machine a call that comes too early may not be seen in this
// time. But a correct call never fails the test.
const gracePeriod = 20 * time.Millisecond

// Expect says which calls must come next, one wave after the other, until [Proxy.Take]
// is called. Each wave is a list of actions, such as "GetItem UpdateItem UpdateItem".
// Without any wave, no call may come.
//
// The proxy delays every call until its whole wave has come. It returns no answer
// before DynamoDB has answered the whole wave. So the test fails if a call waits for
// another call of its wave. It also fails if a call does not wait for the wave before
// its own. The time that each call takes does not matter. A call with a fault is in no
// wave.
func (p *Proxy) Expect(waves ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waves, p.expecting = nil, true
	for _, name := range waves {
		actions := strings.Fields(name)
		p.waves = append(p.waves, &wave{name, actions, len(actions), make(chan struct{}), make(chan struct{})})
	}
}

// awaitWave waits until the whole wave of the call has come, and returns the wave. It
// returns nil if the call is in no wave.
func (p *Proxy) awaitWave(call *Call) *wave {
	w := p.assign(call.Action)
	if w == nil {
		return nil
	}
	select {
	case <-w.complete:
	case <-p.done:
	case <-time.After(p.waveTimeout):
		p.timeOut(w)
	}
	return w
}

// assign finds the wave of a call that has come. It returns nil if there is none.
func (p *Proxy) assign(action string) *wave {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.expecting {
		return nil
	}
	if len(p.waves) == 0 {
		p.tb.Errorf("dynamotest: %s came, and no more calls were expected", action)
		return nil
	}
	w := p.waves[0]
	i := slices.Index(w.missing, action)
	if i < 0 {
		p.tb.Errorf("dynamotest: %s came before the calls %q were answered, of which %q had not even come", action, w.name, w.missing)
		return nil
	}
	if w.missing = slices.Delete(w.missing, i, i+1); len(w.missing) == 0 {
		close(w.complete)
	}
	return w
}

// awaitAnswers waits until DynamoDB has answered the whole wave.
func (p *Proxy) awaitAnswers(w *wave) {
	if w == nil {
		return
	}
	p.mu.Lock()
	w.unanswered--
	last := w.unanswered == 0
	p.mu.Unlock()
	if last {
		time.Sleep(gracePeriod)
		p.next(w)
	}
	select {
	case <-w.answered:
	case <-p.done:
	}
}

// next releases the answers of a wave. From then on, the next wave may come.
func (p *Proxy) next(w *wave) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current(w) {
		p.waves = p.waves[1:]
		close(w.answered)
	}
}

// timeOut reports a wave whose calls did not all come in time, and lets the others
// through. From then on, the proxy expects nothing.
func (p *Proxy) timeOut(w *wave) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current(w) && len(w.missing) > 0 {
		p.tb.Errorf("dynamotest: of the calls %q, to be made at the same time, %q did not come in %v", w.name, w.missing, p.waveTimeout)
		p.waves, p.expecting = nil, false
		close(w.complete)
		close(w.answered)
	}
}

// finish ends Expect.
func (p *Proxy) finish() {
	for _, w := range p.waves {
		p.tb.Errorf("dynamotest: of the calls %q, %q did not come", w.name, w.missing)
	}
	p.waves, p.expecting = nil, false
}

func (p *Proxy) current(w *wave) bool { return len(p.waves) > 0 && p.waves[0] == w }
