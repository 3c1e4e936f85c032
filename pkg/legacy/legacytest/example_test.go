package legacytest_test

import (
	"testing"

	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/legacy/legacytest"
)

// The test of a source of one's own, with cookies that the framework has made. It is compiled
// and not run, because go test calls it.
func Example() {
	_ = func(t *testing.T) { // func TestSource(t *testing.T)
		const file = "testdata/flask.json"
		var application struct {
			Key string `json:"key"`
		}
		legacytest.Config(t, file, &application)
		legacytest.Run(t, file, func(t testing.TB, c *legacytest.Case) legacy.Source {
			source, err := legacy.NewFlask(legacy.Flask{Keys: [][]byte{[]byte(application.Key)}}) // make yours here
			if err != nil {
				t.Fatal(err)
			}
			return source
		})
	}
}
