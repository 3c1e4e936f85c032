package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

type contextKey struct{} // of the innermost *request

// request is the context of one HTTP request, with what is known of it: the client, and the
// session once it was read. So whatever handles the request reads the
// session once, and sees what others there have changed.
//
// It belongs to one Manager, because another may have another store or cookie. It also
// belongs to its cookies: if a program makes another HTTP request in the same context,
// that one must prove its session by itself.
type request struct {
	context.Context
	manager *Manager      // nil if NewContext or WithClient made it
	cookies []string      // the Cookie headers
	client  *http.Request // whose client asks for what is done; nil if NewContext made it

	mu      sync.Mutex
	readAt  time.Time     // when the session was read, made or ended; zero if it was not yet
	writes  int           // how often it was made, changed or ended here
	writing chan struct{} // closed when a change that is being stored is noted too; nil if there is none
	session *Session      // nil if there is none

	parsed    bool       // whether presented is known
	presented credential // what the cookies prove
}

// Value implements [context.Context].
func (q *request) Value(key any) any {
	if key == (contextKey{}) {
		return q
	}
	return q.Context.Value(key)
}

// String keeps the cookies out of a log that prints the context.
func (q *request) String() string { return fmt.Sprintf("%v.WithSession", q.Context) }

// NewContext returns a context in which [FromContext] returns s. It is for tests of
// handlers that run behind [Manager.Require] or [Manager.Optional]: the handler then
// needs no store and no cookie. A nil s stands for a client without a session.
//
// It signs nobody in. Require, Optional and Load look at the request's cookie as if s
// was not there.
func NewContext(ctx context.Context, s *Session) context.Context {
	return &request{Context: ctx, readAt: time.Now(), session: s}
}

// FromContext returns the session of the request whose context is ctx. Behind
// [Manager.Require], [Manager.RequireRole] and [Manager.RequireRecent] there is one;
// behind [Manager.Optional] it is nil if nobody is signed in. After a Create, Update,
// Renew, Reauthenticate, Destroy, Revoke or RevokeAll with this context it is what the
// call has left: so it is nil once the session has ended.
//
// All handlers of the request get the same *Session. A goroutine that runs beside them
// gets one of its own from [Manager.Load], because Update, Renew and Reauthenticate
// change the one that they are called with.
func FromContext(ctx context.Context) *Session {
	if ctx == nil {
		return nil
	}
	for q := innermost(ctx); q != nil; q = q.outer() {
		if s, known := q.current(); known {
			return s
		}
	}
	return nil
}

func innermost(ctx context.Context) *request {
	q, _ := ctx.Value(contextKey{}).(*request)
	return q
}

func (q *request) outer() *request { return innermost(q.Context) }

// find returns what m knows of r, from q or further out. It may be nil.
func (q *request) find(m *Manager, r *http.Request) *request {
	for q != nil && (q.manager != m || !slices.Equal(q.cookies, r.Header["Cookie"])) {
		q = q.outer()
	}
	return q
}

// enter returns what m knows of r, and r with that as the innermost in its context.
func (m *Manager) enter(r *http.Request) (*http.Request, *request) {
	ctx := r.Context()
	before := innermost(ctx)
	switch q := before.find(m, r); q {
	case nil:
		q = &request{Context: ctx, manager: m, cookies: r.Header["Cookie"], client: r}
		return r.WithContext(q), q
	case before:
		return r, q
	default: // another Manager's is between
		return r.WithContext(context.WithValue(ctx, contextKey{}, q)), q
	}
}

// in returns what m knows of the request that ctx belongs to. If there is none, it
// returns one that nobody else sees.
func (m *Manager) in(ctx context.Context) *request {
	q := innermost(ctx)
	for q != nil && q.manager != m {
		q = q.outer()
	}
	if q == nil {
		return &request{Context: ctx, manager: m}
	}
	return q
}

// check calls f with the session of r, or with nil if there is none, and returns its
// error. Nobody changes the session meanwhile. An outage is an error too; then f is not
// called.
//
// The session is read if it is not known yet. A request that lasts longer than the time
// between two touches reads it again, so that a handler that streams for hours can notice
// a logout, and so that its session is no idle one.
func (q *request) check(r *http.Request, f func(*Session) error) error {
	c, writes, known := q.credential(r)
	var s *Session
	if !known {
		var err error
		if s, err = q.manager.read(visit{request: r}, c); err != nil && !errors.Is(err, ErrNoSession) {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !known && q.writes == writes { // otherwise the request knows something newer
		q.readAt, q.session = time.Now(), s
	}
	return f(q.session)
}

// credential returns what proves the session. It reports whether there is no need to look
// at it, because the session is known, and was read a short time ago.
func (q *request) credential(r *http.Request) (c credential, writes int, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.readAt.IsZero() && time.Since(q.readAt) < q.manager.touchInterval() {
		return credential{}, q.writes, true
	}
	return q.proof(r), q.writes, false
}

// proof returns what proves the session: the cookie, or what has replaced it in this
// request. The zero credential proves none. The caller holds mu.
func (q *request) proof(r *http.Request) credential {
	if q.session != nil {
		return q.session.credential()
	}
	if !q.parsed {
		q.parsed, q.presented = true, q.manager.presented(r)
	}
	return q.presented
}

// replaced returns what proves the session that gives way to a new one.
func (q *request) replaced(r *http.Request) credential {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.proof(r)
}

// current returns the session, or nil if there is none, and whether that is known.
func (q *request) current() (s *Session, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.session, !q.readAt.IsZero()
}

// withOwn returns the credentials presented by the cookies, and that of the session if
// this request has made or renewed it since.
func (q *request) withOwn(presented []credential) []credential {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.session == nil {
		return presented
	}
	own := q.session.credential()
	others := slices.DeleteFunc(presented, func(c credential) bool { return c.key == own.key })
	return append(others, own)
}

// set makes s, which is new, the session of the request; nil means that the session has
// ended.
func (q *request) set(s *Session) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.readAt, q.session = time.Now(), s
	q.writes++
}

// store calls write, which stores next in place of s, and notes that. Others that change
// the session in this request wait until then. Otherwise the note of an earlier change
// could come last, and the request would go on with a secret that was replaced.
func (q *request) store(ctx context.Context, s, next *Session, write func() error) error {
	done := make(chan struct{})
	for before := q.begin(done); before != nil; before = q.begin(done) {
		select {
		case <-before:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer q.end(done)
	err := write()
	if err == nil {
		q.changed(s, next)
	}
	return err
}

// begin makes done that of the change which is being stored. If there is one already, it
// returns that one's.
func (q *request) begin(done chan struct{}) (before chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writing == nil {
		q.writing = done
		return nil
	}
	return q.writing
}

// end lets the next change begin.
func (q *request) end(done chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writing = nil
	close(done)
}

// changed puts what was written into s, and into the request if s is its session.
// Other handlers may read the one in the request at the same time. So it is replaced
// and not changed, unless it is s itself.
func (q *request) changed(s, written *Session) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.session != nil && q.session.ID == s.ID && q.session.UserID == s.UserID {
		q.writes++
		if q.session != s {
			q.session = written.Clone()
		}
	}
	*s = *written
}

// ended notes that the session at key has ended.
func (q *request) ended(key Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.session != nil && q.session.ID == key.ID && q.session.Key() == key {
		q.session = nil
		q.writes++
	}
}
