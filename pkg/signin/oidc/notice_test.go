package oidc_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/oidc"
)

// ended sends a notice with these claims.
func (w *world) ended(claims map[string]any) (authn.Ended, error) {
	return w.provider.Ended(w.issuer.Notice(notices, claims))
}

// TestNoticeWhileSigningIn: a notice ends what it names, wherever in a sign-in it comes: either
// the sign-in is refused, or the notice finds the session.
func TestNoticeWhileSigningIn(t *testing.T) {
	sid, sub := map[string]any{"sid": "s1"}, map[string]any{"sub": "user-1"}
	both := map[string]any{"sid": "s1", "sub": "user-1"}
	user := authn.Ended{UserID: oidc.UserID("https://id.example.com", "user-1")}
	link := authn.Ended{Session: key(1)}
	for name, tt := range map[string]struct {
		claims      map[string]any
		early, late authn.Ended // what a notice before, and after, Announce ends
	}{
		"sid":  {claims: sid, late: link},
		"sub":  {claims: sub, early: user, late: user},
		"both": {claims: both, late: link},
	} {
		for _, point := range []string{"before Announce", "between Announce and Confirm", "after Confirm"} {
			t.Run(name+" "+point, func(t *testing.T) {
				w := newWorld(t)
				w.issuer.User["sid"] = "s1"
				arrival := w.arrive(authn.Trip{})
				notify := func(want authn.Ended) {
					if got, err := w.ended(tt.claims); err != nil || got != want {
						t.Errorf("the notice ends %v, %v; want %v", got, err, want)
					}
				}
				if point == "before Announce" {
					notify(tt.early)
				}
				err := arrival.Announce(t.Context(), key(1))
				if point == "between Announce and Confirm" {
					notify(tt.late)
				}
				if err == nil {
					err = arrival.Confirm(t.Context())
				}
				if point == "after Confirm" {
					if err != nil {
						t.Error(err)
					}
					notify(tt.late)
					err = arrival.Confirm(t.Context())
				}
				wantError(t, err, authn.ErrRefused, "ended")
			})
		}
	}
}

// TestNoticeOfOthers: a notice for another user, another session, or from before the sign-in
// does not disturb it. Whoever signs in after a notice for all sessions may.
func TestNoticeOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.issuer.User["sid"] = "s1"
		for _, claims := range []map[string]any{{"sub": "user-2"}, {"sid": "s2"}, {"sub": "s1"}, {"sid": "user-1"}, {"sub": "user-1"}} {
			if _, err := w.ended(claims); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		arrival := w.arrive(authn.Trip{})
		if err := errors.Join(arrival.Announce(t.Context(), key(1)), arrival.Confirm(t.Context())); err != nil {
			t.Error(err)
		}
		if arrival.Replaced() != (session.Key{}) {
			t.Errorf("it replaces %v", arrival.Replaced())
		}
		// A notice that was made before the token and comes late ends nothing of it.
		if got, err := w.ended(map[string]any{"sub": "user-1", "iat": time.Now().Add(-time.Minute).Unix()}); err != nil || got.UserID == "" {
			t.Errorf("%v, %v", got, err)
		}
		if err := arrival.Confirm(t.Context()); err != nil {
			t.Error(err)
		}
		// A session that has ended stays so, whenever its token says to be made.
		if _, err := w.ended(map[string]any{"sid": "s1"}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		wantError(t, w.arrive(authn.Trip{}).Announce(t.Context(), key(2)), authn.ErrRefused, "ended")
	})
}

// TestNoticeAgain: a notice may come again, and does the same.
func TestNoticeAgain(t *testing.T) {
	w := newWorld(t)
	w.issuer.User["sid"] = "s1"
	if err := w.arrive(authn.Trip{}).Announce(t.Context(), key(1)); err != nil {
		t.Fatal(err)
	}
	raw := w.issuer.Notice(notices, map[string]any{"sid": "s1"}).PostFormValue("logout_token")
	w.issuer.Bad.Token = func(string) string { return raw }
	for range 3 {
		if got, err := w.ended(nil); err != nil || got != (authn.Ended{Session: key(1)}) {
			t.Errorf("%v, %v", got, err)
		}
	}
}

// TestLinks: a session at the provider leads to the newest session here. The one before it is
// for the caller to end.
func TestLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.issuer.User["sid"] = "s1"
		for n, want := range []session.Key{1: {}, 2: key(1), 3: key(2)} {
			if n == 0 {
				continue
			}
			arrival := w.arrive(authn.Trip{})
			if err := arrival.Announce(t.Context(), key(n)); err != nil {
				t.Fatal(err)
			}
			if arrival.Replaced() != want {
				t.Errorf("session %d replaces %v, want %v", n, arrival.Replaced(), want)
			}
		}
		again := w.arrive(authn.Trip{})
		if err := again.Announce(t.Context(), key(3)); err != nil || again.Replaced() != (session.Key{}) {
			t.Errorf("the same session replaces %v, %v", again.Replaced(), err)
		}
		for id, link := range w.store.links {
			if link.ID != id || len(id) != 43 || strings.Contains(id, "s1") || !link.ExpiresAt.Equal(time.Now().Add(400*24*time.Hour+time.Second)) {
				t.Errorf("%q: %v", id, link)
			}
		}
		if got, err := w.ended(map[string]any{"sid": "s1"}); err != nil || got.Session != key(3) {
			t.Errorf("%v, %v", got, err)
		}
		for id, until := range w.store.until {
			if !until.Equal(time.Now().Add(400*24*time.Hour + 24*time.Hour)) {
				t.Errorf("%s is kept until %v", id, until)
			}
		}
	})
}

