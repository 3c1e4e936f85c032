package lambdahttp

import (
	"context"
	"encoding/json"
	"net/http"

	"example.com/coatcheck/pkg/events"
)

func (a adapter) badEvent(ctx context.Context, err error) *responseWriter {
	events.Log(ctx, a.log, "input_validation_fail", "status", http.StatusBadRequest, "error", err)
	return a.problem(ctx, http.MethodGet, http.StatusBadRequest, err.Error())
}

func (a adapter) failed(r *http.Request) *responseWriter {
	return a.problem(r.Context(), r.Method, http.StatusInternalServerError, "Something went wrong on our side. Try again later.")
}

// problem returns the answer of the option Problem, or ours if that fails.
func (a adapter) problem(ctx context.Context, method string, status int, detail string) *responseWriter {
	w := newResponseWriter(method, a.log)
	if a.writeProblem(ctx, w, status, detail) && w.Written() && w.finish() == nil {
		return w
	}
	return a.defaultProblem(method, status, detail)
}

func (a adapter) defaultProblem(method string, status int, detail string) *responseWriter {
	w := newResponseWriter(method, a.log)
	problem(w, status, detail)
	return w
}

// writeProblem reports whether the option Problem returned without a panic.
func (a adapter) writeProblem(ctx context.Context, w http.ResponseWriter, status int, detail string) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			a.logPanic(ctx, v, "status", status)
		}
	}()
	a.options.Problem(w, status, detail)
	return true
}

// problem writes a problem document (RFC 9457) when the handler was not called or
// has failed. It also sets the headers that every response should have (OWASP ASVS
// 3.4 and 14.3.2), because the handler did not set its own. There is one that it leaves
// out, Strict-Transport-Security: a browser keeps what the last answer of a host says, so
// one that the handler does not agree with would undo the handler's. The client sees the
// detail.
func problem(w http.ResponseWriter, status int, detail string) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, detail})
	if err != nil { // cannot happen: the fields are strings and a number
		panic(err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
}
