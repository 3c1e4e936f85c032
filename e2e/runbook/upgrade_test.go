package runbook_test

import (
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
)

// TestUpgrade runs the programs of each recorded release beside those of this one, on the
// same tables. Users meet now the ones and now the others: whichever begins something, the
// other one goes on with it.
func TestUpgrade(t *testing.T) {
	for _, commit := range releases(t) {
		t.Run(commit[:7], func(t *testing.T) {
			folder, err := checkout(commit)
			if err != nil {
				t.Fatal(err)
			}
			t.Run("DynamoDB", func(t *testing.T) { upgradeFunctions(t, folder) })
			t.Run("SQLite", func(t *testing.T) { upgradeServer(t, folder) })
		})
	}
}

// upgradeFunctions tries functions of two releases on the same tables.
func upgradeFunctions(t *testing.T, folder string) {
	tables := dynamotest.Tables(t)
	variables := variablesOf(t, tables)
	add := func(folder, name string) {
		t.Helper()
		coatcheck(t, folder, variables, alicesPassword+"\n", "users", "add", name)
	}
	// The older release adds a user. The newer one checks once, and then adds another.
	add(folder, "alice")
	coatcheck(t, root("."), variables, "", "users", "check")
	add(root("."), "bob")

	older, newer := serveFunctions(t, folder, variables), serveFunctions(t, root("."), variables)
	for _, name := range []string{"alice", "bob"} {
		password := alicesPassword
		for _, pair := range []pair{{t, older, newer}, {t, newer, older}} {
			password = pair.journeys(name, password)
		}
		keepAttributes(t, tables, older, newer, name, password)
	}
	for i, pair := range []pair{{t, older, newer}, {t, newer, older}} {
		pair.throttle(fmt.Sprint("somebody", i))
	}
}

// variablesOf returns one value for each variable of any function, with limits for users who
// stay signed in, and a key.
func variablesOf(t *testing.T, tables map[string]string) map[string]string {
	t.Helper()
	template, err := samtemplate.Read(root("template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for _, function := range template.Functions {
		for name, value := range function.Environment {
			if table, ok := tables[value]; ok {
				value = table
			}
			if value != "" {
				variables[name] = value
			}
		}
	}
	variables["AWS_ENDPOINT_URL_DYNAMODB"] = dynamotest.Endpoint(t)
	variables["SESSION_KEYS"] = randomKey()
	variables["SESSION_PERSISTENT_IDLE_TIMEOUT"] = "168h"
	return variables
}

// coatcheck runs the operator's command of a checkout.
func coatcheck(t *testing.T, folder string, variables map[string]string, input string, args ...string) {
	t.Helper()
	cmd := exec.Command(program(t, folder, "coatcheck"), args...)
	cmd.Env = lambdaEnvironment(variables)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("coatcheck %q of %s: %v\n%s", args, folder, err, out)
	}
}

// upgradeServer tries two servers on one SQLite database. The older one has made its tables,
// goes on when the newer one has changed them, and can be started on them, so that there is a
// way back.
func upgradeServer(t *testing.T, folder string) {
	store := "sqlite:" + filepath.Join(t.TempDir(), "coatcheck.db")
	older := serve(t, folder, store, tablesFlag(t, folder)...)
	newer := serve(t, root("."), store, "-tables")
	password := demo.Password
	for _, pair := range []pair{{t, older, newer}, {t, newer, older}} {
		password = pair.journeys(demo.Username, password)
		pair.throttle("somebody-" + pair.first[len(pair.first)-4:])
	}
	back := serve(t, folder, store)
	for _, pair := range []pair{{t, back, newer}, {t, newer, back}} {
		password = pair.journeys(demo.Username, password)
	}
}

// tablesFlag returns the flag that makes tables, if the server of the checkout has one. In
// older releases -demo made them.
func tablesFlag(t *testing.T, folder string) []string {
	t.Helper()
	out, _ := exec.Command(program(t, folder, "server"), "-help").CombinedOutput()
	if strings.Contains(string(out), "-tables") {
		return []string{"-tables"}
	}
	return nil
}

// pair is two servers on the same stores. A user begins at the first and goes on at the
// second.
type pair struct {
	*testing.T
	first, second string
}

// journeys takes a user through both servers. It returns the password that the user has at
// the end.
func (p pair) journeys(name, password string) string {
	p.Helper()
	signIn := func() *client { p.Helper(); return newClient(p, p.first).signIn(name, password) }

	c := signIn()
	c.wantProfile(http.StatusOK)
	c.at(p.second).wantProfile(http.StatusOK)
	c.at(p.second).want(http.StatusNoContent, "POST", "/reauthenticate", object("password", password))
	c.wantProfile(http.StatusOK) // with the new token
	p.preferences(c)
	p.logout(c)
	p.revoke(signIn)

	// A password that is changed at the second ends the sessions of the first.
	thief, owner := signIn(), signIn().at(p.second)
	changed := "a changed password, " + randomKey()
	owner.want(http.StatusNoContent, "POST", "/password", object("current_password", password, "new_password", changed))
	thief.wantProfile(http.StatusUnauthorized)
	owner.at(p.first).wantProfile(http.StatusOK)
	if status := newClient(p, p.first).login(name, password); status != http.StatusUnauthorized {
		p.Errorf("the password of before: status %d", status)
	}
	newClient(p, p.first).signIn(name, changed)
	return changed
}

