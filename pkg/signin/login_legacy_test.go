package signin

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestLoginContinues: pages of the monolith lead to /login, because its cookie signs nobody
// in there any more. Whoever has a good one goes on without a password. Nobody who comes
// from /convert, has a cookie of ours or has none of the monolith's is led away from the
// form.
func TestLoginContinues(t *testing.T) {
	for name, test := range map[string]struct {
		own, legacy, path string
		way               string
	}{
		"good":               {"no session", "legacy=good", "/login?next=%2Fcart", "/login?next=%2Fcart /convert?next=%2Fcart /cart"},
		"without next":       {"no session", "legacy=good", "/login", "/login /convert?next=%2Fprofile /profile"},
		"another site":       {"no session", "legacy=good", "/login?next=%2F%2Fother.example", "/login?next=%2F%2Fother.example /convert?next=%2Fprofile /profile"},
		"to itself":          {"no session", "legacy=good", "/login?next=%2Flogin", "/login?next=%2Flogin /convert?next=%2Flogin /login"},
		"spent":              {"no session", "legacy=old", "/login?next=%2Fcart", "/login?next=%2Fcart /convert?next=%2Fcart /login?why=moved&next=%2Fcart"},
		"rejected":           {"no session", "legacy=rejected", "/login?next=%2Fcart", "/login?next=%2Fcart /convert?next=%2Fcart /login?why=again&next=%2Fcart"},
		"a visitor":          {"no session", "legacy=visitor", "/login?next=%2Fcart", "/login?next=%2Fcart /convert?next=%2Fcart /login?why=new&next=%2Fcart"},
		"no cookie":          {"no session", "other=1", "/login?next=%2Fcart", "/login?next=%2Fcart"},
		"from convert":       {"no session", "legacy=good", "/login?why=again&next=%2Fcart", "/login?why=again&next=%2Fcart"},
		"with a receipt":     {"no session", "legacy=good", "/login?kept=x&next=%2Fcart", "/login?kept=x&next=%2Fcart"},
		"with ours":          {"signed in", "legacy=good", "/login?next=%2Fcart", "/login?next=%2Fcart"},
		"with a dead one":    {"dead session", "legacy=good", "/login?next=%2Fcart", "/login?next=%2Fcart"},
		"a monolith is away": {"no session", "legacy=down", "/login?next=%2Fcart", "/login?next=%2Fcart /convert?next=%2Fcart"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newMoving(t)
				b := newBrowser(r, states[test.own](r), test.legacy)
				resp := b.open("GET", test.path)
				if way := strings.ReplaceAll(strings.Join(b.visited, " "), "GET ", ""); way != test.way {
					t.Errorf("the way is\n%s, want\n%s", way, test.way)
				}
				if form := strings.Contains(resp.body, `action="/login"`); form != strings.Contains(b.visited[len(b.visited)-1], "/login") {
					t.Errorf("it ends with the form: %t; %d", form, resp.status)
				}
				last := b.visited[len(b.visited)-1]
				if says := strings.Contains(resp.body, sentenceMoved) || strings.Contains(resp.body, sentenceAgain); says != (strings.Contains(last, "why=") && !strings.Contains(last, "why=new")) {
					t.Errorf("%s says why: %t", last, says)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t) // a site to which nothing moves
		if resp := newBrowser(r, "legacy=good").open("GET", "/login"); resp.status != http.StatusOK {
			t.Errorf("without a monolith: %d", resp.status)
		}
	})
}
