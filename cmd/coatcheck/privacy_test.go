package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
)

// everyKept runs the test on each kind of store, with a bridge, an OpenID provider and an
// audit trail.
func everyKept(t *testing.T, test func(p *everywhere)) {
	more := map[string]string{"OIDC_ISSUER": "https://id.example.com", "BRIDGE_TABLE": "any"}
	for name, value := range more {
		t.Setenv(name, value)
	}
	tables := map[string]string{"BRIDGE_TABLE": "BridgeTable", "OIDC_TABLE": "LinksTable", "AUDIT_TABLE": "AuditTable"}
	everyPlaceWith(t, more, tables, test, "OwnBridgeTable", "OwnLinksTable")
}

// person is somebody of whom every field of every part has a value of its own.
type person struct {
	*accounts.Account
	owner  string
	hashes []string // keys of counters
}

// keep stores everything that can be kept of a person.
func (p *everywhere) keep(name string) *person {
	p.Helper()
	must := func(err error) {
		p.Helper()
		if err != nil {
			p.Fatal(err)
		}
	}
	p.ok(phrase, "users", "add", name, "--display-name", "display of "+name, "--role", "a-role")
	a := p.user(name)
	a.Preferences = map[string]string{"theme": "theme of " + name, "language": "language of " + name}
	a.PasswordHash, a.ImportedHash, a.Origin, a.CredentialVersion = "$secret$", "$imported secret$", accounts.OriginImport, 2
	must(p.users.Update(p.Context(), a, "revision of "+name))
	at := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	must(p.users.SetLastUsed(p.Context(), name, a.UserID, at))
	a = p.user(name)

	s := &session.Session{
		ID: strings.Repeat("s", 21) + "A", UserID: a.UserID, Roles: []string{"session role of " + name}, Values: map[string]string{"cart": "cart of " + name},
		CreatedAt: at, AuthenticatedAt: at.Add(time.Second), LastSeenAt: at.Add(2 * time.Second), ExpiresAt: at.Add(1e6 * time.Second), EndsAt: at.Add(2e6 * time.Second),
		Persistent: true, Version: 77, IP: "192.0.2.1", UserAgent: "agent of " + name, LastIP: "192.0.2.2", LastUserAgent: "last agent of " + name,
		Secret: [32]byte{1, 2, 3}, PreviousSecret: [32]byte{4, 5, 6},
	}
	must(p.sessions.Create(p.Context(), s))
	ended := s.Clone()
	ended.ID, ended.ExpiresAt = strings.Repeat("t", 21)+"A", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	must(p.sessions.Create(p.Context(), ended))

	limiter := p.limiterOn(p.attempts)
	p.guess(limiter, a.Subject(), 1)
	kept, err := limiter.Kept(p.Context(), a.Subject())
	must(err)
	who := &person{Account: a, owner: s.Key().Owner}
	for _, failures := range kept {
		who.hashes = append(who.hashes, failures.Key)
	}

	trail, err := p.Audit()
	must(err)
	must(trail.Append(p.Context(), audit.Entry{
		UserID: a.UserID, At: at, ID: strings.Repeat("n", 21) + "A", Event: "authn_login_success", SessionID: s.ID, IP: "192.0.2.3", UserAgent: "audited agent of " + name,
		Reason: "reason of " + name, Actor: "actor of " + name, Details: map[string]string{"new_device": "detail of " + name}, ExpiresAt: at.Add(3e6 * time.Second),
	}))
	links, err := p.Links()
	must(err)
	for _, id := range []string{s.ID, ended.ID} { // the second one replaces the first
		_, err = links.Link(p.Context(), oidc.Link{ID: "link of " + name, Session: session.Key{Owner: who.owner, ID: id}, ExpiresAt: time.Now().Add(time.Hour)})
		must(err)
	}
	records, err := p.Bridge()
	must(err)
	_, err = records.PutLink(p.Context(), bridge.Link{ID: "bridge link of " + name, Nonce: "nonce of " + name, Source: "source", Session: s.Key(), At: at})
	must(err)
	must(records.PutSeal(p.Context(), who.owner, at))
	return who
}

// mentions reports whether the record is about the person.
func (who *person) mentions(r storeconfig.Record) bool {
	for _, text := range append([]string{who.UserID, who.Name, who.owner}, who.hashes...) {
		if about(r, text) {
			return true
		}
	}
	return false
}

