package events_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin"
)

// A program counts what its monitoring shall know of. All parts get the same logger.
func ExampleTee() {
	logger := events.Tee(slog.New(slog.DiscardHandler), func(_ context.Context, e events.Event) {
		if e.Level >= slog.LevelWarn {
			fmt.Println(e.Name, e.Value("path"))
		}
	})
	pages, err := signin.NewPages(signin.Config{Logger: logger})
	if err != nil {
		panic(err)
	}
	sessions, err := session.New(memstore.New(), session.Config{Logger: logger, ErrorHandler: pages.Fail})
	if err != nil {
		panic(err)
	}
	handler := pages.Handler(signin.Logout(sessions))

	forged := httptest.NewRequest(http.MethodPost, "/logout", nil)
	forged.Header.Set("Sec-Fetch-Site", "cross-site")
	handler.ServeHTTP(httptest.NewRecorder(), forged)
	// Output: malicious_cors /logout
}
