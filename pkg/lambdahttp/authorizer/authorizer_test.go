package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// fronts are the APIs that have Lambda authorizers, each with the events that it sends to
// an authorizer and to a function. %s is a cookie and what the authorizer has said.
var fronts = map[string]struct{ toAuthorizer, toFunction string }{
	"HTTP API, 2.0": {
		`{"version":"2.0","type":"REQUEST","rawPath":"/orders","headers":{"cookie":%s},"requestContext":{"http":{"method":"GET","sourceIp":"192.0.2.1"}}}`,
		`{"version":"2.0","rawPath":"/orders","requestContext":{"http":{"method":"GET","sourceIp":"192.0.2.1"},"authorizer":{"lambda":%s}}}`,
	},
	"HTTP API, 1.0": {
		`{"version":"1.0","type":"REQUEST","methodArn":"arn:aws:execute-api:eu-west-1:123456789012:a1/$default/GET/orders","httpMethod":"GET","resource":"/orders","path":"/orders",
			"headers":{"Cookie":%s},"requestContext":{"identity":{"sourceIp":"192.0.2.1"}}}`,
		`{"version":"1.0","httpMethod":"GET","resource":"/orders","path":"/orders","requestContext":{"identity":{"sourceIp":"192.0.2.1"},"authorizer":%s}}`,
	},
	"REST API": {
		`{"type":"REQUEST","methodArn":"arn:aws:execute-api:eu-west-1:123456789012:a1/prod/GET/orders","httpMethod":"GET","resource":"/orders","path":"/orders",
			"headers":{"Cookie":%[1]s},"multiValueHeaders":{"Cookie":[%[1]s]},"requestContext":{"identity":{"sourceIp":"192.0.2.1"}}}`,
		`{"httpMethod":"GET","resource":"/orders","path":"/orders","requestContext":{"identity":{"sourceIp":"192.0.2.1"},"authorizer":%s}}`,
	},
}

// toJSON returns v as JSON, such as a string or what an authorizer has said.
func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// identityInHandler returns what FromContext returns in a handler that gets an event.
func identityInHandler(t *testing.T, event string) (caller Identity, err error) {
	t.Helper()
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { caller, err = FromContext(r.Context()) })
	if _, err := lambdahttp.Handler(h).Invoke(t.Context(), []byte(event)); err != nil {
		t.Fatal(err)
	}
	return caller, err
}

// An Identity arrives unchanged at the function behind the authorizer.
func TestIdentity(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for _, roles := range [][]string{{}, {"member"}, {"a b", "a,b", `"[]`, "عضو", "</script>"}} {
		want := Identity{"u1 \"é", "5pxVmlyBnNXvUyxlnBSeqQ", roles, at}
		values, err := encode(want)
		if err != nil {
			t.Fatal(err)
		}
		for name, front := range fronts {
			got, err := identityInHandler(t, fmt.Sprintf(front.toFunction, toJSON(t, values)))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
			}
		}
	}
	values, err := encode(Identity{UserID: "u1", SessionID: "s1", AuthenticatedAt: at.In(time.FixedZone("", 3600))})
	want := map[string]string{"user_id": "u1", "session_id": "s1", "roles": "[]", "authenticated_at": "2026-11-23T14:00:00Z"}
	if err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("told %v, %v; want %v", values, err, want)
	}
}

func TestFromContextRefuses(t *testing.T) {
	whole := map[string]string{"user_id": "u1", "session_id": "s1", "roles": "[]", "authenticated_at": "2026-11-23T14:00:00Z"}
	for name, front := range fronts {
		if _, err := identityInHandler(t, fmt.Sprintf(front.toFunction, toJSON(t, whole))); err != nil {
			t.Fatal(name, err)
		}
		for _, change := range []struct{ name, value string }{
			{"user_id", ""}, {"session_id", ""},
			{"roles", ""}, {"roles", "null"}, {"roles", "member"}, {"roles", `["a"`}, {"roles", `[1]`}, {"roles", `{}`},
			{"authenticated_at", ""}, {"authenticated_at", "1700000000"}, {"authenticated_at", "2026-11-23"},
		} {
			values := maps.Clone(whole)
			values[change.name] = change.value
			if caller, err := identityInHandler(t, fmt.Sprintf(front.toFunction, toJSON(t, values))); err == nil || !reflect.DeepEqual(caller, Identity{}) {
				t.Errorf("%s, %s is %q: %+v, %v; want an error alone", name, change.name, change.value, caller, err)
			}
		}
	}
	if _, err := FromContext(t.Context()); err == nil {
		t.Error("outside Lambda somebody calls")
	}
}

