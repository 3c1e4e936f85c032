package signinconfig_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/signin/authn"
)

const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" // 32 zero bytes

const phrase = "an orchid, a tram and rain"

// stored registers a user with the configuration in the variables, and returns the
// account.
func stored(t *testing.T) (*accounts.Account, error) {
	t.Helper()
	users := memaccounts.New()
	directory, err := signinconfig.Registrar(users)
	if err != nil {
		return nil, err
	}
	if err := directory.Prepare(t.Context(), users.All(t.Context())); err != nil {
		t.Fatal(err)
	}
	return directory.Register(t.Context(), "alice", "", nil, phrase)
}

func TestPasswordPeppers(t *testing.T) {
	other := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))
	for name, test := range map[string]struct{ value, id string }{
		"unset":             {"", ""},
		"one":               {"2025:" + key, "2025"},
		"the first is used": {"2026:" + other + ", 2025:" + key, "2026"},
		"a blank":           {"2025: " + key, "2025"},
		"longest id":        {"abcDEF01234:" + key, "abcDEF01234"},
		"no id":             {key, "refused"},
		"empty id":          {":" + key, "refused"},
		"long id":           {"abcDEF012345:" + key, "refused"},
		"id of other text":  {"a,b:" + key, "refused"},
		"id with a dollar":  {"a$b:" + key, "refused"},
		"no key":            {"2025:", "refused"},
		"short key":         {"2025:c2hvcnQtc2VjcmV0", "refused"},
		"trailing comma":    {"2025:" + key + ",", "refused"},
		"same id twice":     {"2025:" + other + ",2025:" + key, "2025"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PASSWORD_PEPPERS", test.value)
			alice, err := stored(t)
			if test.id == "refused" {
				if err == nil || !strings.HasPrefix(err.Error(), "PASSWORD_PEPPERS: entry ") {
					t.Fatalf("error %v does not name PASSWORD_PEPPERS and the entry", err)
				}
				for _, secret := range []string{key[:20], other[:20], "c2hvcnQtc2VjcmV0"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("error %q quotes a key", err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, id, _ := strings.Cut(alice.PasswordHash, ",keyid=")
			if id, _, _ = strings.Cut(id, "$"); id != test.id {
				t.Errorf("the hash names the pepper %q, want %q", id, test.id)
			}
		})
	}
}

// TestPasswordPeppersAreUsed: the part after the colon is the key, and older keys
// still check old hashes.
func TestPasswordPeppersAreUsed(t *testing.T) {
	t.Setenv("PASSWORD_PEPPERS", "2025:"+key)
	alice, err := stored(t)
	if err != nil {
		t.Fatal(err)
	}
	same := password.Hasher{Peppers: []password.Pepper{{ID: "2025", Key: make([]byte, 32)}}}
	if ok, err := same.Verify(alice.PasswordHash, phrase); !ok || err != nil {
		t.Errorf("Verify with the key itself = %v, %v; want true", ok, err)
	}
}

func TestDevisePepper(t *testing.T) {
	t.Setenv("DEVISE_PEPPER", "pepper-2026")
	store := memaccounts.New()
	err := store.Create(context.Background(), &accounts.Account{Name: "alice", PasswordHash: "$2a$04$ZTdDBjpWyQJObpT/au40yuvG9RvHAjSs6gd.DqMK8yS8Q8ksxpzH6"})
	if err != nil {
		t.Fatal(err)
	}
	directory, err := signinconfig.Directory(store)
	if err != nil {
		t.Fatal(err)
	}
	authenticator, err := signinconfig.Authenticator(directory, memaccounts.NewAttempts())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authenticator.Authenticate(t.Context(), authn.Attempt{Username: "alice", Password: "correct horse ☕"}); err != nil {
		t.Errorf("Authenticate = %v", err)
	}
}
