package functions_test

import (
	"crypto/rand"
	"reflect"
	"slices"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
)

// Each function makes exactly the calls that template.yaml allows it.
func TestPolicies(t *testing.T) {
	s := newStack(t, nil)
	idle := func() { s.moveBack(t, "SessionsTable", "last_seen_at", 4*60) } // a touch is due
	uses := map[string][]dynamotest.Call{}
	use := func(function string, in request) reply {
		r := s.do(t, in)
		uses[function] = append(uses[function], r.calls...)
		return r
	}
	cookie := s.signIn(t)
	again := login(password)
	again.cookie = cookie
	use("LoginFunction", again)
	s.addForeignUser(t)
	use("LoginFunction", loginAs(foreignUser, foreignPassword))
	cookie = s.signIn(t)
	r := use("LoginFunction", request{method: "POST", path: "/reauthenticate", cookie: cookie, contentType: "application/json", body: `{"password":"` + password + `"}`})
	cookie = r.cookie()
	idle()
	use("PreferencesFunction", request{method: "POST", path: "/preferences", cookie: cookie, contentType: "application/json", body: `{"theme":"dark"}`})
	r = use("PasswordFunction", changePassword(cookie, password, nextPassword))
	cookie = r.cookie()
	idle()
	use("ProfileFunction", request{method: "GET", path: "/profile", cookie: cookie})
	idle()
	use("WhoamiFunction", request{method: "GET", path: "/whoami", cookie: cookie})
	idle()
	use("ActivityFunction", request{method: "GET", path: "/activity", cookie: cookie})
	idle()
	use("SessionsFunction", request{method: "GET", path: "/sessions", cookie: cookie})
	use("SessionsFunction", request{method: "POST", path: "/sessions/revoke-all", cookie: cookie})
	use("LogoutFunction", request{method: "POST", path: "/logout", cookie: s.signInWith(t, nextPassword)})
	cookie = s.signInWith(t, nextPassword)
	idle()
	use("AuthorizerFunction", request{method: "GET", path: "/caller", cookie: cookie}) // the authorizer makes the calls
	for id, function := range s.template.Functions {
		if got := dynamotest.Uses(uses[id], s.tables); !slices.Equal(got, function.Access) {
			t.Errorf("%s calls %v; template.yaml allows %v", id, got, function.Access)
		}
		if got := s.attributes(t, function, uses[id]); !reflect.DeepEqual(got, function.Attributes) {
			t.Errorf("%s names the attributes %v; template.yaml allows %v", id, got, function.Attributes)
		}
		s.wantSilent(t, function, uses[id])
	}
}

// wantSilent reports a call that asks for what is stored, of those that template.yaml allows
// only if they do not.
func (s *stack) wantSilent(t *testing.T, function samtemplate.Function, calls []dynamotest.Call) {
	t.Helper()
	for _, call := range calls {
		for _, use := range dynamotest.Uses([]dynamotest.Call{call}, s.tables) {
			if slices.Contains(function.Silent, use) && (call.ReturnValues != "NONE" || call.Returns != "") {
				t.Errorf("%s of %s says ReturnValues %q and asks for %q; its condition wants NONE, and nothing", use.Action, use.Table, call.ReturnValues, call.Returns)
			}
		}
	}
}

// The trail is written by the functions in which something happens that it keeps, and they
// can do nothing else with it. Without a trail nothing is said of it.
func TestPoliciesOfTheTrail(t *testing.T) {
	put, query := samtemplate.Access{Action: "PutItem", Table: "AuditTable"}, samtemplate.Access{Action: "Query", Table: "AuditTable"}
	writers := []string{"LoginFunction", "CallbackFunction", "ConvertFunction", "LogoutFunction", "SessionsFunction", "PasswordFunction"}
	for id, function := range readTemplate(t).Functions {
		var may []samtemplate.Access
		for _, access := range function.Access {
			if access.Table == put.Table {
				may = append(may, access)
			}
		}
		var should []samtemplate.Access
		writes := slices.Contains(writers, id)
		if writes {
			should = []samtemplate.Access{put}
		} else if id == "ActivityFunction" {
			should = []samtemplate.Access{query}
		}
		hasPages := id != "AuthorizerFunction" && id != "CallerFunction"
		if !slices.Equal(may, should) || writes != slices.Contains(function.Silent, put) || hasPages != (function.Environment["AUDIT_TABLE"] != "") {
			t.Errorf("%s may do with the trail %v, without an answer: %v; AUDIT_TABLE %q", id, may, function.Silent, function.Environment["AUDIT_TABLE"])
		}
	}
	off := dynamotest.Template(t, hasBridge, hasProvider, "NoAudit")
	for id, function := range off.Functions {
		for _, access := range function.Access {
			if access.Table == put.Table {
				t.Errorf("without a trail %s may %v", id, access)
			}
		}
		if table := function.Environment["AUDIT_TABLE"]; table != "" {
			t.Errorf("without a trail %s has AUDIT_TABLE %q", id, table)
		}
	}
	if _, ok := off.Tables["AuditTable"]; ok {
		t.Error("without a trail there is its table")
	}
}

