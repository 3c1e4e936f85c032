package accountstest

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"example.com/coatcheck/pkg/accounts"
)

// testUnknown: a name is no pattern, and no part of another one.
func testUnknown(t *storeTest) {
	name := t.add("unknown").Name
	for _, other := range []string{name[:len(name)-1], name[1:], name + "x", "x" + name, "%", "%" + name[1:], "_" + name[1:], strings.Replace(name, ".", "_", 1), "*", ".*", "' OR ''='", `"` + name + `"`} {
		a, err := t.Store.Get(t.Context(), other)
		t.wantNobody(fmt.Sprintf("Get(%q)", other), a, err)
	}
}

// testOneName: a user is found by what [accounts.Normalize] makes of the name, and by nothing
// that only the database takes for the same: letters without their accents, in another
// alphabet or in another normal form.
func testOneName(t *storeTest) {
	ids := map[string][]string{} // of the users, by their normalised names
	var keys []string
	suffix := t.name("")
	for _, text := range []string{
		"ann", "Betty", "CAROL", "ängström", "angstrom", "a\u0308ngstro\u0308m", "straße", "strasse", "STRASSE", "ﬁt", "fit",
		"ida", "ıda", "İda", "IDA", "kelvin", "\u212aelvin", "o'hara", "o_hara", "oxhara", "dora", "dora ", "do ra", "do\u00a0ra", "ελενος", "ΕΛΕΝΟΣ",
	} {
		typed := text + suffix
		key, err := accounts.Normalize(typed)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		id, err := t.Add(typed, "$"+text+"$")
		if err != nil {
			continue // the application has no such user
		}
		ids[key] = append(ids[key], id)
		if a, err := t.Store.Get(t.Context(), key); isASCII(text) && (err != nil || a.UserID != id) {
			t.Errorf("the user %q, whom the application has, is not found by the name %q: %+v, %v", typed, key, a, err)
		}
	}
	for _, key := range keys {
		a, err := t.Store.Get(t.Context(), key)
		if err != nil {
			continue // nobody has it, or two have, or the store compares more exactly than we do
		}
		if name, err := accounts.Normalize(a.Username); a.Name != key || err != nil || name != key {
			t.Errorf("Get(%q) = %q, whose user name is %q: that is another name", key, a.Name, a.Username)
		}
		if !slices.Contains(ids[key], a.UserID) {
			t.Errorf("Get(%q) is the user %q, want one of %q", key, a.UserID, ids[key])
		}
	}
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

// testTwoUsers: where two users of the application have what is one name here, or nearly one,
// a write changes one of them at most.
func testTwoUsers(t *storeTest) {
	suffix := t.name("")
	all := map[string]string{} // the hashes, by user ID
	for _, typed := range []string{"twice" + suffix, "Twice" + suffix, "tw\u0131ce" + suffix, "twíce" + suffix, "twice" + suffix + " "} {
		hash := "$" + typed + "$"
		if id, err := t.Add(typed, hash); err == nil {
			all[id] = hash
		}
	}
	name := "twice" + suffix
	a, err := t.Store.Get(t.Context(), name)
	if err != nil {
		return // the store refuses to choose
	}
	if all[a.UserID] != a.PasswordHash {
		t.Fatalf("Get = %+v, which is the hash of another user", a)
	}
	a.PasswordHash, all[a.UserID] = "$new$", "$new$"
	t.update(a)
	if err := t.Store.SetPreferences(t.Context(), name, a.UserID, map[string]string{"theme": "dark"}, "r"); err != nil {
		t.Error(err)
	}
	for id, hash := range all {
		got := t.find(id)
		if got.UserID != id || got.PasswordHash != hash || (got.Preferences["theme"] == "dark") != (id == a.UserID) {
			t.Errorf("FindID(%q) = %+v; want the hash %s, and only the user %q in the dark", id, got, hash, a.UserID)
		}
	}
}

// testIDs: one text is the ID of a user. What the database takes for the same number, or for
// the same text, is nobody's.
func testIDs(t *storeTest) {
	a, b := t.add("first"), t.add("second")
	if a.UserID == b.UserID {
		t.Fatalf("two users have the ID %q", a.UserID)
	}
	id := a.UserID
	others := []string{"", "0" + id, "+" + id, "-" + id, " " + id, id + " ", id + "\u200b", id + ".0", id + "e0", id + "x", id + "%", "_" + id[1:],
		a.Name, "99999999999999999999", "nobody", "0x1", "ffffffff-ffff-ffff-ffff-ffffffffffff", id + "\x00", "\xff" + id, strings.Repeat("9", 300), strings.ToUpper(id), strings.ToLower(id), fullWidth(id)}
	for _, other := range others {
		if other == id {
			continue
		}
		got, err := t.Store.FindID(t.Context(), other)
		t.wantNobody(fmt.Sprintf("FindID(%q), where a user has the ID %q,", other, id), got, err)
	}
	for _, want := range []*accounts.Account{a, b} {
		t.want(want)
	}
}

// fullWidth returns the text with the digits of East Asian typography.
func fullWidth(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r - '0' + '０'
		}
		return r
	}, text) + "\u3000"
}