// secretFields are the fields that no export has.
var secretFields = []string{"password_hash", "imported_hash", "secret", "previous_secret"}

// TestUsersExport: what is kept of a person in whatever field of whatever part is in the
// export, and no secret, and nothing of anybody else. A field that a later release adds and
// forgets here makes this fail.
func TestUsersExport(t *testing.T) {
	everyKept(t, func(p *everywhere) {
		who, other := p.keep("alice@example.com"), p.keep("bob@example.org")
		text := p.ok("", "users", "export", "Alice@example.com")
		var document map[string]any
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			p.Fatal(err)
		}
		exported := leaves(document)
		parts := map[storeconfig.Part]int{}
		for record, err := range p.Records(p.Context(), storeconfig.Parts...) {
			if err != nil {
				p.Fatal(err)
			}
			if !who.mentions(record) {
				continue
			}
			parts[record.Part]++
			if about(record, "user_exported") && record.Part == storeconfig.Audit && record.Fields["members"] == "" {
				continue // it came afterwards
			}
			for field, value := range record.Fields {
				if slices.Contains(secretFields, field) {
					if value != "" && strings.Contains(text, value) {
						p.Errorf("%s: the secret %s is in the export", record.Part, field)
					}
					continue
				}
				for _, leaf := range stored(value) {
					if field == "attempt" || strings.Contains(value, "user_exported") && laterThanExport(leaf, document) {
						continue // a random number that says nothing of anybody; an entry that came afterwards
					}
					if !slices.ContainsFunc(spellings(leaf), func(s string) bool { return exported[s] }) {
						p.Errorf("%s: %s has %q, which is not in the export", record.Part, field, leaf)
					}
				}
			}
		}
		if len(parts) != len(storeconfig.Parts) {
			p.Errorf("something is kept in %v alone, so that this does not test all parts", parts)
		}
		for _, secret := range []string{"$secret$", "imported secret", other.UserID, other.owner, "bob@example.org"} {
			if strings.Contains(text, secret) {
				p.Errorf("the export has %q", secret)
			}
		}
		if byID := p.ok("", "users", "export", "--user-id", who.UserID); len(byID) < len(text)*9/10 {
			p.Errorf("by the user ID there is less: %s", byID)
		}
		p.fails(2, "users export: give a name, or --user-id; .*", "", "users", "export")
		p.fails(1, "there is no user .*", "", "users", "export", "nobody")
		if got := p.ok("", "users", "export", "--user-id=nobody"); !strings.Contains(got, `"claims":{}`) {
			p.Errorf("of an ID that nobody has: %s", got)
		}
	})
}

// laterThanExport reports whether the text is of the entry that the export itself made: its
// name, its key, or when it expires.
func laterThanExport(text string, document map[string]any) bool {
	exported, _ := time.Parse(time.RFC3339, document["exported_at"].(string))
	at, _, _ := strings.Cut(text, "#")
	if made, err := time.Parse("2006-01-02T15:04:05.000Z", at); err == nil {
		return !made.Before(exported)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return text == "user_exported" || err == nil && !time.Unix(n, 0).Before(exported.Add(399*24*time.Hour))
}

// leaves returns the texts, numbers and truth values in a document.
func leaves(document any) map[string]bool {
	all := map[string]bool{}
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, each := range value {
				all[key] = true
				walk(each)
			}
		case []any:
			for _, each := range value {
				walk(each)
			}
		default:
			all[fmt.Sprint(value)] = true
		}
	}
	walk(document)
	return all
}

// stored returns what the text of a field says: its parts, if it is JSON, or several texts in
// one.
func stored(value string) (all []string) {
	var document any
	if json.Unmarshal([]byte(value), &document) == nil {
		switch document.(type) {
		case map[string]any, []any:
			for leaf := range leaves(document) {
				all = append(all, stored(leaf)...)
			}
			return all
		}
		return []string{value}
	}
	if key, rest, ok := strings.Cut(value, " "); ok && strings.Contains(key, "Z#") { // a member of redisaudit
		expires, entry, _ := strings.Cut(rest, " ")
		return append(stored(entry), key, expires)
	}
	return []string{value}
}

