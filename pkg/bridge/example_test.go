package bridge_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/authn"
)

// tickets reads the sessions of a monolith that keeps them in a map. Those of frameworks are
// read by package legacy.
type tickets map[string]string

func (tickets) Cookies() []string { return []string{"ticket"} }

func (t tickets) Open(_ context.Context, cookies map[string]string, now time.Time) (legacy.Claim, error) {
	ticket, sent := cookies["ticket"]
	user, known := t[ticket]
	switch {
	case !sent:
		return legacy.Claim{}, legacy.ErrAbsent
	case !known:
		return legacy.Claim{}, legacy.ErrRejected
	}
	return legacy.Claim{UserID: user, Identity: ticket, SignedInAt: now.Add(-time.Hour)}, nil
}

// everybody knows all users. Package accounts knows those that it keeps.
type everybody struct{}

func (everybody) Identify(_ context.Context, userID string) (authn.Identity, error) {
	return shopUser{userID}, nil
}

type shopUser struct{ userID string }

func (i shopUser) User() authn.User            { return authn.User{ID: i.userID, Username: "alice"} }
func (shopUser) Closed() bool                  { return false }
func (shopUser) ImportedHash() string          { return "" }
func (shopUser) Confirm(context.Context) error { return nil }

// A user who is signed in at the monolith is signed in here too, without a password. Only
// once: a copy of the monolith's cookie opens nothing more.
func Example() {
	records := membridge.New()
	sessions, err := session.New(memstore.New(), session.Config{BeforeEnding: bridge.BeforeEnding(records, false)})
	if err != nil {
		log.Fatal(err)
	}
	b, err := bridge.New(context.Background(), bridge.Config{
		Sessions: sessions,
		Users:    everybody{},
		Store:    records,
		Sources:  []bridge.Source{{Source: tickets{"t-1": "7"}, Name: "shop", Namespace: "shop:"}},
		EndsAt:   time.Now().Add(30 * 24 * time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}

	ask := func() *http.Request {
		r := httptest.NewRequest("GET", "https://shop.example/convert", nil)
		r.AddCookie(&http.Cookie{Name: "ticket", Value: "t-1"})
		return r
	}
	w := httptest.NewRecorder()
	s, err := b.Convert(w, ask())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.UserID, len(w.Result().Cookies()))
	if err := sessions.Revoke(context.Background(), s.UserID, s.ID); err != nil {
		log.Fatal(err)
	}
	_, err = b.Convert(httptest.NewRecorder(), ask())
	fmt.Println(err != nil)
	// Output:
	// shop:7 1
	// true
}
