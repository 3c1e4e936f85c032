package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	osuser "os/user"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
)

// audited returns the shell with a trail.
func (s *shell) audited() *shell {
	return s.with("AUDIT_TABLE", s.env["UNUSED_AUDIT_TABLE"])
}

// me is the user of the system who runs the tests.
func me(t *testing.T) string {
	t.Helper()
	u, errU := osuser.Current()
	host, errH := os.Hostname()
	if errU != nil || errH != nil {
		t.Fatal(errU, errH)
	}
	return u.Username + "@" + host
}

// told returns what the audit trail has, oldest first: the event, its reason, and what was
// before and after. Each must be of the actor.
func (s *shell) told(actor string, args ...string) []string {
	s.Helper()
	lines, _ := s.toldWhen(actor, args...)
	return lines
}

// wantTold reports an error unless told returns want. What happened in one millisecond may be
// there in any order: an entry says no more of its time.
func (s *shell) wantTold(want []string, actor string, args ...string) {
	s.Helper()
	lines, when := s.toldWhen(actor, args...)
	wanted := slices.Clone(want)
	for from := 0; from < len(lines); {
		to := from + 1
		for to < len(lines) && when[to] == when[from] {
			to++
		}
		slices.Sort(lines[from:to])
		slices.Sort(wanted[min(from, len(wanted)):min(to, len(wanted))])
		from = to
	}
	if !slices.Equal(lines, wanted) {
		s.Errorf("the trail has\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// toldWhen returns what told does, and when each happened.
func (s *shell) toldWhen(actor string, args ...string) (lines, when []string) {
	s.Helper()
	for _, e := range s.documents(s.ok("", append([]string{"audit", "--json"}, args...)...)) {
		line := fmt.Sprint(e["event"])
		if e["reason"] != nil {
			line += " " + e["reason"].(string)
		}
		details, _ := e["details"].(map[string]any)
		for _, name := range []string{"before", "after"} {
			if details[name] != nil {
				line += " " + name + " " + details[name].(string)
			}
		}
		if e["actor"] != actor {
			s.Errorf("%s: done by %v, want %s", line, e["actor"], actor)
		}
		lines, when = append(lines, line), append(when, e["at"].(string))
	}
	slices.Reverse(lines)
	slices.Reverse(when)
	return lines, when
}

// TestOperationsAreEvents: on every store the trail has what an operator did, with who, what
// of whom, before and after, and never a name, a display name or a hash.
func TestOperationsAreEvents(t *testing.T) {
	shells := map[string]*shell{"DynamoDB": newShell(t).audited()}
	for name, address := range storeAddresses(t) {
		shells[name], _ = openShell(t, address)
	}
	for name, sh := range shells {
		t.Run(name, func(t *testing.T) {
			sh := &shell{t, sh.env}
			if name != "DynamoDB" {
				sh.ok("", "tables", "create")
			}
			for name, value := range sh.env {
				t.Setenv(name, value)
			}
			opened, err := storeconfig.Open(t.Context(), sh.env["STORE"]+map[bool]string{true: "dynamodb"}[name == "DynamoDB"])
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			kept, err := opened.Sessions()
			if err != nil {
				t.Fatal(err)
			}
			sessions, err := session.New(kept, session.Config{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			sh.ok(phrase, "users", "add", "Alice", "--role=a")
			id := sh.documents(sh.ok("", "users", "show", "alice", "--json"))[0]["user_id"].(string)
			signIn := func() {
				if _, err := sessions.Create(httptest.NewRecorder(), httptest.NewRequest("POST", "/login", nil), session.User{ID: id}); err != nil {
					t.Fatal(err)
				}
			}
			for _, args := range []string{"users set alice --display-name=A&", "users set alice --role=b", "users set alice --role=b --display-name=B", "users passwd alice",
				"users disable alice", "users enable alice", "users rename alice bert", "users rename bert alice", "users unlock alice", "users unlock nobody", "sessions revoke alice", "users delete alice"} {
				if strings.Contains("users set alice --role=b, users passwd alice, sessions revoke alice, users delete alice", args) {
					signIn()
				}
				sh.ok(better, strings.Fields(args)...)
			}
			want := []string{
				`user_created after {"roles":["a"]}`,
				`user_updated after {"display_name":"set"}`,
				`user_updated before {"roles":["a"]} after {"roles":["b"]}`,
				`session_ended roles_changed`,
				`user_updated before {"roles":["b"]} after {"display_name":"set","roles":["b"]}`,
				`session_ended password_changed`,
				`password_set`,
				`user_updated before {"disabled":false} after {"disabled":true}`,
				`user_updated before {"disabled":true} after {"disabled":false}`,
				`user_renamed`,
				`user_renamed`,
				`user_unlocked`,
				`session_ended revoked`,
				`user_updated before {"disabled":false} after {"disabled":true}`,
				`session_ended deleted`,
				`user_deleted before {"roles":["b"]}`,
			}
			sh.wantTold(want, me(t), "--user-id="+id)
			sh.ok("name,password_hash,user_id,roles\nbob,"+django+",1,a\n", "users", "import", "-")
			sh.ok("name,password_hash,user_id,roles,active\nbob,"+strings.Replace(django, "=", "A", 1)+",1,a,f\n", "users", "import", "--dry-run", "-")
			sh.ok("name,password_hash,user_id,active\nbob,"+django+",1,f\n", "users", "import", "-")
			want = []string{`user_created after {"disabled":false,"roles":["a"]}`, `user_updated before {"disabled":false} after {"disabled":true}`}
			sh.wantTold(want, me(t), "bob") // an import
			if got := sh.told(me(t), "--event=user_deleted", "--event=user_unlocked"); len(got) != 2 {
				t.Errorf("of all users the trail has %q", got)
			}
		})
	}
}

// TestWhatIsAboutEverybody: new keys, and the end of a migration.
func TestWhatIsAboutEverybody(t *testing.T) {
	bridged, records := withBridge(t)
	sh := bridged.audited()
	if _, err := records.OpenWindow(t.Context(), time.Date(2100, 2, 3, 4, 5, 6, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	sh.ok("", "migrate", "close", "--yes")
	old := strings.Repeat("A", 43) + "="
	next := sh.ok(old, "keys", "append")
	names := keyring(strings.Split(next, ",")).names()
	promoted := sh.ok(next, "keys", "promote", names[1])
	sh.ok(promoted, "keys", "remove", names[0])
	want := []string{
		`migration_closed before {"ends_at":"2100-02-03T04:05:06Z"}`,
		fmt.Sprintf(`keys_changed before ["%s"] after ["%s","%s"]`, names[0], names[0], names[1]),
		fmt.Sprintf(`keys_changed before ["%s","%s"] after ["%s","%s"]`, names[0], names[1], names[1], names[0]),
		fmt.Sprintf(`keys_changed before ["%s","%s"] after ["%s"]`, names[1], names[0], names[1]),
	}
	sh.wantTold(want, me(t))
	if got := sh.ok("", "audit", "--event=migration_closed"); !strings.Contains(got, "  everybody ") {
		t.Errorf("as text: %s", got)
	}
	away := sh.with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
	if got := away.run(old, "keys", "append"); got.code != 1 || !strings.Contains(got.stderr, "was done, and is not in the audit trail") {
		t.Errorf("keys append without a trail that can be written: %+v", got)
	}
	away.with("AUDIT_DAYS", "0").ok(old, "keys", "append")
}

// cloud is AWS, for a program that reaches it through a proxy: DynamoDB, and an STS that may
// be away.
type cloud struct {
	calls atomic.Int32 // of STS
	away  atomic.Bool
}

const arn = "arn:aws:sts::123456789012:assumed-role/Operators/alice@example.com"

// inCloud returns the shell in which DynamoDB is not on this machine.
func (s *shell) inCloud() (*shell, *cloud) {
	c := &cloud{}
	target, err := url.Parse(dynamotest.Endpoint(s))
	if err != nil {
		s.Fatal(err)
	}
	database := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Host == "dynamodb.example.com" {
			database.ServeHTTP(w, r)
			return
		}
		c.calls.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Host != "sts.example.com" || !strings.Contains(string(body), "Action=GetCallerIdentity") {
			s.Errorf("a call of %s: %s, %v", r.URL, body, err)
		}
		if c.away.Load() {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>%s</Arn>`+
			`<UserId>AROA:alice</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`, arn)
	}))
	s.Cleanup(server.Close)
	return s.with("HTTP_PROXY", server.URL).with("AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb.example.com").with("AWS_ENDPOINT_URL_STS", "http://sts.example.com"), c
}

// TestCallerOnAWS: on AWS the operator is the caller, whom STS is asked for once, and only
// when something is changed. While STS is away nothing is changed that would be recorded.
func TestCallerOnAWS(t *testing.T) {
	base := newShell(t)
	sh, aws := base.audited().inCloud()
	wantCalls := func(what string, want int32) {
		t.Helper()
		if got := aws.calls.Swap(0); got != want {
			t.Errorf("%s asks STS %d times, want %d", what, got, want)
		}
	}
	sh.ok(phrase, "users", "add", "alice")
	wantCalls("users add", 1)
	if got := sh.told(arn, "alice"); !slices.Equal(got, []string{`user_created after {"roles":[]}`}) {
		t.Errorf("the trail has %q", got)
	}
	sh.ok("", "users", "list")
	sh.ok("", "sessions", "list", "alice")
	sh.ok(someRows(3), "users", "import", "--dry-run", "-")
	sh.fails(1, `there is no user "bob"; .*`, "", "users", "disable", "bob")
	wantCalls("what changes nothing", 0)
	sh.ok(someRows(20), "users", "import", "-")
	wantCalls("users import", 1)

	aws.away.Store(true)
	const refused = "nothing was changed, because the audit trail could not say who did it; where it cannot wait, AUDIT_DAYS=0 does it without a record: asking STS who you are: .*"
	for args, stdin := range map[string]string{
		"users add bob": phrase, "users set alice --role=x": "", "users passwd alice": better, "users disable alice": "", "users enable alice": "", "users unlock alice": "",
		"users delete alice": "", "users import -": "name,password_hash\nbob," + django + "\n", "sessions revoke alice": "", "migrate forget": "", "keys append": strings.Repeat("A", 43) + "=",
	} {
		stderr := sh.run(stdin, strings.Fields(args)...)
		if stderr.code != 1 || !strings.Contains(stderr.stderr, refused[:len(refused)-3]) {
			t.Errorf("%s while STS is away: %+v", args, stderr)
		}
	}
	if alice := sh.through(base).stored("alice"); alice.Disabled || len(alice.Roles) > 0 {
		t.Errorf("alice became %+v", alice)
	}
	if _, err := sh.through(base).users().Get(t.Context(), "bob"); err != accounts.ErrNotFound {
		t.Errorf("bob was added: %v", err)
	}
	aws.calls.Store(0)
	sh.with("AUDIT_DAYS", "0").ok("", "users", "disable", "alice")
	sh.with("AUDIT_TABLE", "").ok("", "users", "enable", "alice")
	wantCalls("without a trail, a command", 0)
	if got := sh.told(arn, "alice"); len(got) != 1 {
		t.Errorf("without a trail, it has %q", got)
	}
}

// through returns the shell that reaches the tables as base does.
func (s *shell) through(base *shell) *shell { return &shell{s.T, base.env} }

// TestNotRecorded: a change that was made and is not in the trail is told, and the command
// fails. An import does not go on.
func TestNotRecorded(t *testing.T) {
	base := newShell(t)
	sh := base.with("AUDIT_TABLE", "missing")
	const told = "what was done was done, and is not in the audit trail; do not repeat it for that: entries of the audit trail that could not be written: "
	for _, test := range []struct{ args, want string }{{"users add alice", "Added user"}, {"users set alice --role=x", "Changed user"}, {"users unlock alice", "Unlocked"}, {"users delete alice", "Deleted"}} {
		got := sh.run(phrase, strings.Fields(test.args)...)
		if got.code != 1 || !strings.Contains(got.stdout, test.want) || !strings.Contains(got.stderr, told) || !strings.Contains(got.stderr, `"missing"`) || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%s: %+v", test.args, got)
		}
	}
	got := sh.run(someRows(200), "users", "import", "-")
	if got.code != 1 || !strings.Contains(got.stderr, "the import is not complete; run it again for the rest: the audit trail cannot be written; "+told) {
		t.Errorf("an import: %+v", got)
	}
	if n := len(base.documents(base.ok("", "users", "list", "--json"))); n > 100 {
		t.Errorf("the import went on: %d users", n)
	}
}
