package config_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// The operator chooses how long sessions live, and the program need not know.
func Example() {
	os.Setenv(config.SessionIdleTimeout, "10m")
	defer os.Unsetenv(config.SessionIdleTimeout)

	sessions, err := config.Sessions(memstore.New(), nil)
	if err != nil {
		config.Exit(err)
	}
	proxies, err := config.Proxies()
	if err != nil {
		config.Exit(err)
	}
	handler := proxies.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := sessions.Create(w, r, session.User{ID: "u1"})
		if err == nil {
			fmt.Fprint(w, s.ExpiresAt.Sub(s.LastSeenAt), " from ", s.IP)
		}
	}))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "https://shop.example/login", nil))
	fmt.Println(w.Body)
	// Output: 10m0s from 192.0.2.1
}

// A value that cannot be meant is refused at the start, by the name of its variable.
func ExampleSessionConfig() {
	os.Setenv(config.SessionKeys, "too-short")
	defer os.Unsetenv(config.SessionKeys)

	_, err := config.SessionConfig()
	fmt.Println(err)
	// Output: SESSION_KEYS: key 1 is not standard base64 of at least 32 bytes; make one with: openssl rand -base64 32
}
