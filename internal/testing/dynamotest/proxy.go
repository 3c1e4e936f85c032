package dynamotest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy is an HTTP proxy between the SDK and DynamoDB. The SDK may run in this process,
// or in a child process that gets the proxy's URL in AWS_ENDPOINT_URL_DYNAMODB. The
// proxy records every call, and can make calls fail. Like the real service, it carries
// out a call that has arrived, even if the sender gives up.
type Proxy struct {
	URL string // "http://127.0.0.1:41235"

	tb     testing.TB
	target *url.URL      // DynamoDB
	done   chan struct{} // closed when the test is over
	hung   atomic.Int32

	mu     sync.Mutex
	calls  []*Call
	faults map[string][]Fault // for the next calls of an action
	always Fault              // for all other calls
	held   []*http.Request
	asides int // how many calls of Aside have not returned

	expecting   bool          // true between Expect and Take
	waves       []*wave       // the waves that are not answered yet
	waveTimeout time.Duration // how long a call waits for the rest of its wave

	passes int           // how many calls the pause still lets through
	paused chan struct{} // closed when the pause is over; nil if there is none
}

// Hung returns how many calls met the fault Hang so far.
func (p *Proxy) Hung() int { return int(p.hung.Load()) }

// Fault is what happens to a call in place of an answer.
type Fault int

const (
	None       Fault = iota // the call is answered
	Refuse                  // the connection is closed; DynamoDB never gets the call
	Hang                    // nothing happens until the sender gives up; DynamoDB never gets the call
	LoseAnswer              // DynamoDB carries the call out, then the connection is closed
	Hold                    // the connection is closed, and the call is kept for Deliver
)

// NewProxy starts a proxy for [Endpoint]. It ends with the test.
func NewProxy(tb testing.TB) *Proxy {
	tb.Helper()
	target, err := url.Parse(Endpoint(tb))
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{tb: tb, target: target, done: make(chan struct{}), faults: map[string][]Fault{}, waveTimeout: time.Minute}
	server := httptest.NewServer(http.HandlerFunc(p.serve))
	p.URL = server.URL
	tb.Cleanup(func() {
		close(p.done)
		server.Close()
	})
	return p
}

// Fail gives the next calls of the action ("PutItem") one fault each, in order. A
// second try of the SDK counts as a call. With the name of a table after the action
// ("PutItem users"), only calls for that table get the faults.
func (p *Proxy) Fail(action string, faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[action] = append(p.faults[action], faults...)
}

// Forget forgets the faults of [Proxy.Fail] that no call has met yet.
func (p *Proxy) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.faults)
}

// FailAll gives every call the fault from now on. FailAll(None) ends this.
func (p *Proxy) FailAll(fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always = fault
}

// Pause lets n more calls through. It delays all calls after them until resume is
// called.
func (p *Proxy) Pause(n int) (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	paused := make(chan struct{})
	p.passes, p.paused = n, paused
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.paused = nil
		close(paused)
	}
}

// Aside calls f. All calls that arrive until f returns are not recorded, and meet no fault,
// whoever makes them.
func (p *Proxy) Aside(f func()) {
	p.setAside(1)
	defer p.setAside(-1)
	f()
}

func (p *Proxy) setAside(more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asides += more
}

// Take returns the calls since the last Take, in the order of their arrival. It also
// ends [Proxy.Expect]: if an expected call has not come, the test fails.
func (p *Proxy) Take() []Call {
	p.tb.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	calls := make([]Call, len(p.calls))
	for i, c := range p.calls {
		calls[i] = *c
	}
	p.calls = nil
	return calls
}

// Deliver sends the kept calls to DynamoDB, the oldest first, and returns the HTTP
// status of each answer. It does not record them again.
func (p *Proxy) Deliver() []int {
	p.tb.Helper()
	p.mu.Lock()
	held := p.held
	p.held = nil
	p.mu.Unlock()
	var statuses []int
	for _, r := range held {
		got, err := send(r)
		if err != nil {
			p.tb.Fatalf("delivering a call that was held: %v", err)
		}
		statuses = append(statuses, got.status)
	}
	return statuses
}

// serve handles one call.
func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the sender has disconnected
	}
	call, body, err := parse(r.Header.Get("X-Amz-Target"), body)
	if err != nil {
		p.tb.Errorf("dynamotest: %v", err)
	}
	recorded := p.record(call)
	out := p.upstreamRequest(r, body)
	if !recorded {
		pass(w, p.sendUpstream(out))
		return
	}
	switch call.Fault {
	case None, LoseAnswer:
		p.forward(w, out, call)
		return
	case Hold:
		p.hold(out)
	case Hang:
		p.hung.Add(1)
		select {
		case <-r.Context().Done():
		case <-p.done:
		}
	}
	p.end(call, 0, nil)
	panic(http.ErrAbortHandler)
}

// upstreamRequest returns the request that the proxy sends to DynamoDB for r.
func (p *Proxy) upstreamRequest(r *http.Request, body []byte) *http.Request {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return out
}

// wait delays a call while there is a pause.
func (p *Proxy) wait() {
	p.mu.Lock()
	paused := p.paused
	if paused != nil && p.passes > 0 {
		p.passes--
		paused = nil
	}
	p.mu.Unlock()
	if paused != nil {
		select {
		case <-paused:
		case <-p.done:
		}
	}
}

// forward sends the call to DynamoDB. It passes the answer on, or drops it if the
// fault says so.
func (p *Proxy) forward(w http.ResponseWriter, out *http.Request, call *Call) {
	var wave *wave
	if call.Fault == None {
		wave = p.awaitWave(call)
	}
	p.wait()
	got := p.sendUpstream(out)
	p.end(call, got.status, got.body)
	p.awaitAnswers(wave)
	if call.Fault == LoseAnswer {
		panic(http.ErrAbortHandler)
	}
	pass(w, got)
}

// sendUpstream returns DynamoDB's answer.
func (p *Proxy) sendUpstream(r *http.Request) answer {
	got, err := send(r)
	if err != nil {
		p.tb.Errorf("dynamotest: %v", err)
		panic(http.ErrAbortHandler)
	}
	return got
}

// pass passes an answer on to the sender of the call.
func pass(w http.ResponseWriter, a answer) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	w.Write(a.body)
}

// record adds the call to the list and sets its fault, unless the call is aside.
func (p *Proxy) record(call *Call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asides > 0 {
		return false
	}
	call.Fault = p.always
	keys := []string{call.Action}
	for _, use := range call.Uses {
		keys = append(keys, call.Action+" "+use.Table)
	}
	for _, key := range keys {
		if next := p.faults[key]; len(next) > 0 {
			call.Fault, p.faults[key] = next[0], next[1:]
		}
	}
	p.calls = append(p.calls, call)
	return true
}

// end completes the call in the list. It must run before the sender gets the answer.
func (p *Proxy) end(call *Call, status int, answer []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if call.Fault == None {
		call.Status = status
	}
	call.count(answer)
}

func (p *Proxy) hold(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = append(p.held, r)
}

// answer is a whole response of DynamoDB.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request and reads the whole response.
func send(r *http.Request) (answer, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, body}, err
}
