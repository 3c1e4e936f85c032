package functions_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// A name that nobody has is asked about at the monolith, and who is known there is a user
// from then on. The calls are those of docs/costs.md, and login makes exactly those that
// the template allows with LegacyLoginURL.
func TestLoginAsksElsewhere(t *testing.T) {
	var asked []string
	status := http.StatusOK
	monolith := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("Authorization")+" "+string(body))
		w.WriteHeader(status)
		name := strings.Split(string(body), `"`)[3]
		fmt.Fprintf(w, `{"user_id": "old-%s", "username": %q}`, name, name)
	}))
	defer monolith.Close()
	key := strings.Repeat("k", 32)
	s := newStack(t, map[string]string{"LEGACY_LOGIN_URL": monolith.URL, "LEGACY_LOGIN_KEY": key})
	users := s.users(t)
	if err := users.Claim(t.Context(), "left", "deleted-long-ago"); err != nil { // a claim of a name that was left
		t.Fatal(err)
	}
	var uses []dynamotest.Call
	sign := func(in request, want int) reply {
		t.Helper()
		r := s.do(t, in)
		uses = append(uses, r.calls...)
		wantStatus(t, r, want)
		return r
	}
	first := sign(loginAs("dora", "hunter2"), http.StatusOK)
	if want := "Bearer " + key + ` {"username":"dora","password":"hunter2"}`; len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
	counted := map[string]int{}
	for _, call := range first.calls {
		if strings.Contains(fmt.Sprint(dynamotest.Uses([]dynamotest.Call{call}, s.tables)), "UsersTable") {
			counted[call.Action]++
		}
	}
	if counted["GetItem"] != 7 || counted["PutItem"] != 2 || len(counted) != 2 { // two of a login, one of the process, and four
		t.Errorf("the first sign-in makes the calls %v on the users", counted)
	}
	dora, err := users.Get(t.Context(), "dora")
	if err != nil || dora.UserID != "old-dora" || dora.Origin != "sign-in" {
		t.Errorf("stored %+v, %v", dora, err)
	}
	sign(loginAs("left", "hunter2"), http.StatusOK)
	asked = nil
	again := sign(loginAs("dora", "hunter2"), http.StatusOK)
	sign(loginAs("dora", "hunter3"), http.StatusUnauthorized)
	if len(asked) != 0 {
		t.Errorf("asked about who is ours: %q", asked)
	}
	s.addForeignUser(t)
	next := loginAs(foreignUser, foreignPassword)
	next.cookie = again.cookie()
	made := sign(next, http.StatusOK)
	sign(request{method: "POST", path: "/reauthenticate", cookie: made.cookie(), contentType: "application/json", body: `{"password":"` + foreignPassword + `"}`}, http.StatusNoContent)
	template := dynamotest.Template(t, "HasLegacyLogin")
	if got, want := dynamotest.Uses(uses, s.tables), template.Functions["LoginFunction"].Access; !slices.Equal(got, want) {
		t.Errorf("login calls %v; template.yaml allows %v", got, want)
	}

	no := sign(loginAs("alice", "not the password"), http.StatusUnauthorized)
	status = http.StatusUnauthorized
	if r := sign(loginAs("nobody", "hunter2"), http.StatusUnauthorized); r.body != no.body {
		t.Errorf("an unknown name is answered by %s, a wrong password by %s", r.body, no.body)
	}
	status = http.StatusInternalServerError
	sign(loginAs("nobody", "hunter2"), http.StatusServiceUnavailable)
	if failures := strings.Count(fmt.Sprint(asked), "nobody"); failures != 2 {
		t.Errorf("asked %q", asked)
	}
}