// TestNeighbours: whatever else an API or a client puts into an event, nobody is taken from
// it for a caller whom the authorizer has let through.
func TestNeighbours(t *testing.T) {
	somebody := `{"user_id":"u1","session_id":"s1","roles":"[]","authenticated_at":"2026-11-23T14:00:00Z"}`
	for name, authorizer := range map[string]string{
		"no authorizer":              `null`,
		"JWT":                        `{"jwt":{"claims":` + somebody + `,"scopes":[]}}`,
		"JWT, 1.0":                   `{"claims":` + somebody + `,"scopes":[]}`,
		"Cognito":                    `{"claims":` + somebody + `}`,
		"IAM":                        `{"iam":` + somebody + `}`,
		"an authorizer of another's": `{"principalId":"u1","integrationLatency":3}`,
		"the same, 2.0":              `{"lambda":{"principalId":"u1","sub":"u1"}}`,
	} {
		for _, event := range []string{
			`{"version":"2.0","rawPath":"/","requestContext":{"http":{"method":"GET"},"authorizer":%s}}`,
			`{"version":"1.0","httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{},"authorizer":%s}}`,
			`{"httpMethod":"GET","resource":"/","path":"/","requestContext":{"identity":{},"authorizer":%s}}`,
		} {
			if caller, err := identityInHandler(t, fmt.Sprintf(event, authorizer)); err == nil {
				t.Errorf("%s in %s: %+v", name, event, caller)
			}
		}
	}
	for _, event := range []string{ // these have no Lambda authorizers
		`{"version":"2.0","rawPath":"/","requestContext":{"domainName":"abc.lambda-url.eu-west-1.on.aws","http":{"method":"GET"},"authorizer":{"iam":{},"lambda":%s}}}`,
		`{"version":"2.0","rawPath":"/","requestContext":{"domainName":"abc.lambda-url.eu-west-1.on.aws","http":{"method":"GET"},"authorizer":%s}}`,
		`{"httpMethod":"GET","path":"/","headers":{},"requestContext":{"elb":{"targetGroupArn":"arn"},"authorizer":%s}}`,
		`{"httpMethod":"GET","path":"/","multiValueHeaders":{},"requestContext":{"elb":{"targetGroupArn":"arn"},"authorizer":%s}}`,
	} {
		if caller, err := identityInHandler(t, fmt.Sprintf(event, somebody)); err == nil {
			t.Errorf("%s: %+v", event, caller)
		}
	}
}

// brokenStore is a store that cannot be reached.
type brokenStore struct{ session.Store }

var errOutage = errors.New("connection refused")

func (brokenStore) Get(context.Context, session.Key) (*session.Session, error) { return nil, errOutage }

func TestNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		manager := func(store session.Store) *session.Manager {
			m, err := session.New(store, session.Config{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		sessions, w := manager(store), httptest.NewRecorder()
		s, err := sessions.Create(w, httptest.NewRequest("POST", "/login", nil), session.User{ID: "u1", Roles: []string{"member"}})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(w.Result().Cookies()[0])

		caller, err := New(sessions)(r)
		want := map[string]string{"principalId": "u1", "user_id": "u1", "session_id": s.ID, "roles": `["member"]`, "authenticated_at": "2000-01-01T00:00:00Z"}
		if err != nil || !reflect.DeepEqual(caller, want) {
			t.Errorf("%v, %v; want %v", caller, err, want)
		}
		if caller, err := New(manager(brokenStore{store}))(r); !errors.Is(err, errOutage) || errors.Is(err, lambdahttp.ErrNotAuthorized) || caller != nil {
			t.Errorf("in an outage: %v, %v", caller, err)
		}
		if caller, err := New(sessions)(httptest.NewRequest("GET", "/", nil)); !errors.Is(err, lambdahttp.ErrNotAuthorized) || caller != nil {
			t.Errorf("without a cookie: %v, %v", caller, err)
		}
		time.Sleep(30 * time.Minute)
		if caller, err := New(sessions)(r); !errors.Is(err, lambdahttp.ErrNotAuthorized) || caller != nil {
			t.Errorf("expired: %v, %v", caller, err)
		}
	})
}

// TestEveryAPI: with each API, a user who has signed in is known to the function behind the
// authorizer, and whoever has a wrong secret is not let through.
func TestEveryAPI(t *testing.T) {
	for name, front := range fronts {
		t.Run(name, func(t *testing.T) {
			sessions, err := session.New(memstore.New(), session.Config{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			s, err := sessions.Create(w, httptest.NewRequest("POST", "/login", nil), session.User{ID: "u1", Roles: []string{"member"}})
			if err != nil {
				t.Fatal(err)
			}
			cookie := w.Result().Cookies()[0]
			answer, err := New(sessions).Invoke(t.Context(), fmt.Appendf(nil, front.toAuthorizer, toJSON(t, "theme=dark; "+cookie.Name+"="+cookie.Value)))
			if err != nil {
				t.Fatal(err)
			}
			var said struct {
				PrincipalID string          `json:"principalId"`
				Context     json.RawMessage `json:"context"`
			}
			if err := json.Unmarshal(answer, &said); err != nil || name != "HTTP API, 2.0" && said.PrincipalID != "u1" {
				t.Errorf("%s, %v", answer, err)
			}
			who, err := identityInHandler(t, fmt.Sprintf(front.toFunction, said.Context))
			if err != nil || who.UserID != "u1" || who.SessionID != s.ID || !reflect.DeepEqual(who.Roles, []string{"member"}) {
				t.Errorf("%+v, %v", who, err)
			}
			answer, err = New(sessions).Invoke(t.Context(), fmt.Appendf(nil, front.toAuthorizer, toJSON(t, cookie.Name+"="+cookie.Value[:len(cookie.Value)-43]+strings.Repeat("A", 43))))
			if err == nil && (strings.Contains(string(answer), "Allow") || strings.Contains(string(answer), "true")) || err != nil && (name != "REST API" || err.Error() != "Unauthorized") {
				t.Errorf("a wrong secret: %s, %v", answer, err)
			}
		})
	}
}
