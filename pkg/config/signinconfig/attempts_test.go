package signinconfig_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/signin/authn"
)

// TestAuthenticatorNamesTheVariables: an error of the limiter names the variables
// that the operator must correct.
func TestAuthenticatorNamesTheVariables(t *testing.T) {
	for name, value := range map[string]string{
		"ATTEMPTS_LADDER": "0,30s,1h,100", "ATTEMPTS_PER_NETWORK": "0,10m",
	} {
		t.Setenv(name, value)
		if _, err := signinconfig.Authenticator(accounts.NewDirectory(memaccounts.New(), accounts.Config{}), memaccounts.NewAttempts()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s=%s: error %v does not name it", name, value, err)
		}
	}
}

// TestLimits: the variables set the limits of a name and of a network.
func TestLimits(t *testing.T) {
	t.Setenv("ATTEMPTS_LADDER", "2,40s,1h,9")
	t.Setenv("ATTEMPTS_PER_NETWORK", "3,20m")
	authenticator, err := signinconfig.Authenticator(accounts.NewDirectory(memaccounts.New(), accounts.Config{}), memaccounts.NewAttempts())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, by string }{{"a", ""}, {"a", ""}, {"a", "name"}, {"b", ""}, {"c", "network"}} {
		_, err := authenticator.Authenticate(t.Context(), authn.Attempt{Username: tt.name, Password: "wrong", Address: "192.0.2.1"})
		refused, _ := errors.AsType[*authn.ThrottledError](err)
		switch {
		case tt.by == "" && !errors.Is(err, authn.ErrRefused), tt.by != "" && (refused == nil || refused.By != tt.by):
			t.Errorf("%s: %v, want a refusal by %q", tt.name, err, tt.by)
		case tt.by == "name" && (refused.RetryAfter > 40*time.Second || refused.RetryAfter < 30*time.Second):
			t.Errorf("the first wait is %v, want 40 s", refused.RetryAfter)
		}
	}
}

// Where two parts of the ladder contradict each other, the stricter counts.
func TestLadderThatContradictsItself(t *testing.T) {
	for _, value := range []string{"10,30s,1h,5", "10,30s,1h,10", "1,1h,30s,2", "9999,1s,1s,2"} {
		t.Setenv("ATTEMPTS_LADDER", value)
		if _, err := signinconfig.Authenticator(accounts.NewDirectory(memaccounts.New(), accounts.Config{}), memaccounts.NewAttempts()); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
	t.Setenv("ATTEMPTS_LADDER", "10,1h,30s,3")
	authenticator, err := signinconfig.Authenticator(accounts.NewDirectory(memaccounts.New(), accounts.Config{}), memaccounts.NewAttempts())
	if err != nil {
		t.Fatal(err)
	}
	for attempt := range 3 {
		_, err := authenticator.Authenticate(t.Context(), authn.Attempt{Username: "a", Password: "wrong", Address: "192.0.2.1"})
		refused, throttled := errors.AsType[*authn.ThrottledError](err)
		if throttled != (attempt == 2) || throttled && refused.RetryAfter < 59*time.Minute {
			t.Errorf("attempt %d: %v; want two free ones, then the first wait of an hour", attempt+1, err)
		}
	}
}
