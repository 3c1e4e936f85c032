package lazily_test

import (
	"fmt"
	"testing"

	"example.com/coatcheck/internal/lazily"
)

func ExampleRegexp() {
	digits := lazily.Regexp(`^[0-9]+$`)
	fmt.Println(digits().MatchString("2026"), digits().MatchString("MMXXVI"))
	// Output: true false
}

// The expression is compiled once, and not before it is needed.
func TestRegexp(t *testing.T) {
	malformed := lazily.Regexp(`(`)
	defer func() {
		if recover() == nil {
			t.Error("a malformed expression was compiled")
		}
	}()
	fine := lazily.Regexp(`a`)
	first := fine()
	if fine() != first {
		t.Error("it is compiled twice")
	}
	malformed()
}
