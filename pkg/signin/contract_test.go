package signin

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"example.com/coatcheck/internal/testing/openapi"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// contract is the HTTP contract in docs/openapi.yaml.
var contract = sync.OnceValue(func() *openapi.Document {
	d, err := openapi.Read("../../docs/openapi.yaml")
	if err != nil {
		panic(err)
	}
	return d
})

// chapters are the tags of the operations that this package serves.
var chapters = []string{"sign-in", "pages", "sessions", "servers", "provider", "monolith"}

// answered collects which answers were seen, by the operation.
type answered struct {
	mu   sync.Mutex
	seen map[*openapi.Operation]map[string]bool
}

func (a *answered) add(op *openapi.Operation, answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[*openapi.Operation]map[string]bool{}
	}
	if a.seen[op] == nil {
		a.seen[op] = map[string]bool{}
	}
	a.seen[op][answer] = true
}

// merge adds what b has seen.
func (a *answered) merge(b *answered) {
	for op, seen := range b.seen {
		for answer := range seen {
			a.add(op, answer)
		}
	}
}

// keepsContract fails the test unless the answer is one that the document has for the request,
// and the request too, if it has had an effect. What the document has no operation for is for
// the tests of paths and methods.
func (r *fixture) keepsContract(req *http.Request, sent []byte, resp response) {
	r.t.Helper()
	op, err := contract().Find(req.Method, req.URL.Path)
	if err != nil || r.ownAnswers {
		return
	}
	if err := op.CheckAnswer(resp.status, resp.header, []byte(resp.body), req.Method == http.MethodHead); err != nil {
		r.t.Errorf("docs/openapi.yaml: %v", err)
	}
	if resp.status < 300 {
		if err := op.CheckRequest(req.Header.Get("Content-Type"), sent); err != nil {
			r.t.Errorf("docs/openapi.yaml does not allow what was answered with %d: %v", resp.status, err)
		}
	}
	r.answers.add(op, openapi.Answer(resp.status, resp.header))
}

// bodyOf returns the body of a request that is not sent yet. If it breaks off, the request's
// will do so too.
func bodyOf(req *http.Request) []byte {
	if req.Body == nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	req.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		req.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), iotest.ErrReader(err)))
	}
	return body
}