// preferences sets one at each server. Both keep what the other has set.
func (p pair) preferences(c *client) {
	p.Helper()
	c.want(http.StatusNoContent, "POST", "/preferences", object("theme", "dark"))
	c.at(p.second).want(http.StatusNoContent, "POST", "/preferences", object("language", "fr"))
	for _, url := range []string{p.first, p.second} {
		got := c.at(url).wantProfile(http.StatusOK).body
		if !strings.Contains(got, `"dark"`) || !strings.Contains(got, `"fr"`) {
			p.Errorf("the profile at %s has not both preferences: %s", url, got)
		}
	}
}

// logout logs out at the second server, and the session has ended at both.
func (p pair) logout(c *client) {
	p.Helper()
	thief := c.copied()
	c.at(p.second).want(http.StatusNoContent, "POST", "/logout", "")
	thief.wantProfile(http.StatusUnauthorized)
	thief.at(p.second).wantProfile(http.StatusUnauthorized)
}

// revoke ends sessions of the first server at the second: one, all others, all.
func (p pair) revoke(signIn func() *client) {
	p.Helper()
	own, one, other := signIn(), signIn(), signIn()
	id := sessionID(p.T, one)
	if list := own.at(p.second).want(http.StatusOK, "GET", "/sessions", "").body; !strings.Contains(list, id) {
		p.Errorf("the list at the second server has no %s: %s", id, list)
	}
	own.at(p.second).want(http.StatusNoContent, "POST", "/sessions/"+id+"/revoke", "")
	one.wantProfile(http.StatusUnauthorized)
	other.wantProfile(http.StatusOK)
	own.at(p.second).want(http.StatusNoContent, "POST", "/sessions/revoke-others", "")
	other.wantProfile(http.StatusUnauthorized)
	own.wantProfile(http.StatusOK)
	thief := own.copied()
	own.at(p.second).want(http.StatusNoContent, "POST", "/sessions/revoke-all", "")
	thief.wantProfile(http.StatusUnauthorized)
}

// sessionID returns the ID of the client's session.
func sessionID(t *testing.T, c *client) string {
	t.Helper()
	parts := strings.Split(c.cookies[sessionCookie], ".")
	if len(parts) < 3 {
		t.Fatalf("the cookie has %d parts", len(parts))
	}
	return parts[1]
}

// throttle guesses at both servers in turn: their failures are counted together.
func (p pair) throttle(name string) {
	p.Helper()
	for i := range 12 {
		want := http.StatusUnauthorized
		if i >= 10 {
			want = http.StatusTooManyRequests
		}
		if status := newClient(p, []string{p.first, p.second}[i%2]).login(name, "a wrong guess"); status != want {
			p.Errorf("guess %d: status %d, want %d", i+1, status, want)
		}
	}
}

// keepAttributes: what the newer functions have added to the items of a user, who chooses to
// stay signed in, is there after the older ones have written these.
func keepAttributes(t *testing.T, tables map[string]string, older, newer, name, password string) {
	t.Helper()
	c := newClient(t, newer)
	c.want(http.StatusOK, "POST", "/login", fmt.Sprintf(`{"username":%q,"password":%q,"stay_signed_in":true}`, name, password))
	c.want(http.StatusNoContent, "POST", "/preferences", object("theme", "light"))
	c.at(older).wantProfile(http.StatusOK)
	before := attributes(t, tables)
	c.at(older).want(http.StatusNoContent, "POST", "/reauthenticate", object("password", password))
	c.at(older).want(http.StatusNoContent, "POST", "/preferences", object("theme", "dark"))
	c.wantProfile(http.StatusOK)
	after := attributes(t, tables)
	for item, names := range before {
		for _, name := range names {
			if !slices.Contains(after[item], name) {
				t.Errorf("after writes of the older functions %s has no %s: %q", item, name, after[item])
			}
		}
	}
}

// attributes returns the names of the attributes of every user and session.
func attributes(t *testing.T, tables map[string]string) map[string][]string {
	t.Helper()
	client := dynamotest.Client(t, dynamotest.Endpoint(t))
	all := map[string][]string{}
	for _, id := range []string{"UsersTable", "SessionsTable"} {
		name := tables[id]
		found, err := client.Scan(t.Context(), &dynamodb.ScanInput{TableName: &name, ConsistentRead: new(true)})
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range found.Items {
			key := id
			for _, part := range []string{"name", "id"} {
				if value, ok := item[part]; ok {
					key += fmt.Sprint(" ", value)
				}
			}
			all[key] = slices.Sorted(maps.Keys(item))
		}
	}
	return all
}
