package functions_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	hashes "example.com/coatcheck/pkg/accounts/password"
)

const nextPassword = "quite another example of one"

func changePassword(cookie, current, next string) request {
	return request{method: "POST", path: "/password", cookie: cookie, contentType: "application/json",
		body: fmt.Sprintf(`{"current_password": %q, "new_password": %q}`, current, next)}
}

func profile(cookie string) request { return request{method: "GET", path: "/profile", cookie: cookie} }

// After a reauthentication the session has the same ID and a new token.
func TestReauthenticate(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	try := func(password string, b budget) reply {
		return s.wantCost(t, request{method: "POST", path: "/reauthenticate", cookie: cookie, contentType: "application/json", body: `{"password":"` + password + `"}`}, b)
	}
	wantStatus(t, try("wrong", loadCost.and(againCost)), http.StatusUnauthorized)

	r := try(password, loadCost.and(againCost).and(budget{[]string{"UpdateItem DeleteItem", entry}, 0, 2}))
	wantStatus(t, r, http.StatusNoContent)
	if id := func(cookie string) string { return strings.Split(cookie, ".")[1] }; id(r.cookie()) != id(cookie) || r.cookie() == cookie {
		t.Errorf("the cookie went from %.60s to %.60s", cookie, r.cookie())
	}
	wantStatus(t, s.do(t, profile(cookie)), http.StatusUnauthorized)
	wantStatus(t, s.do(t, profile(r.cookie())), http.StatusOK)
}

// A password change ends the other sessions and keeps this one. The waves of its budget
// are: read the session; read the account and count the attempt; freeze the account;
// renew the session and list the others, while the attempts are cleared; delete the
// others; end the freeze, while the trail gets their ends. The change itself comes last.
func TestPasswordChange(t *testing.T) {
	s := newStack(t, nil)
	others := []string{s.signIn(t), s.signIn(t), s.signIn(t)}
	cookie := s.signIn(t)
	r := s.wantCost(t, changePassword(cookie, password, nextPassword), budget{[]string{
		"GetItem",
		"GetItem UpdateItem",
		"UpdateItem",
		"UpdateItem Query DeleteItem",
		"DeleteItem DeleteItem DeleteItem",
		"UpdateItem " + entry + " " + entry + " " + entry,
		entry,
	}, 3, 8})
	wantStatus(t, r, http.StatusNoContent)
	for _, other := range append(others, cookie) {
		wantStatus(t, s.do(t, profile(other)), http.StatusUnauthorized)
	}
	wantStatus(t, s.do(t, profile(r.cookie())), http.StatusOK)
	wantStatus(t, s.do(t, login(password)), http.StatusUnauthorized)
	wantStatus(t, s.do(t, login(nextPassword)), http.StatusOK)
}

// TestPasswordChangeInterrupted makes each call of a change fail in turn, as if the
// process had ended before it. Either the old password stays valid, or only the new
// session is left. The change can be repeated.
func TestPasswordChangeInterrupted(t *testing.T) {
	refuse := []dynamotest.Fault{dynamotest.Refuse, dynamotest.Refuse, dynamotest.Refuse}
	for name, test := range map[string]struct {
		action, table string
		passed        []dynamotest.Fault // for the same calls before it
	}{
		"freeze": {"UpdateItem", "UsersTable", nil},
		"renew":  {"UpdateItem", "SessionsTable", nil},
		"list":   {"Query", "SessionsTable", nil},
		"revoke": {"DeleteItem", "SessionsTable", nil},
		"thaw":   {"UpdateItem", "UsersTable", []dynamotest.Fault{dynamotest.None}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t, nil)
			other, cookie := s.signIn(t), s.signIn(t)
			s.proxy.Fail(test.action+" "+s.tables[test.table], append(slices.Clone(test.passed), refuse...)...)
			r := s.do(t, changePassword(cookie, password, nextPassword))
			wantStatus(t, r, http.StatusServiceUnavailable)
			if now := r.cookie(); now != "" {
				cookie = now
			}
			account, err := s.users(t).Get(t.Context(), username)
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := (hashes.Hasher{}).Verify(account.PasswordHash, password); !ok || err != nil {
				t.Errorf("the old password is no longer valid: %v, %v", ok, err)
			}
			if name == "thaw" {
				wantStatus(t, s.do(t, profile(other)), http.StatusUnauthorized)
				s.freezeUntil(t, time.Now().Add(time.Hour)) // so that the next request cannot take longer
				wantStatus(t, s.do(t, login(password)), http.StatusServiceUnavailable)
				s.freezeUntil(t, time.Unix(1, 0))
			}
			wantStatus(t, s.do(t, profile(cookie)), http.StatusOK)
			wantStatus(t, s.do(t, login(password)), http.StatusOK)
			r = s.do(t, changePassword(cookie, password, nextPassword))
			wantStatus(t, r, http.StatusNoContent)
			wantStatus(t, s.do(t, profile(other)), http.StatusUnauthorized)
			wantStatus(t, s.do(t, login(nextPassword)), http.StatusOK)
		})
	}
}

// freezeUntil moves the end of the freeze that an interrupted change has left.
func (s *stack) freezeUntil(t *testing.T, end time.Time) {
	t.Helper()
	users := s.users(t)
	account, err := users.Get(t.Context(), username)
	if err != nil || account.FrozenUntil.IsZero() {
		t.Fatalf("the account is not frozen: %+v, %v", account, err)
	}
	account.FrozenUntil = end.Truncate(time.Second)
	if err := users.Update(t.Context(), account, "until "+end.String()); err != nil {
		t.Fatal(err)
	}
}

// A change of preferences is stored in the account and in the session.
func TestPreferences(t *testing.T) {
	s := newStack(t, nil)
	cookie := s.signIn(t)
	r := s.wantCost(t, request{method: "POST", path: "/preferences", cookie: cookie, contentType: "application/json", body: `{"theme":"dark","language":"de"}`},
		budget{[]string{"GetItem", "GetItem", "UpdateItem", "UpdateItem"}, 2, 2})
	wantStatus(t, r, http.StatusNoContent)
	for _, cookie := range []string{cookie, s.signIn(t)} {
		if r := s.do(t, profile(cookie)); !strings.Contains(r.body, `"preferences":{"language":"de","theme":"dark"}`) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
}
