package lambdahttp_test

import (
	"errors"
	"net/http"
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// A login whose cookie would be lost, because the answer has begun, is told so, and
// leaves no session.
func TestLoginAfterTheAnswerHasBegun(t *testing.T) {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		begin func(http.ResponseWriter)
		late  bool
	}{
		"nothing":          {func(http.ResponseWriter) {}, false},
		"a header":         {func(w http.ResponseWriter) { w.Header().Set("Vary", "Cookie") }, false},
		"an informational": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints) }, false},
		"a status":         {func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, true},
		"a body":           {func(w http.ResponseWriter) { w.Write(nil) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			answer := respondTo(t, "POST", func(w http.ResponseWriter, r *http.Request) {
				tt.begin(w)
				_, err := sessions.Create(w, r, session.User{ID: name})
				if errors.Is(err, session.ErrTooLate) != tt.late || !tt.late && err != nil {
					t.Errorf("Create returns %v", err)
				}
			})
			all, err := sessions.List(t.Context(), name)
			if err != nil || len(all) != len(answer.Cookies) || (len(all) == 0) != tt.late {
				t.Errorf("%d sessions, %d cookies, %v", len(all), len(answer.Cookies), err)
			}
		})
	}
}