// With a bridge some functions make more calls, and may make exactly these.
func TestPoliciesOfTheBridge(t *testing.T) {
	s := newBridge(t, nil)
	uses := map[string][]dynamotest.Call{}
	use := func(function string, in request) reply {
		r := s.do(t, in)
		uses[function] = append(uses[function], r.calls...)
		return r
	}
	freeze := func() { // a change of the password was interrupted long ago
		account, err := s.users(t).Get(t.Context(), username)
		if err != nil {
			t.Fatal(err)
		}
		account.FrozenUntil = time.Now().UTC().Add(-time.Minute).Truncate(time.Second)
		if err := s.users(t).Update(t.Context(), account, rand.Text()); err != nil {
			t.Fatal(err)
		}
	}
	idle := func() { s.moveBack(t, "SessionsTable", "last_seen_at", 4*60) }
	convert := func(cookie string) string {
		return use("ConvertFunction", request{method: "POST", path: "/convert", cookie: cookie}).cookie()
	}
	freeze()
	cookie := convert(s.legacy(1))
	idle()
	convert(cookie)
	use("ConvertFunction", request{method: "POST", path: "/convert/end", cookie: s.legacy(1)})
	s.empty(t, "BridgeTable")
	s.restartBridge(t)
	s.proxy.Fail("PutItem "+s.tables["SessionsTable"], dynamotest.LoseAnswer)
	convert(s.legacy(2)) // its link is taken back
	cookie = s.signIn(t)
	use("LogoutFunction", request{method: "POST", path: "/logout", cookie: cookie})
	s.signIn(t) // another session, which the change ends
	cookie = s.signIn(t)
	idle()
	r := use("PasswordFunction", changePassword(cookie, password, nextPassword))
	idle()
	use("SessionsFunction", request{method: "GET", path: "/sessions", cookie: r.cookie()})
	use("SessionsFunction", request{method: "POST", path: "/sessions/revoke-all", cookie: r.cookie()})
	without := dynamotest.Template(t)
	for id, function := range s.template.Functions {
		if got := dynamotest.Uses(uses[id], s.tables); len(got) > 0 && !slices.Equal(got, function.Access) {
			t.Errorf("%s calls %v; template.yaml allows %v", id, got, function.Access)
		}
		if len(uses[id]) == 0 && !reflect.DeepEqual(function.Access, without.Functions[id].Access) {
			t.Errorf("%s may %v with a bridge, and without %v", id, function.Access, without.Functions[id].Access)
		}
	}
}

// Without a bridge the functions may do what they could before there were bridges.
func TestPoliciesWithoutABridge(t *testing.T) {
	template := dynamotest.Template(t)
	for id, want := range map[string][]string{
		"LogoutFunction":   {"PutItem AuditTable", "DeleteItem SessionsTable"},
		"SessionsFunction": {"PutItem AuditTable", "DeleteItem SessionsTable", "GetItem SessionsTable", "Query SessionsTable", "UpdateItem SessionsTable"},
		"PasswordFunction": {"DeleteItem AttemptsTable", "UpdateItem AttemptsTable", "PutItem AuditTable", "DeleteItem SessionsTable", "GetItem SessionsTable", "Query SessionsTable", "UpdateItem SessionsTable",
			"GetItem UsersTable", "UpdateItem UsersTable"},
	} {
		var got []string
		for _, access := range template.Functions[id].Access {
			got = append(got, access.Action+" "+access.Table)
		}
		if !slices.Equal(got, want) || template.Functions[id].Environment["BRIDGE_TABLE"] != "" {
			t.Errorf("%s may %q, want %q; BRIDGE_TABLE %q", id, got, want, template.Functions[id].Environment["BRIDGE_TABLE"])
		}
	}
	if _, ok := template.Functions["ConvertFunction"]; ok || len(template.Tables) != 4 {
		t.Errorf("without a bridge there is ConvertFunction: %t, and there are %d tables", ok, len(template.Tables))
	}
}

// attributes returns the attributes that the calls name, for each access that
// template.yaml limits. Such a call may return nothing else.
func (s *stack) attributes(t *testing.T, function samtemplate.Function, calls []dynamotest.Call) map[samtemplate.Access][]string {
	var all map[samtemplate.Access][]string
	for _, call := range calls {
		for _, use := range dynamotest.Uses([]dynamotest.Call{call}, s.tables) {
			if _, limited := function.Attributes[use]; !limited {
				continue
			}
			if call.Returns != "" {
				t.Errorf("%s of %s asks for %s, which its condition refuses", use.Action, use.Table, call.Returns)
			}
			if use.Action == "UpdateItem" && call.ReturnValues != "NONE" {
				t.Errorf("UpdateItem of %s says ReturnValues %q, want NONE, which its condition names", use.Table, call.ReturnValues)
			}
			if all == nil {
				all = map[samtemplate.Access][]string{}
			}
			all[use] = append(all[use], call.Attributes...)
			slices.Sort(all[use])
			all[use] = slices.Compact(all[use])
		}
	}
	return all
}

// The function that anybody who is signed in can call to write to the users table can
// write preferences there, and nothing else.
func TestPreferencesWriteNothingElse(t *testing.T) {
	function := readTemplate(t).Functions["PreferencesFunction"]
	writes := 0
	for _, access := range function.Access {
		if access.Table != "UsersTable" {
			continue
		}
		may, limited := function.Attributes[access]
		if !limited {
			t.Errorf("%s of the users table is not limited to some attributes", access.Action)
		}
		harmless := []string{"name", "preferences", "revision"} // the key cannot be changed
		if access.Action == "GetItem" {
			harmless = append(harmless, "user_id")
		} else {
			writes++
		}
		for _, name := range may {
			if !slices.Contains(harmless, name) {
				t.Errorf("%s of the users table may name %s", access.Action, name)
			}
		}
	}
	if writes != 1 {
		t.Errorf("it may write to the users table by %d actions, want one: %v", writes, function.Access)
	}
}