// TestLifetime: links are kept as long as a session may live.
func TestLifetime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *oidc.Config) { c.Lifetime = time.Hour })
		w.issuer.User["sid"] = "s1"
		if err := w.arrive(authn.Trip{}).Announce(t.Context(), key(1)); err != nil {
			t.Fatal(err)
		}
		for _, link := range w.store.links {
			if left := time.Until(link.ExpiresAt); left < time.Hour || left > time.Hour+time.Second {
				t.Errorf("the link is kept for %v", left)
			}
		}
	})
}

// TestProviderWithoutSessions: a provider that names no sessions ends users.
func TestProviderWithoutSessions(t *testing.T) {
	w := newWorld(t)
	arrival := w.arrive(authn.Trip{})
	if err := errors.Join(arrival.Announce(t.Context(), key(1)), arrival.Confirm(t.Context())); err != nil {
		t.Error(err)
	}
	if !slices.Equal(w.store.calls, []string{"Ended"}) {
		t.Errorf("the calls are %q", w.store.calls)
	}
}

// TestTwoPrograms: two programs of one provider that share a store do not mix up what is
// theirs.
func TestTwoPrograms(t *testing.T) {
	w := newWorld(t)
	w.issuer.User["sid"] = "s1"
	if err := w.arrive(authn.Trip{}).Announce(t.Context(), key(1)); err != nil {
		t.Fatal(err)
	}
	w.issuer.ClientID, w.config.ClientID = "blog", "blog"
	w.restart()
	if got, err := w.ended(map[string]any{"sid": "s1"}); err != nil || got != (authn.Ended{}) {
		t.Errorf("%v, %v", got, err)
	}
}

// TestNoticesThatAreNone: what fails one check ends nothing, and nothing is stored.
func TestNoticesThatAreNone(t *testing.T) {
	event := "http://schemas.openid.net/event/backchannel-logout"
	for name, tt := range map[string]struct {
		claims map[string]any
		header func(header, claims map[string]any)
		says   string
	}{
		"another issuer":   {map[string]any{"iss": "https://id.example.org"}, nil, "different provider"},
		"another audience": {map[string]any{"aud": "blog"}, nil, "audience"},
		"nonce":            {map[string]any{"nonce": "x"}, nil, "nonce"},
		"nonce is empty":   {map[string]any{"nonce": ""}, nil, "nonce"},
		"no events":        {map[string]any{"events": nil}, nil, "event"},
		"another event":    {map[string]any{"events": map[string]any{"http://schemas.example.com/other": map[string]any{}}}, nil, "event"},
		"event is null":    {map[string]any{"events": map[string]any{event: nil}}, nil, "event"},
		"event is a text":  {map[string]any{"events": map[string]any{event: "yes"}}, nil, "event"},
		"no jti":           {map[string]any{"jti": nil}, nil, "jti"},
		"no exp":           {map[string]any{"exp": nil}, nil, "exp"},
		"expired":          {map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}, nil, "expired"},
		"no iat":           {map[string]any{"iat": nil}, nil, "iat is missing"},
		"iat in future":    {map[string]any{"iat": time.Now().Add(2 * time.Minute).Unix()}, nil, "in the future"},
		"nobody":           {map[string]any{"sub": nil}, nil, "sub"},
		"bad sub":          {map[string]any{"sub": "a\nb"}, nil, "sub must be"},
		"empty sid":        {map[string]any{"sid": ""}, nil, "sid must be"},
		"type":             {nil, header("typ", "at+jwt"), "of the type"},
		"none":             {nil, header("alg", "none"), "unexpected signature algorithm"},
		"HS256":            {nil, header("alg", "HS256"), "unexpected signature algorithm"},
		"unknown key":      {nil, header("kid", "unknown"), "no key of the provider"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.issuer.Bad.Claims = tt.header
			claims := map[string]any{"sub": "user-1"}
			for name, value := range tt.claims {
				claims[name] = value
			}
			got, err := w.ended(claims)
			wantError(t, err, authn.ErrUntrusted, tt.says)
			if got != (authn.Ended{}) || len(w.store.calls) != 0 {
				t.Errorf("it ends %v, by %q", got, w.store.calls)
			}
		})
	}
	w := newWorld(t)
	w.issuer.Bad.Claims = header("typ", "JWT") // as older providers write
	if got, err := w.ended(map[string]any{"sub": "user-1"}); err != nil || got.UserID == "" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestIDTokenIsNoNotice: an ID token of the provider ends nothing, and a logout token signs
