package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// identityInHandler returns what FromContext returns in a handler to which the
// gateway passes these values.
func identityInHandler(t *testing.T, values map[string]string) (caller Identity, err error) {
	t.Helper()
	payload, marshalErr := json.Marshal(map[string]any{
		"version": "2.0", "rawPath": "/",
		"requestContext": map[string]any{
			"http":       map[string]string{"method": "GET", "sourceIp": "192.0.2.1"},
			"authorizer": map[string]any{"lambda": values},
		},
	})
	if marshalErr != nil {
		t.Fatal(marshalErr)
	}
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { caller, err = FromContext(r.Context()) })
	if _, err := lambdahttp.Handler(h).Invoke(t.Context(), payload); err != nil {
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
		got, err := identityInHandler(t, values)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
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
	if _, err := identityInHandler(t, whole); err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ name, value string }{
		{"user_id", ""}, {"session_id", ""},
		{"roles", ""}, {"roles", "null"}, {"roles", "member"}, {"roles", `["a"`}, {"roles", `[1]`}, {"roles", `{}`},
		{"authenticated_at", ""}, {"authenticated_at", "1700000000"}, {"authenticated_at", "2026-11-23"},
	} {
		values := map[string]string{}
		for name, value := range whole {
			values[name] = value
		}
		values[change.name] = change.value
		if caller, err := identityInHandler(t, values); err == nil || !reflect.DeepEqual(caller, Identity{}) {
			t.Errorf("%s is %q: %+v, %v; want an error alone", change.name, change.value, caller, err)
		}
	}
	if _, err := FromContext(t.Context()); err == nil {
		t.Error("outside Lambda somebody calls")
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
		want := map[string]string{"user_id": "u1", "session_id": s.ID, "roles": `["member"]`, "authenticated_at": "2000-01-01T00:00:00Z"}
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
