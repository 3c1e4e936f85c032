package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/memaudit"
)

// A program gives the logger of Tee to all parts that log events, and serves its requests by
// Handler. What is kept of a request is in the trail when the answer is there.
func Example() {
	store := memaudit.New()
	trail := audit.NewTrail(store, audit.Config{})
	logger := trail.Tee(slog.New(slog.DiscardHandler))
	handler := trail.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logger.InfoContext(r.Context(), "authn_login_success", "user_id", "u1", "session_id", "s1")
		logger.InfoContext(r.Context(), "session_created", "user_id", "u1", "session_id", "s1") // not kept
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/login", nil))

	entries, err := store.List(context.Background(), "u1", "", 10)
	if err != nil {
		fmt.Println(err)
	}
	for _, e := range entries {
		fmt.Println(e.Event, e.SessionID)
	}
	// Output: authn_login_success s1
}