// nobody in.
func TestIDTokenIsNoNotice(t *testing.T) {
	w := newWorld(t)
	var id string
	w.issuer.Bad.Token = func(token string) string { id = token; return token }
	w.arrive(authn.Trip{})
	w.issuer.Bad.Token = func(string) string { return id }
	_, err := w.ended(nil)
	wantError(t, err, authn.ErrUntrusted, "event")
	w.issuer.Bad.Token = nil
	notice := w.issuer.Notice(notices, map[string]any{"sub": "user-1"}).PostFormValue("logout_token")
	w.issuer.Bad.Token = func(string) string { return notice }
	wantError(t, w.tryIn(), authn.ErrUntrusted, "")
}

// together answers a read of what has ended when another one has come too.
type together struct {
	oidc.Store
	reads sync.WaitGroup
}

func (s *together) Ended(ctx context.Context, id string) (oidc.Link, time.Time, error) {
	s.reads.Done()
	s.reads.Wait()
	return s.Store.Ended(ctx, id)
}

// TestConfirmReadsAtOnce: a sign-in waits once for what has ended, of the session and of the
// user.
func TestConfirmReadsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &together{Store: newLinks()}
		store.reads.Add(2)
		w := newWorld(t, func(c *oidc.Config) { c.Store = store })
		w.issuer.User["sid"] = "s1"
		arrival := w.arrive(authn.Trip{})
		if err := errors.Join(arrival.Announce(t.Context(), key(1)), arrival.Confirm(t.Context())); err != nil {
			t.Error(err)
		}
	})
}

// TestTwoAtOnce: of two sign-ins with the same session at the provider, which overlap in any
// way, no notice misses the session of one.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld(t)
	w.issuer.User["sid"] = "s1"
	first, second := w.arrive(authn.Trip{}), w.arrive(authn.Trip{})
	if err := errors.Join(first.Announce(t.Context(), key(1)), second.Announce(t.Context(), key(2))); err != nil || second.Replaced() != key(1) {
		t.Fatalf("%v, it replaces %v", err, second.Replaced())
	}
	wantError(t, first.Confirm(t.Context()), authn.ErrRefused, "another session here")
	if err := second.Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	if got, err := w.ended(map[string]any{"sid": "s1"}); err != nil || got.Session != key(2) {
		t.Errorf("the notice ends %v, %v", got, err)
	}
}

// TestFormOfANotice: a notice is one token in a form.
func TestFormOfANotice(t *testing.T) {
	w := newWorld(t)
	token := w.issuer.Notice(notices, map[string]any{"sub": "user-1"}).PostFormValue("logout_token")
	const form = "application/x-www-form-urlencoded"
	for name, tt := range map[string]struct{ method, target, kind, body string }{
		"GET":      {"GET", notices + "?logout_token=" + token, form, ""},
		"PUT":      {"PUT", notices, form, "logout_token=" + token},
		"query":    {"POST", notices + "?logout_token=" + token, form, ""},
		"JSON":     {"POST", notices, "application/json", `{"logout_token":"` + token + `"}`},
		"no type":  {"POST", notices, "", "logout_token=" + token},
		"no token": {"POST", notices, form, "other=x"},
		"two":      {"POST", notices, form, "logout_token=" + token + "&logout_token=" + token},
		"crooked":  {"POST", notices, form, "logout_token=" + token + "&a=%zz"},
		"huge":     {"POST", notices, form, "logout_token=" + token + "&a=" + strings.Repeat("x", 70<<10)},
	} {
		r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.kind)
		_, err := w.provider.Ended(r)
		t.Log(name)
		wantError(t, err, authn.ErrUntrusted, "notice")
	}
	r := httptest.NewRequest(http.MethodPost, notices, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", form+"; charset=utf-8")
	if _, err := w.provider.Ended(r); err != nil {
		t.Error(err)
	}
}

// TestStoreOutages: while the store is down nobody signs in, and a notice is not taken for
// done.
func TestStoreOutages(t *testing.T) {
	for _, down := range []string{"Link", "Ended", "End"} {
		w := newWorld(t)
		w.issuer.User["sid"] = "s1"
		arrival := w.arrive(authn.Trip{})
		w.store.down = down
		var err error
		switch down {
		case "Link":
			err = arrival.Announce(t.Context(), key(1))
		case "Ended":
			err = arrival.Confirm(t.Context())
		case "End":
			_, err = w.ended(map[string]any{"sid": "s1"})
			wantError(t, err, nil, "")
			_, err = w.ended(map[string]any{"sub": "user-1"})
		}
		wantError(t, err, nil, "the store is down")
		if !errors.Is(err, errDown) {
			t.Errorf("%s: %v", down, err)
		}
	}
}