// spellings returns how an export may write what a store has written.
func spellings(value string) []string {
	all := []string{value}
	if key, ok := strings.CutPrefix(value, "coatcheck:"); ok { // of Redis: what it is about comes after what it is
		_, name, _ := strings.Cut(key, ":")
		owner, _, _ := strings.Cut(strings.Trim(key, "{}"), "}:")
		all = append(all, name, owner)
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		for _, at := range []time.Time{time.Unix(n, 0), time.UnixMilli(n)} {
			all = append(all, at.UTC().Format(time.RFC3339Nano))
		}
		if n <= 1 { // an empty time, or a truth value
			all = append(all, strconv.FormatBool(n == 1), "user_id")
		}
	}
	switch value {
	case "", "null", "false":
		return append(all, "user_id") // nothing is kept
	}
	return all
}

// TestUsersDeleteLeavesNothing: afterwards the store has nothing of the user but what the
// command and docs/privacy.md say: the trail, and random IDs of links and of a bridge.
func TestUsersDeleteLeavesNothing(t *testing.T) {
	everyKept(t, func(p *everywhere) {
		who, other := p.keep("alice@example.com"), p.keep("bob@example.org")
		p.ok("", "users", "set", "alice@example.com", "--display-name=Alice Liddell")
		p.ok("", "users", "set", "alice@example.com", "--display-name=Mrs Liddell", "--role=a-role")
		p.ok("", "users", "delete", "alice@example.com")
		left := map[storeconfig.Part]int{}
		for record, err := range p.Records(p.Context(), storeconfig.Parts...) {
			if err != nil {
				p.Fatal(err)
			}
			if about(record, "Liddell") {
				p.Errorf("%s has a display name: %q", record.Part, record.Fields)
			}
			if !who.mentions(record) && !about(record, "alice") {
				continue
			}
			left[record.Part]++
			names := about(record, who.UserID) || about(record, who.Name)
			switch record.Part {
			case storeconfig.Audit:
				if about(record, who.Name) && !about(record, " of "+who.Name) {
					p.Errorf("the trail has the name: %q", record.Fields)
				}
			case storeconfig.Bridge, storeconfig.Links:
				if names && !about(record, "link of "+who.Name) {
					p.Errorf("%s has %q", record.Part, record.Fields)
				}
			default:
				p.Errorf("%s has %q", record.Part, record.Fields)
			}
		}
		if left[storeconfig.Audit] == 0 {
			p.Error("nothing is left of the trail")
		}
		if got := p.ok("", "users", "export", "--user-id", who.UserID); !strings.Contains(got, "user_deleted") {
			p.Errorf("the trail of a deleted user: %s", got)
		}
		again := p.run("name,password_hash,user_id\nanother,!,"+who.UserID+"\n", "users", "import", "-")
		if again.code != 1 || !strings.Contains(again.stderr, "did before that user was deleted") {
			p.Errorf("the same user ID again: %+v", again)
		}
		if p.user("bob@example.org").UserID != other.UserID {
			p.Error("another user was changed")
		}
	})
}

// TestSQLiteFileForgets: of a deleted user nothing is left in the file of SQLite, also where
// nothing is stored any more.
func TestSQLiteFileForgets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	sh := &shell{t, map[string]string{"HOME": t.TempDir(), "STORE": "sqlite:" + file}}
	sh.ok("", "tables", "create")
	sh.ok(phrase, "users", "add", "alice@example.com", "--display-name=Alice Liddell")
	wantInFile := func(want bool) {
		t.Helper()
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"alice@example.com", "Alice Liddell", "$argon2id$"} {
			if strings.Contains(string(content), text) != want {
				t.Errorf("the file has %q: %v, want %v", text, !want, want)
			}
		}
	}
	wantInFile(true)
	sh.ok("", "users", "delete", "alice@example.com")
	wantInFile(false)
}

// TestPrivacyPage: docs/privacy.md names every field that a store keeps, in the part where it
// is kept.
func TestPrivacyPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/privacy.md")
	if err != nil {
		t.Fatal(err)
	}
	everyKept(t, func(p *everywhere) {
		p.keep("alice@example.com")
		for record, err := range p.Records(context.Background(), storeconfig.Parts...) {
			if err != nil {
				p.Fatal(err)
			}
			_, section, _ := strings.Cut(string(page), "\n### "+strings.ToUpper(string(record.Part[:1]))+string(record.Part[1:])+"\n")
			section, _, _ = strings.Cut(section, "\n#")
			for field := range record.Fields {
				field, _, _ = strings.Cut(field, ":") // preference:theme
				if !strings.Contains(section, "`"+field+"`") {
					p.Errorf("the part %s of docs/privacy.md does not name %s", record.Part, field)
				}
			}
		}
	})
}
