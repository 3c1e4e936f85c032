package accounts_test

import (
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/accountstest"
)

// TestRoles: one rule holds wherever a role is set, and its errors do not quote the role.
func TestRoles(t *testing.T) {
	const (
		hash   = "pbkdf2_sha1$1000$seasaltseasalt12345678$xiQTl0PdSFq19F/GDZWOB3d94AE="
		blank  = "role 2 contains a blank; write its words with - or _ between them"
		unseen = "role 2 contains a character that cannot be seen; leave it out"
		list   = `role 2 contains one of , ; | { } [ ] " ' \ with which lists are written; give each role by itself`
	)
	for role, want := range map[string]string{
		"admin": "", "ROLE_ADMIN": "", "Büro": "", "日本": "", "arn:aws:iam::123456789012:role/x": "", "orders.read": "", "a=b": "", "a@b": "", "(a)": "", "-": "",
		strings.Repeat("r", 254): "",

		"":                       "role 2 is empty",
		strings.Repeat("r", 255): "role 2 is longer than 254 bytes",
		"a\xff":                  "role 2 is not valid UTF-8",
		"a\x00":                  "role 2 contains a control character",
		"a\n":                    "role 2 contains a control character",
		"a\tb":                   "role 2 contains a control character",

		" ": blank, " admin": blank, "admin ": blank, "power user": blank, "a\u00a0b": blank, "\u3000a": blank, "a\u2028": blank, "\u205f": blank,

		"a\u200b": unseen, "\ufeffadmin": unseen, "ad\u00admin": unseen, "a\u200db": unseen, "\u202eadmin": unseen, "a\u2060": unseen, "a\u034f": unseen,
		"a\ufe0f": unseen, "a\U000e0041": unseen, "a\u115f": unseen, "\u3164": unseen, "a\u180e": unseen, "a\u2065": unseen,

		"a,b": list, "a;b": list, "admin|editor": list, "{admin,editor}": list, "{}": list, "{admin}": list, `["admin"]`: list, "[]": list, "['admin']": list,
		`"admin"`: list, "'admin'": list, `a:1:{i:0;s:5:"admin";}`: list, `\N`: list, "cn=admins,dc=example": list,
	} {
		c := newCountingDirectory(t)
		roles := []string{"member", role}
		_, register := c.Register(t.Context(), "alice", "", roles, phrase)
		_, imported := c.Imported("bob", "", roles, hash, "")
		carol := c.put(t, "carol", hash, false)
		_, set := c.SetProfile(t.Context(), carol, nil, &roles)
		for what, err := range map[string]error{"Register": register, "Imported": imported, "SetProfile": set} {
			if got := text(err); got != want {
				t.Errorf("%s with the role %+q: %s, want %s", what, role, got, want)
			}
		}
		if got := len(accountstest.Get(t, c.store, "carol").Roles); (got == 2) != (want == "") {
			t.Errorf("after SetProfile with the role %+q there are %d roles", role, got)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestStoredRolesStay: roles that were stored before there was a rule sign in, and a new
// display name does not meet it.
func TestStoredRolesStay(t *testing.T) {
	c := newCountingDirectory(t)
	stored := &accounts.Account{Name: "alice", UserID: "u", PasswordHash: plain.Hash(phrase), Roles: []string{"a, b", "{admin}"}, Version: 1, Revision: "r"}
	accountstest.Create(t, c.store, stored)
	a, err := authenticate(t.Context(), c.Registrar, "alice", phrase)
	if err != nil || len(a.Roles) != 2 || a.Roles[0] != "a, b" {
		t.Fatalf("the sign-in gives %+v, %v", a, err)
	}
	if a, err = c.SetProfile(t.Context(), a, new("Alice L."), nil); err != nil || a.DisplayName != "Alice L." || len(a.Roles) != 2 {
		t.Errorf("a new display name: %+v, %v", a, err)
	}
}

// TestImportedUserID: the user ID of another system is kept byte for byte, or refused.
func TestImportedUserID(t *testing.T) {
	c := newCountingDirectory(t)
	for id, want := range map[string]string{
		"17": "", "00017": "", "-5": "", "507f1f77bcf86cd799439011": "", "auth0|5f7c8ec7c33c6c004bbafe82": "", "alice@example.org": "", "a b": "", "Ünïcode/日本": "", `"`: "",
		strings.Repeat("x", 254): "",

		strings.Repeat("x", 255): "the user ID is longer than 254 bytes",
		"a\xff":                  "the user ID is not valid UTF-8",
		"a\x00b":                 "the user ID contains a control character",
		"17\n":                   "the user ID contains a control character",
		" 17":                    "the user ID has blanks around it; leave them out",
		"17\u00a0":               "the user ID has blanks around it; leave them out",
		" ":                      "the user ID has blanks around it; leave them out",
	} {
		a, err := c.Imported("alice", "", nil, "!", id)
		if got := text(err); got != want {
			t.Errorf("the user ID %+.20q: %s, want %s", id, got, want)
		}
		if err == nil && a.UserID != id {
			t.Errorf("the user ID %q became %q", id, a.UserID)
		}
	}
}
