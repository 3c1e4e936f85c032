package dynamotest

import (
	"slices"
	"strings"
	"time"
)

// wave is calls that are made at the same time: none needs the answer of another.
type wave struct {
	name       string        // "GetItem UpdateItem"
	missing    []string      // those that have not come
	unanswered int           // those that DynamoDB has not answered
	whole      chan struct{} // closed when none is missing
	answered   chan struct{} // closed when all are answered
}

// lull is how long the answers of a wave wait for calls that come too early. On a busy
// machine one may be missed for want of time, but none that is right is refused.
const lull = 20 * time.Millisecond

// Expect says which calls come next, wave after wave, until [Proxy.Take] is called: of
// each wave the actions, as in "GetItem UpdateItem UpdateItem". No wave at all means
// that no call may come.
//
// The proxy holds every call back until its whole wave is there, and gives no answer
// before DynamoDB has answered the whole wave. So calls that wait for each other
// although they could go together never get through, and calls that go together
// although one should wait for the other are not in the wave: both fail the test, and
// however long each call takes changes nothing. Calls that get a fault are in no wave.
func (p *Proxy) Expect(waves ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waves, p.expecting = nil, true
	for _, name := range waves {
		actions := strings.Fields(name)
		p.waves = append(p.waves, &wave{name, actions, len(actions), make(chan struct{}), make(chan struct{})})
	}
}

// join waits until the whole wave of the call is there. It returns nil if the call is
// in none.
func (p *Proxy) join(call *Call) *wave {
	w := p.place(call.Action)
	if w == nil {
		return nil
	}
	select {
	case <-w.whole:
	case <-p.done:
	case <-time.After(p.patience):
		p.abandon(w)
	}
	return w
}

// place finds the wave for a call that has come.
func (p *Proxy) place(action string) *wave {
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
		close(w.whole)
	}
	return w
}

// leave waits until DynamoDB has answered the whole wave.
func (p *Proxy) leave(w *wave) {
	if w == nil {
		return
	}
	p.mu.Lock()
	w.unanswered--
	last := w.unanswered == 0
	p.mu.Unlock()
	if last {
		time.Sleep(lull)
		p.next(w)
	}
	select {
	case <-w.answered:
	case <-p.done:
	}
}

// next gives the answers of a wave, and waits for the wave after it.
func (p *Proxy) next(w *wave) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current(w) {
		p.waves = p.waves[1:]
		close(w.answered)
	}
}

// abandon lets a wave go that does not become whole, and expects nothing any more.
func (p *Proxy) abandon(w *wave) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current(w) && len(w.missing) > 0 {
		p.tb.Errorf("dynamotest: of the calls %q, to be made at the same time, %q did not come in %v", w.name, w.missing, p.patience)
		p.waves, p.expecting = nil, false
		close(w.whole)
		close(w.answered)
	}
}

// finish ends what Expect began.
func (p *Proxy) finish() {
	for _, w := range p.waves {
		p.tb.Errorf("dynamotest: of the calls %q, %q did not come", w.name, w.missing)
	}
	p.waves, p.expecting = nil, false
}

func (p *Proxy) current(w *wave) bool { return len(p.waves) > 0 && p.waves[0] == w }
