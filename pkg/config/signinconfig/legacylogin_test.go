package signinconfig_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/signin/authn"
)

const legacyKey = "invented-key-invented-key-invented"

func asking(directory *accounts.Registrar) (*accounts.Authenticator, error) {
	return signinconfig.Asking(directory, memaccounts.NewAttempts())
}

// TestLegacyLogin: with the variables, a name that nobody has is asked about there.
func TestLegacyLogin(t *testing.T) {
	asked := 0
	monolith := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "Bearer "+legacyKey {
			w.WriteHeader(500)
			return
		}
		w.Write([]byte(`{"user_id": 17, "username": "Alice"}`))
	}))
	defer monolith.Close()
	for address, want := range map[string]int{"": 0, monolith.URL: 1} {
		asked = 0
		t.Setenv("LEGACY_LOGIN_URL", address)
		t.Setenv("LEGACY_LOGIN_KEY", legacyKey)
		users := memaccounts.New()
		directory := accounts.NewRegistrar(users, accounts.Config{})
		if err := directory.Prepare(t.Context(), users.All(t.Context())); err != nil {
			t.Fatal(err)
		}
		authenticator, err := asking(directory)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := authenticator.Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: "hunter2"})
		if asked != want || want == 0 && !errors.Is(err, authn.ErrRefused) || want == 1 && (err != nil || proof.User().ID != "17") {
			t.Errorf("at %q: asked %d times, %v", address, asked, err)
		}
	}
}

// TestLegacyLoginVariables: an error names the variables, and quotes no value.
func TestLegacyLoginVariables(t *testing.T) {
	for _, test := range []struct{ address, key, name string }{
		{"https://www.example.com/c4nary", "", "LEGACY_LOGIN_KEY is not set, and LEGACY_LOGIN_URL is"},
		{"https://www.example.com/c4nary", "c4nary", "LEGACY_LOGIN_URL or LEGACY_LOGIN_KEY: the key has 6 characters"},
		{"http://www.example.com/c4nary", legacyKey, "LEGACY_LOGIN_URL or LEGACY_LOGIN_KEY: the address begins with http://"},
	} {
		t.Setenv("LEGACY_LOGIN_URL", test.address)
		t.Setenv("LEGACY_LOGIN_KEY", test.key)
		_, err := asking(accounts.NewRegistrar(memaccounts.New(), accounts.Config{}))
		if err == nil || !strings.HasPrefix(err.Error(), test.name) || strings.Contains(err.Error(), "c4nary") || strings.Contains(err.Error(), legacyKey) {
			t.Errorf("%v, want %s", err, test.name)
		}
	}
}
