package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/audit"
)

// auditedShell returns a shell on a SQLite store with the users alice and bob, and a trail in
// which they have what the entries say, in the order of the IDs.
func auditedShell(t *testing.T) (sh *shell, ids map[string]string) {
	t.Helper()
	sh, opened := openShell(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	sh.ok("", "tables", "create")
	silent := sh.with("AUDIT_DAYS", "0")
	ids = map[string]string{}
	for _, name := range []string{"alice", "bob"} {
		silent.ok(phrase, "users", "add", name)
		ids[name] = sh.documents(sh.ok("", "users", "show", name, "--json"))[0]["user_id"].(string)
	}
	trail, err := opened.Audit()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for i, e := range []audit.Entry{
		{UserID: ids["alice"], Event: "authn_login_success", IP: "192.0.2.1", SessionID: "s1"},
		{UserID: ids["bob"], Event: "session_ended", Reason: "logout"},
		{UserID: ids["alice"], Event: "session_ended", Reason: "revoked", Actor: "root@a"},
		{UserID: "gone", Event: "user_deleted", Actor: "root@b", Details: map[string]string{"before": `{"roles":["x"]}`}},
		{UserID: ids["alice"], Event: "session_ended", UserAgent: "\x1b[2J\u202e\n\"x\"", Details: map[string]string{"a\tb": "\x07"}},
	} {
		e.At, e.ID, e.ExpiresAt = at.Add(time.Duration(i)*time.Hour), strings.Repeat(fmt.Sprint(i), 22), at.AddDate(100, 0, 0)
		if err := trail.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return sh, ids
}

// TestAuditFilters: of the entries those are shown that are asked for, the newest first.
func TestAuditFilters(t *testing.T) {
	sh, ids := auditedShell(t)
	for args, want := range map[string]string{
		"":                        "43210",
		"alice":                   "420",
		"ALICE":                   "420",
		"bob":                     "1",
		"--user-id=gone":          "3",
		"--user-id=nobody":        "",
		"--user-id=" + ids["bob"]: "1",
		"--event=session_ended":   "421",
		"--event=session_ended --event=user_deleted":  "4321",
		"alice --event=authn_login_success":           "0",
		"--actor=root":                                "32",
		"--actor=@b":                                  "3",
		"--limit=2":                                   "43",
		"alice --limit=1":                             "4",
		"alice --limit=1 --event=authn_login_success": "0",
		"--since=2026-11-26T14:00:00Z":                "432",
		"--until=2026-11-26T14:00:00Z":                "10",
		"--since=2026-11-26T13:00:00Z --until=2026-11-26T15:00:00Z": "21",
		"alice --since=2026-11-26T14:00:00Z":                        "42",
		"alice --until=2026-11-26T14:00:00Z":                        "0",
		"alice --until=2026-11-26T15:00:00+01:00":                   "0",
		"--until=2026-11-26":                                        "",
		"--until=9999-12-31T23:59:59.999Z":                          "43210",
		"alice --until=9999-12-31T23:59:59.999Z":                    "420",
		"--since=2026-11-26 --limit=1":                              "4",
	} {
		var got string
		for _, e := range sh.documents(sh.ok("", append([]string{"audit", "--json"}, strings.Fields(args)...)...)) {
			got += e["id"].(string)[:1]
		}
		if got != want {
			t.Errorf("audit %s shows %q, want %q", args, got, want)
		}
	}
}

// TestAuditShows: an entry is one line, in which nothing stored can control the terminal; in
// JSON it is one document.
func TestAuditShows(t *testing.T) {
	sh, ids := auditedShell(t)
	want := []string{
		`2026-11-26T16:00:00.000Z  session_ended                   "` + ids["alice"] + `" user_agent="\x1b[2J\u202e\n\"x\"" $'a\x09b'="\a"`,
		`2026-11-26T15:00:00.000Z  user_deleted                    "gone" actor="root@b" before="{\"roles\":[\"x\"]}"`,
		`2026-11-26T14:00:00.000Z  session_ended                   "` + ids["alice"] + `" reason="revoked" actor="root@a"`,
		`2026-11-26T13:00:00.000Z  session_ended                   "` + ids["bob"] + `" reason="logout"`,
		`2026-11-26T12:00:00.000Z  authn_login_success             "` + ids["alice"] + `" session_id="s1" ip="192.0.2.1"`, ""}
	if got := strings.Split(sh.ok("", "audit"), "\n"); !slices.Equal(got, want) {
		t.Errorf("audit shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	const document = `{"user_id":"gone","at":"2026-11-26T15:00:00Z","id":"3333333333333333333333","event":"user_deleted","actor":"root@b",` +
		`"details":{"before":"{\"roles\":[\"x\"]}"},"expires_at":"2126-11-26T12:00:00Z"}` + "\n"
	if got := sh.ok("", "audit", "--json", "--user-id=gone"); got != document {
		t.Errorf("in JSON %s, want %s", got, document)
	}
	if got := sh.ok("", "audit", "--json"); regexp.MustCompile(`[^\x20-\x7e\n]`).MatchString(got) {
		t.Errorf("the JSON has characters that a terminal may obey: %q", got)
	}
}

// TestAuditDays: what an operator does is kept as long as AUDIT_DAYS says.
func TestAuditDays(t *testing.T) {
	sh, _ := auditedShell(t)
	sh.with("AUDIT_DAYS", "30").ok(phrase, "users", "add", "carol")
	e := sh.documents(sh.ok("", "audit", "carol", "--json"))[0]
	at, errAt := time.Parse(time.RFC3339, e["at"].(string))
	expires, errExpires := time.Parse(time.RFC3339, e["expires_at"].(string))
	if errAt != nil || errExpires != nil || !expires.Equal(at.AddDate(0, 0, 30).Truncate(time.Second)) {
		t.Errorf("the entry of %s expires at %s, want 30 days later", e["at"], e["expires_at"])
	}
}

// TestAuditRefuses: what is asked wrongly is told in one line, and so is a trail that is not
// there.
func TestAuditRefuses(t *testing.T) {
	sh, _ := auditedShell(t)
	const help = "; see: coatcheck audit --help"
	for args, want := range map[string]string{
		"--event=no_such":                       "audit: --event: the trail keeps no event of that name; it keeps authn_ended_by_provider, .*, user_updated" + help,
		"--event=authn_login_fail":              "audit: --event: the trail keeps no event of that name; .*" + help, // which is in the log alone
		"--limit=0":                             "audit: --limit is 0; it must be a number from 1 on" + help,
		"--limit=x":                             "--limit: expected a valid 64 bit int" + help,
		"--since=yesterday":                     "--since: must be a day such as 2026-11-27, a time such as .*" + help,
		"--since=2026-11-27 --until=2026-11-27": "audit: --since is not before --until, so nothing can be between them" + help,
		"alice --user-id=x":                     "audit: give a name or --user-id, not both" + help,
		"--reason=logout":                       "unknown flag --reason.*" + help,
		"alice bob":                             "there is an argument that belongs to nothing" + help,
	} {
		sh.fails(2, want, "", append([]string{"audit"}, strings.Fields(args)...)...)
	}
	sh.fails(1, `there is no user "carol"; check the name, the store and USERS_TABLE; one who was deleted is found by --user-id`, "", "audit", "carol")
	sh.with("AUDIT_DAYS", "0").fails(1, "there is no audit trail: AUDIT_DAYS is 0", "", "audit")
	sh.with("AUDIT_DAYS", "x").fails(1, `AUDIT_DAYS is "x"; .*`, "", "audit")
	dynamodb := sh.with("STORE", "dynamodb").with("AWS_REGION", "eu-west-1")
	dynamodb.fails(1, "there is no audit trail here: AUDIT_TABLE, the name of its table, is not set", "", "audit")
	away := dynamodb.with("AUDIT_TABLE", "x").with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1").with("AWS_ACCESS_KEY_ID", "x").with("AWS_SECRET_ACCESS_KEY", "x")
	for _, args := range []string{"audit", "audit --user-id=x"} {
		away.fails(1, "the call to DynamoDB failed; .*", "", strings.Fields(args)...)
	}
}

// TestAuditOfDamage: a damaged entry is told, and the others are shown.
func TestAuditOfDamage(t *testing.T) {
	sh, _ := auditedShell(t)
	_, opened := openShell(t, sh.env["STORE"])
	sh.database(opened)(`UPDATE coatcheck_audit SET details = 'c4nary' WHERE user_id = 'gone'`)
	got := sh.run("", "audit")
	if got.code != 1 || strings.Count(got.stdout, "\n") != 4 || !strings.Contains(got.stderr, "column details is not a JSON object of strings") || strings.Contains(got.stderr, "c4nary") {
		t.Errorf("%+v", got)
	}
}
