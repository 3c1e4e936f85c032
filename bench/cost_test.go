package bench_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Prices of DynamoDB on demand in us-east-1, in US dollars for a million units, in November 2026;
// docs/costs.md has the same.
const readPrice, writePrice = 0.125, 0.625

// What a million users are assumed to do who send a thousand requests a second together: of their
// requests, this share is made by users who were away so long that their session is touched, or
// is a login, or a logout. docs/capacity.md assumes the same of a user's day.
const (
	millions     = 1000 * 365 * 24 * 60 * 60 / 1e6 // requests in a year
	touchedShare = 10.0 / 50
	loginShare   = 0.5 / 50
	logoutShare  = 0.25 / 50
)

// keeper is a library, and how many units each of these needs of DynamoDB.
type keeper struct {
	name                                       string
	read, write                                float64 // of a request
	touch                                      float64 // units written, if a request touches the session
	loginReads, loginWrites, logoutReads, ends float64
}

// costTable is on paper: nothing of it was measured on AWS.
var costTable = table{
	name:  "cost",
	paper: true,
	measure: func(t *testing.T) grid {
		g := grid{head: []string{"", "dollars a year", "reads", "writes", "logins and logouts", "together"}}
		keepers := []keeper{
			{name: "Coatcheck", read: 1, touch: 1, loginReads: 1, loginWrites: 1, ends: 1},
			{name: "express-session with connect-dynamodb 3.0.5", read: 1, write: 1, loginWrites: 1, ends: 1},
			{name: "scs with a store of its own", read: 1, loginWrites: 1, logoutReads: 1, ends: 1},
			{name: "scs with an idle timeout", read: 1, write: 1, loginWrites: 1, logoutReads: 1, ends: 1},
		}
		for _, k := range keepers {
			g.add(k.name, times(k.year()/keepers[0].year()), dollars(k.reads()), dollars(k.writes()), dollars(k.logins()), dollars(k.year()))
		}
		return g
	},
}

func (k keeper) reads() float64  { return millions * k.read * readPrice }
func (k keeper) writes() float64 { return millions * (k.write + k.touch*touchedShare) * writePrice }

func (k keeper) logins() float64 {
	return millions * (loginShare*(k.loginReads*readPrice+k.loginWrites*writePrice) + logoutShare*(k.logoutReads*readPrice+k.ends*writePrice))
}

func (k keeper) year() float64 { return k.reads() + k.writes() + k.logins() }

func dollars(n float64) string {
	if n > 0 && n < 10 {
		return fmt.Sprintf("%.2f", n)
	}
	return number(n)
}

// TestPrices tests that other documents have the same prices and the same assumptions.
func TestPrices(t *testing.T) {
	for file, want := range map[string]string{
		"../docs/costs.md":    fmt.Sprintf("%v and %v for a million units", readPrice, writePrice),
		"../docs/capacity.md": fmt.Sprintf("makes 50\nrequests that check the session, of which %.0f touch it; every second one signs in, and every fourth one signs out", touchedShare*50),
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %q", file, want)
		}
	}
}
