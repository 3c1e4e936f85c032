package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/postgrestest"
	"example.com/coatcheck/internal/testing/redistest"
	"example.com/coatcheck/pkg/config/storeconfig"
)

// trailOf returns the events in the trail of the store, oldest first, each with its reason.
func trailOf(t *testing.T, address string) (all []string) {
	t.Helper()
	opened, err := storeconfig.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	trail, err := opened.Audit()
	if err != nil {
		t.Fatal(err)
	}
	var keyed []string
	for e, err := range trail.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.IP != "127.0.0.1" && e.IP != "::1" || e.SessionID == "" {
			t.Errorf("of whom is %+v", e)
		}
		keyed = append(keyed, e.Key()+" "+strings.TrimSpace(e.Event+" "+e.Reason))
	}
	slices.Sort(keyed)
	for _, line := range keyed {
		_, event, _ := strings.Cut(line, " ")
		all = append(all, event)
	}
	return all
}

// TestTrail: on every store a server keeps what has happened, shows users their own, and has
// it when it has answered. It does so unless AUDIT_DAYS is 0, in DynamoDB if AUDIT_TABLE is
// set.
func TestTrail(t *testing.T) {
	tables := dynamotest.Tables(t)
	aws := []string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL_DYNAMODB=" + dynamotest.Endpoint(t),
		"SESSIONS_TABLE=" + tables["SessionsTable"], "USERS_TABLE=" + tables["UsersTable"], "ATTEMPTS_TABLE=" + tables["AttemptsTable"],
	}
	withTrail := append(slices.Clone(aws), "AUDIT_TABLE="+tables["AuditTable"])
	for _, variable := range withTrail { // for trailOf
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
	for name, store := range map[string]struct {
		address string
		env     []string
	}{
		"memory":     {"memory", nil},
		"SQLite":     {"sqlite:" + filepath.Join(t.TempDir(), "x.db"), nil},
		"PostgreSQL": {postgrestest.DSN(t), nil},
		"Redis":      {"redis://" + redistest.Start(t).Options().Addr, nil},
		"DynamoDB":   {"dynamodb", withTrail},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, append(slices.Clip(store.env), "STORE="+store.address), "-demo", "-tables")
			b := newBrowser(t)
			if got := signIn(t, b, p.url, demoPassword); got.status != 200 {
				t.Fatalf("signing in: %d", got.status)
			}
			if got := b.get(p.url + "/activity"); got.status != 200 || got.path != "/activity" {
				t.Errorf("/activity: %d at %s", got.status, got.path)
			}
			if got := b.get(p.url + "/profile"); !strings.Contains(got.body, `href="/activity"`) {
				t.Error("the menu does not lead to /activity")
			}
			b.post(p.url+"/logout", nil)
			if name == "memory" { // nobody else reaches it
				signIn(t, b, p.url, demoPassword)
				if got := b.get(p.url + "/activity"); strings.Count(got.body, "<time") < 3 {
					t.Errorf("/activity does not show two sign-ins and a logout: %s", got.body)
				}
				return
			}
			if got, want := trailOf(t, store.address), []string{"authn_login_success", "session_ended logout"}; !slices.Equal(got, want) {
				t.Errorf("the trail is %q, want %q", got, want)
			}
		})
	}
	for name, env := range map[string][]string{"AUDIT_DAYS": {"AUDIT_DAYS=0", "STORE=sqlite:" + filepath.Join(t.TempDir(), "x.db")}, "AUDIT_TABLE": append(slices.Clip(aws), "STORE=dynamodb")} {
		t.Run("without a trail by "+name, func(t *testing.T) {
			p := start(t, env, "-demo", "-tables")
			b := newBrowser(t)
			if got := signIn(t, b, p.url, demoPassword); got.status != 200 || strings.Contains(got.body, "/activity") {
				t.Errorf("signing in: %d, and the menu has /activity: %t", got.status, strings.Contains(got.body, "/activity"))
			}
			if got := b.get(p.url + "/activity"); got.status != 404 {
				t.Errorf("/activity: %d, want 404", got.status)
			}
		})
	}
}
