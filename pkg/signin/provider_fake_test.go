package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/authn"
)

// testProvider is a provider whose callback says in its query what happened there: the
// name of a user, or an error. What it ends a notice says. The rules of a real one have
// their own tests; here every answer is wanted.
type testProvider struct {
	*callRecorder
	authenticated time.Time   // when its users proved who they are
	replaced      session.Key // by the next arrival
}

var errNoLogout = errors.New("this provider has no logout")

const tripName = "__Host-TRIP"

func tripOf(t authn.Trip) string {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func (p *testProvider) Begin(w http.ResponseWriter, r *http.Request, t authn.Trip) (string, error) {
	if err := p.record("provider.Begin"); err != nil {
		return "", err
	}
	setTrip(w, tripOf(t), 600)
	if t.UserID != "" {
		return "https://id.example/authorize?" + url.Values{"again": {t.UserID}}.Encode(), nil
	}
	return "https://id.example/authorize", nil
}

func setTrip(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: tripName, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (p *testProvider) Finish(w http.ResponseWriter, r *http.Request) (t authn.Trip, a authn.Arrival, err error) {
	if err := p.record("provider.Finish"); err != nil {
		return t, nil, err
	}
	cookies := r.CookiesNamed(tripName)
	if len(cookies) != 1 {
		return t, nil, authn.ErrStale
	}
	setTrip(w, "", -1)
	text, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	if err == nil {
		err = json.Unmarshal(text, &t)
	}
	if err != nil {
		return t, nil, err
	}
	switch name := r.URL.Query().Get("code"); name {
	case "cancelled":
		return t, nil, authn.ErrCancelled
	case "stale":
		return authn.Trip{}, nil, authn.ErrStale
	case "untrusted":
		return t, nil, errors.Join(errors.New("the signature is wrong"), authn.ErrUntrusted)
	case "unasked":
		return t, nil, authn.ErrNotAsked
	case "refused":
		return t, nil, authn.ErrRefused
	case "down":
		return t, nil, errDown
	default:
		return t, &testArrival{p, name}, nil
	}
}

func (p *testProvider) SignOutURL(_ context.Context, back string) (string, error) {
	err := p.record("provider.SignOutURL")
	if errors.Is(err, errNoLogout) {
		return "", nil
	}
	return "https://id.example/logout?" + url.Values{"back": {back}}.Encode(), err
}

func (p *testProvider) Ended(r *http.Request) (authn.Ended, error) {
	if err := p.record("provider.Ended"); err != nil {
		return authn.Ended{}, err
	}
	token := r.PostFormValue("logout_token")
	user, isUser := strings.CutPrefix(token, "user")
	switch {
	case isUser:
		return authn.Ended{UserID: user + "-id"}, nil
	case token == "session":
		return authn.Ended{Session: knownKey}, nil
	case token == "nothing":
		return authn.Ended{}, nil
	case token == "down":
		return authn.Ended{}, errDown
	}
	if owner, id, ok := strings.Cut(token, "."); ok {
		return authn.Ended{Session: session.Key{Owner: owner, ID: id}}, nil
	}
	return authn.Ended{}, errors.Join(errors.New("the token is expired"), authn.ErrUntrusted)
}

type testArrival struct {
	*testProvider
	name string
}

func (a *testArrival) User() authn.User {
	return authn.User{ID: a.name + "-id", Username: a.name, DisplayName: strings.ToUpper(a.name[:1]) + a.name[1:], Roles: []string{"member"},
		AuthenticatedAt: a.authenticated, NoPassword: true}
}

func (a *testArrival) Announce(context.Context, session.Key) error {
	return a.record("arrival.Announce")
}
func (a *testArrival) Confirm(context.Context) error { return a.record("arrival.Confirm") }
func (a *testArrival) Replaced() session.Key         { return a.replaced }