// TestContractHasEveryRoute compares the routes of this package with the document, both ways.
func TestContractHasEveryRoute(t *testing.T) {
	var documented []string
	for _, op := range contract().Operations(chapters...) {
		documented = append(documented, op.Method+" "+op.Path)
	}
	var served []string
	for _, pattern := range newFixture(t).patterns() {
		served = append(served, strings.TrimSuffix(pattern, "{$}"))
	}
	slices.Sort(served)
	slices.Sort(documented)
	if !slices.Equal(served, documented) {
		t.Errorf("docs/openapi.yaml has\n%s\nand the routes are\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
}

// TestContractHasEveryField asks each route that reads a body which fields it knows.
func TestContractHasEveryField(t *testing.T) {
	r := newFixture(t)
	asked := 0
	for _, op := range contract().Operations(chapters...) {
		for kind, body := range map[string]string{asJSON: `{"no such field":"x"}`, asForm: "no+such+field=x"} {
			if op.Fields(kind) == nil || op.Path == "/sso/ended" { // that one ignores other fields, as its standard wants
				continue
			}
			asked++
			resp := r.do(with(post(op.Path, kind, body), "Cookie", r.signIn()))
			fields := slices.DeleteFunc(op.Fields(kind), func(name string) bool { return kind == asForm && name == "next" })
			for _, name := range fields {
				if !strings.Contains(resp.body, fmt.Sprintf(`\"%s\"`, name)) {
					t.Errorf("%s %s does not read the field %s: %s", op.Path, kind, name, resp.body)
				}
			}
			if got := strings.Count(resp.body, `\"`) / 2; got != len(fields) || resp.status != 400 {
				t.Errorf("%s %s: the document has %q, the route %d %s", op.Path, kind, fields, resp.status, resp.body)
			}
		}
	}
	if asked != 8 {
		t.Errorf("%d bodies were asked for", asked)
	}
}

// frame sends what is answered the same on every route.
func (r *fixture) frame() {
	for _, op := range contract().Operations(chapters...) {
		send := func(change func(*http.Request), body string) {
			for _, accept := range []string{"application/json", "text/html"} {
				req := httptest.NewRequest(op.Method, strings.ReplaceAll(op.Path, "{id}", unknownID), strings.NewReader(body))
				req.Header.Set("Accept", accept)
				change(req)
				r.do(req)
			}
		}
		send(originTwice, "")
		send(func(*http.Request) {}, strings.Repeat("x", maxBody+1))
		if op.Fields(asJSON) != nil {
			send(func(req *http.Request) { req.Header.Set("Cookie", r.signIn()) }, "a body without a type")
		}
		r.serving(pagesFor(r.t, site.Site{ProxySecrets: proxySecrets(r.t)}).Handler(slices.Collect(maps.Values(r.routes()))...), func() {
			send(func(*http.Request) {}, "")
		})
		r.serving(r.pages.Handler(Routes{op.Method + " " + op.Path: func(http.ResponseWriter, *http.Request) { panic("boom") }}), func() {
			send(func(*http.Request) {}, "")
		})
	}
}

// serving calls send while another handler than that of all routes answers.
func (r *fixture) serving(h http.Handler, send func()) {
	before := r.handler
	defer func() { r.handler = before }()
	r.handler = h
	send()
}

// configured sends what other configurations answer than that of the matrix.
func (r *fixture) configured() {
	both := func(cookie string, req func() *http.Request) {
		r.do(with(req(), "Cookie", cookie))
		r.do(fromBrowser(with(req(), "Cookie", cookie)))
	}
	to := func(path, body string) func() *http.Request {
		return func() *http.Request { return post(path, asJSON, body) }
	}
	at := func(path string) func() *http.Request { return func() *http.Request { return get(path) } }

	r.serving(r.pages.Handler(Login(r.sessions, nil, Options{}), Reauthenticate(r.sessions, nil, nil)), func() {
		both("", to("/login", rightJSON))
		both("", to("/reauthenticate", "{}"))
	})

	r.serveSite(moving)
	both("legacy=good", at("/login"))
	both("legacy=good", to("/logout", ""))
	r.do(with(post("/sessions/revoke-all", "", ""), "Cookie", r.signIn()+"; legacy=good"))
	cookie := r.signIn()
	own := tokenShape.FindString(cookie)[23:45]
	r.do(with(post("/sessions/"+own+"/revoke", "", ""), "Cookie", cookie+"; legacy=good"))
	for _, legacy := range []string{"good", "young", "rejected"} {
		r.do(fromBrowser(with(post("/convert", "", ""), "Cookie", "legacy="+legacy+"1")))
		r.do(with(with(with(get("/convert"), "Cookie", "legacy="+legacy), "Sec-Fetch-Mode", "navigate"), "Sec-Fetch-Dest", "document"))
		r.do(with(post("/convert", "", ""), "Cookie", "legacy="+legacy))
	}
	both("legacy=down", to("/convert/end", ""))

	trip := "; __Host-TRIP=" + tripOf(authn.Trip{Next: "/sessions", UserID: "alice-id"})
	both(r.signIn()+trip, at("/sso/callback?code=alice"))
	both("other=1"+trip, at("/sso/callback?code=alice"))

	landing := strings.TrimPrefix(r.do(fromBrowser(post("/login", asForm, rightForm))).header.Get("Refresh"), "0; url=")
	r.hooks["sessions.Delete"] = down
	both("", at(landing))
	r.repair()
}

// throttled sends passwords to a site that takes one wrong one.
func (r *fixture) throttled() {
	r.limit(throttle.Config{Name: throttle.Ladder{Free: 1, First: time.Hour, Longest: time.Hour, Lock: 10}})
	cookie := r.signIn()
	for path, body := range map[string]string{
		"/login": wrongJSON, "/reauthenticate": `{"password":"wrong"}`, "/password": `{"current_password":"wrong","new_password":"` + newPhrase + `"}`,
	} {
		for range 3 {
			r.do(with(post(path, asJSON, body), "Cookie", cookie))
			r.do(fromBrowser(with(post(path, asJSON, body), "Cookie", cookie)))
		}
	}
}

func proxySecrets(t *testing.T) clientip.Secrets {
	t.Helper()
	secrets, err := clientip.ParseSecrets(strings.Repeat("secret", 6))
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

// compareAnswers fails the test if the document has an answer that nobody has got.
func compareAnswers(t *testing.T, all *answered) {
	for _, op := range contract().Operations(chapters...) {
		for _, answer := range op.Answers() {
			if !all.seen[op][answer] {
				t.Errorf("no row of the matrix, and no other request of TestMatrix, gets %s %s: %s", op.Method, op.Path, answer)
			}
		}
	}
}

// refusedStatuses returns the statuses that the source of this package refuses with.
func refusedStatuses(t *testing.T) map[int]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`refuse\(http\.Status(\w+)`).FindAllSubmatch(source, -1) {
			found[statusOf(string(match[1]))] = true
		}
	}
	return found
}

// statusOf returns the status that net/http calls by that name, or 0.
func statusOf(name string) int {
	for status := 400; status < 600; status++ {
		if strings.ReplaceAll(http.StatusText(status), " ", "") == name {
			return status
		}
	}
	return 0
}

// TestContractHasEveryStatus: the document knows the statuses with which this package refuses,
// and no others.
func TestContractHasEveryStatus(t *testing.T) {
	got := slices.Sorted(maps.Keys(refusedStatuses(t)))
	var want []int
	for _, status := range contract().Components.Schemas["Problem"].Properties["status"].Enum {
		want = append(want, status.(int))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the package refuses with %v, and docs/openapi.yaml has %v", got, want)
	}
	var titles []any
	for _, status := range want {
		titles = append(titles, http.StatusText(status))
	}
	if documented := contract().Components.Schemas["Problem"].Properties["title"].Enum; !slices.Equal(documented, titles) {
		t.Errorf("docs/openapi.yaml has the titles %q, want %q", documented, titles)
	}
}
