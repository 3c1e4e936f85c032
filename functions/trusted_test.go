package functions_test

import (
	"net/http"
	"testing"
)

// TestTrustedOriginAtEveryDoor: behind each front door a preflight reaches the function whose
// path it is for, and a page of a trusted origin signs in, reads and signs out. Nobody else's
// page reads or writes.
func TestTrustedOriginAtEveryDoor(t *testing.T) {
	const app, evil = "https://app.example.com", "https://evil.example"
	s := newStack(t, map[string]string{"TRUSTED_ORIGINS": "https://other.example.com," + app, "PUBLIC_ORIGIN": "https://" + host})
	from := func(origin string, in request) request {
		in.headers = http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"cors"}}
		return in
	}
	preflight := func(origin, path, method string) request {
		in := from(origin, request{method: "OPTIONS", path: path})
		in.headers.Set("Access-Control-Request-Method", method)
		in.headers.Set("Access-Control-Request-Headers", "content-type")
		return in
	}
	for _, d := range doors {
		t.Run(d.name, func(t *testing.T) {
			s := s.behind(t, d)
			allows := func(r reply, status int, origin string) {
				t.Helper()
				wantStatus(t, r, status)
				credentials := r.header.Get("Access-Control-Allow-Credentials")
				if got := r.header.Get("Access-Control-Allow-Origin"); got != origin || (credentials == "true") != (origin != "") || r.header.Get("Vary") != "Origin" {
					t.Errorf("the answer allows %q, credentials %q, Vary %q; want %q", got, credentials, r.header.Get("Vary"), origin)
				}
			}
			for path, methods := range map[string]string{"/login": "GET, HEAD, POST", "/profile": "GET, HEAD", "/logout": "POST", "/preferences": "POST", "/password": "GET, HEAD, POST", "/sessions/revoke-all": "POST", "/whoami": "GET, HEAD"} {
				r := s.do(t, preflight(app, path, methods[len(methods)-4:]))
				allows(r, http.StatusNoContent, app)
				if got := r.header.Get("Access-Control-Allow-Methods"); got != methods || len(r.calls) > 0 {
					t.Errorf("%s: methods %q, want %q; calls %v", path, got, methods, r.calls)
				}
				allows(s.do(t, preflight(evil, path, "POST")), http.StatusMethodNotAllowed, "")
			}
			in := s.do(t, from(app, login(password)))
			allows(in, http.StatusOK, app)
			cookie := in.cookie()
			allows(s.do(t, from(app, profile(cookie))), http.StatusOK, app)
			allows(s.do(t, from(evil, profile(cookie))), http.StatusOK, "")
			out := request{method: "POST", path: "/logout", cookie: cookie}
			allows(s.do(t, from(evil, out)), http.StatusForbidden, "")
			allows(s.do(t, from(app, profile(cookie))), http.StatusOK, app)
			allows(s.do(t, from(app, out)), http.StatusNoContent, app)
			allows(s.do(t, from(app, profile(cookie))), http.StatusUnauthorized, app)
		})
	}
}
