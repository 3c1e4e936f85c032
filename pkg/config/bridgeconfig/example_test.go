package bridgeconfig_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/bridgeconfig"
	"example.com/coatcheck/pkg/config/legacyconfig"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/authn"
	"example.com/coatcheck/pkg/signin/site"
)

// nobody knows no users. Package accounts knows those that it keeps.
type nobody struct{}

func (nobody) Identify(context.Context, string) (authn.Identity, error) { return nil, authn.ErrRefused }

// A program opens the bridge that its environment describes, for the sessions of a Flask
// application. A request without its cookie is nobody's.
func Example() {
	for name, value := range map[string]string{
		legacyconfig.Variable: `[{"kind": "flask", "keys": ["an-example-of-a-SECRET_KEY"]}]`,
		bridgeconfig.EndsAt:   time.Now().Add(30 * 24 * time.Hour).UTC().Format(time.RFC3339),
	} {
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}

	records := membridge.New()
	sessions, err := config.EndingSessions(memstore.New(), nil, bridge.BeforeEnding(records, true))
	if err != nil {
		config.Exit(err)
	}
	cookies := []site.LegacyCookie{{Name: "session", Stateless: true}}
	converter, err := bridgeconfig.Converter(context.Background(), cookies, sessions, nobody{}, records)
	if err != nil {
		log.Fatal(err)
	}
	_, err = converter.Convert(httptest.NewRecorder(), httptest.NewRequest("GET", "https://shop.example/convert", nil))
	fmt.Println(err)
	// Output: no session of the monolith that could go on here
}
