package history

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"example.com/coatcheck/pkg/session"
)

// never is the return of a call whose outcome is unknown: it may take effect at any time.
const never = math.MaxInt64

// recorder writes down who called what, and what the answers were. It also has the history's
// own time, for the calls and for what is stored.
type recorder struct {
	base time.Time // when the stored time begins

	mu      sync.Mutex
	clock   int64 // counts calls and returns, so that their order is certain
	ticks   int   // counts the writes that are told a time
	calls   int   // to the Manager
	secrets map[[32]byte]int
	ids     map[string]int
	names   []string // the IDs by number; 0 is none
	steps   []porcupine.Operation
	sweeps  []sweep
	logins  []login
}

// sweep is a call that concerns every session of a user: a list, or a revoke-all. Which these
// are is known when the history is over.
type sweep struct {
	action
	browser   int
	call, ret int64
	outcome   outcome
	except    []int        // the IDs that it leaves
	shown     map[int]page // what a list has shown, by ID
}

const (
	idle = 100 * time.Hour // nothing expires in a history
	lag  = idle / 2        // the stored time is that much behind: so a touch is due at each load
)

func newRecorder() *recorder {
	return &recorder{
		base:    time.Now().UTC().Truncate(time.Second).Add(-lag),
		secrets: map[[32]byte]int{{}: 0},
		ids:     map[string]int{},
		names:   []string{""},
	}
}

// now returns the next moment of the history.
func (r *recorder) now() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	return r.clock
}

// tick returns the next stored time. Each is a second, because stores keep whole seconds.
func (r *recorder) tick() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ticks++
	return r.ticks
}

func (r *recorder) time(tick int) time.Time { return r.base.Add(time.Duration(tick) * time.Second) }

func (r *recorder) tickOf(t time.Time) int { return int(t.Sub(r.base) / time.Second) }

// secret returns the number of a stored secret.
func (r *recorder) secret(hash [32]byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.secrets[hash]
	if !ok {
		n = len(r.secrets)
		r.secrets[hash] = n
	}
	return n
}

// id returns the number of a session.
func (r *recorder) id(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.ids[id]
	if !ok {
		n = len(r.names)
		r.ids[id], r.names = n, append(r.names, id)
	}
	return n
}

// name returns the ID of the session with that number.
func (r *recorder) name(id int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.names[id]
}

// nextCall counts a call to the Manager, and returns its number, which is also the data that it
// writes.
func (r *recorder) nextCall() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	return r.calls
}

// add records what a call did to one session.
func (r *recorder) add(browser int, a action, call, ret int64, got answer) {
	if got.outcome == unknown {
		ret = never
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, porcupine.Operation{ClientId: browser, Input: a, Call: call, Output: got, Return: ret})
}

func (r *recorder) addSweep(s sweep) {
	if s.outcome == unknown {
		s.ret = never
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweeps = append(r.sweeps, s)
}

// bySession returns the history of each session. Nobody may record meanwhile.
func (r *recorder) bySession() map[key][]porcupine.Operation {
	all := map[key][]porcupine.Operation{}
	for _, step := range r.steps {
		k := step.Input.(action).session
		all[k] = append(all[k], step)
	}
	for _, s := range r.sweeps { // what a list shows, even if nobody has made it
		for id := range s.shown {
			k := key{s.session.user, id}
			all[k] = all[k][:len(all[k]):len(all[k])]
		}
	}
	for k, steps := range all {
		begin := int64(never)
		for _, step := range steps {
			begin = min(begin, step.Call)
		}
		for _, s := range r.sweeps {
			if _, shown := s.shown[k.id]; s.concerns(k) && (shown || s.ret > begin) {
				all[k] = append(all[k], s.part(k))
			}
		}
		slices.SortFunc(all[k], func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	}
	return all
}

func (s sweep) concerns(k key) bool {
	return s.session.user == k.user && !slices.Contains(s.except, k.id)
}

// part returns what s means for one session.
func (s sweep) part(k key) porcupine.Operation {
	a, got := s.action, answer{outcome: s.outcome}
	a.session = k
	if a.verb == list {
		saw, ok := s.shown[k.id]
		if got.saw = saw; !ok {
			got.outcome = noSession
		}
	}
	return porcupine.Operation{ClientId: s.browser, Input: a, Call: s.call, Output: got, Return: s.ret}
}

// outcomeOf returns what an error of the Manager or of a Store means.
func outcomeOf(err error) outcome {
	switch {
	case err == nil:
		return done
	case errors.Is(err, session.ErrNoSession):
		return noSession
	case errors.Is(err, session.ErrConflict):
		return conflict
	}
	return unknown
}

// see returns what a session looks like in the history.
func (r *recorder) see(s *session.Session) page {
	return page{
		data:    dataOf(s),
		proved:  r.tickOf(s.AuthenticatedAt),
		seen:    r.tickOf(s.LastSeenAt),
		ends:    r.tickOf(s.ExpiresAt.Add(-idle)),
		browser: browserOf(s.LastIP, s.LastUserAgent),
	}
}

// write puts data into the roles and values of s, so that one cannot be there without the
// other.
func write(s *session.Session, data int) {
	s.Roles, s.Values = userData(data)
}

func userData(data int) (roles []string, values map[string]string) {
	text := strconv.Itoa(data)
	return []string{"role " + text}, map[string]string{"data": text}
}

// dataOf returns what write has put into s, or -1 if it is mixed.
func dataOf(s *session.Session) int {
	data, err := strconv.Atoi(s.Values["data"])
	if err != nil || len(s.Values) != 1 || len(s.Roles) != 1 || s.Roles[0] != "role "+s.Values["data"] {
		return -1
	}
	return data
}

// The address and the name of a browser.
func addressOf(browser int) string { return "192.0.2." + strconv.Itoa(browser) }
func agentOf(browser int) string   { return "browser " + strconv.Itoa(browser) }

// browserOf returns the browser with that address and name, 0 if there is none, or -1 if
// they are mixed.
func browserOf(address, agent string) int {
	if address == "" && agent == "" {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimPrefix(agent, "browser "))
	if err != nil || address != addressOf(n) {
		return -1
	}
	return n
}
