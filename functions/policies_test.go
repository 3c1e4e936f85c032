package functions_test

import (
	"reflect"
	"slices"
	"testing"

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
	use("SessionsFunction", request{method: "GET", path: "/sessions", cookie: cookie})
	use("SessionsFunction", request{method: "POST", path: "/sessions/revoke-all", cookie: cookie})
	use("LogoutFunction", request{method: "POST", path: "/logout", cookie: cookie})
	s.proxy.Take()
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
