package middleware_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const cookieName = "__Host-SESSIONID"

// made counts the tokens, so that no two are equal.
var made atomic.Int64

// token returns a token of the right shape. Its first part says what the fake answers:
// "200-42" is a session of the user 42, "200-42-500" one whose logout is answered with 500.
func token(answer string) string {
	pad := func(s string, n int) string { return s + strings.Repeat("_", n-len(s)) }
	return pad(answer, 22) + "." + pad(strconv.FormatInt(made.Add(1), 10), 22) + "." + pad("secret", 43)
}

// asked is a request that the fake has seen.
type asked struct {
	what   string // such as "GET /whoami"
	host   string
	header http.Header
}

// fake answers whoami and logout in place of Coatcheck, as the tokens say, and keeps what it
// was asked.
type fake struct {
	*httptest.Server
	mu    sync.Mutex
	asked []asked
	ended chan struct{} // closed when the fake ends, for answers that hang
}

func newFake(t *testing.T) *fake {
	f := &fake{ended: make(chan struct{})}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.stop)
	return f
}

func (f *fake) stop() {
	select {
	case <-f.ended:
	default:
		close(f.ended)
		f.CloseClientConnections()
		f.Close()
	}
}

// about returns what was asked about the token.
func (f *fake) about(token string) (found []asked) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if strings.Contains(a.header.Get("Cookie"), token) {
			found = append(found, a)
		}
	}
	return found
}

// whats returns the methods and paths that were asked about the token.
func (f *fake) whats(token string) (found []string) {
	for _, a := range f.about(token) {
		found = append(found, a.what)
	}
	return found
}

// count returns how many requests there were.
func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asked = append(f.asked, asked{r.Method + " " + r.URL.Path, r.Host, r.Header.Clone()})
	f.mu.Unlock()
	_, value, _ := strings.Cut(r.Header.Get("Cookie"), "=")
	owner, _, _ := strings.Cut(value, ".")
	parts := append(strings.Split(strings.TrimRight(owner, "_"), "-"), "", "204")
	switch r.Method + " " + r.URL.Path {
	case "GET /whoami":
		f.answer(w, r, parts[0], parts[1])
	case "GET /elsewhere", "POST /elsewhere":
		f.answer(w, r, "200", "42")
	case "POST /logout":
		if i := slices.IndexFunc(parts[2:], func(p string) bool { return p != "" }); i >= 0 {
			f.answer(w, r, parts[2+i], "")
		}
	default:
		http.NotFound(w, r)
	}
}

// whoami is an answer of 200 about the user 42.
const whoami = `{"user_id":"42","username":"alice","display_name":"Alice","roles":["admin"],"session_id":"an-id","authenticated_at":"2026-01-02T03:04:05Z","expires_at":"2026-01-03T03:04:05Z"}`

func (f *fake) answer(w http.ResponseWriter, r *http.Request, answer, user string) {
	w.Header().Set("Content-Type", "application/json")
	// A jar of cookies in the middleware would send this one with the next request.
	w.Header().Set("Set-Cookie", "jar=jar; Path=/")
	write := func(body string) { fmt.Fprint(w, body) }
	switch answer {
	case "200":
		write(strings.Replace(whoami, `"42"`, strconv.Quote(user), 1))
	case "redirect":
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	case "hang":
		select {
		case <-f.ended:
		case <-r.Context().Done():
		}
	case "drip": // each part arrives in time, the whole does not
		f.drip(w, r)
	case "reset":
		conn, _, _ := http.NewResponseController(w).Hijack()
		conn.Close()
	case "cut":
		w.Header().Set("Content-Length", "1000")
		write(`{"user_id":"42"`)
	case "garbage":
		write("<html>we are down</html>")
	case "empty":
	case "list":
		write(`["user_id","42"]`)
	case "text":
		write(`"user_id"`)
	case "nothing":
		write(`null`)
	case "noid":
		write(`{"username":"alice"}`)
	case "emptyid":
		write(`{"user_id":""}`)
	case "number":
		write(`{"user_id":42}`)
	case "nested":
		write(strings.Repeat("[", 60_000))
	case "huge":
		write(`{"user_id":"42","display_name":"` + strings.Repeat("x", 1<<20) + `"}`)
	case "204":
		w.WriteHeader(http.StatusNoContent)
	default: // a status, with the body of somebody
		status, _ := strconv.Atoi(answer)
		w.WriteHeader(status)
		write(whoami)
	}
}

// drip answers 200 one byte after the other, slowly, for as long as somebody listens.
func (f *fake) drip(w http.ResponseWriter, r *http.Request) {
	for body := bytes.NewBufferString(whoami); ; {
		b, err := body.ReadByte()
		if err != nil {
			b = ' '
		}
		w.Write([]byte{b})
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-f.ended:
			return
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}
