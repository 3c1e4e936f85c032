package storeconfig

import (
	"encoding/json"
	"os"
	"slices"
	"unicode/utf8"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/oidcconfig"
)

// Record is one item, row or key as a store keeps it.
type Record struct {
	Part   Part              // of the store
	Fields map[string]string // every field as text; a list or a map is JSON, what is no text base64
}

// Part is what a store keeps of one kind.
type Part string

// The parts of a store. Bridge is there only where BRIDGE_TABLE is set, Links only where
// OIDC_ISSUER is.
const (
	Sessions Part = "sessions"
	Users    Part = "users"
	Attempts Part = "attempts"
	Bridge   Part = "bridge"
	Links    Part = "links"
	Audit    Part = "audit"
)

// Parts are all parts.
var Parts = []Part{Sessions, Users, Attempts, Bridge, Links, Audit}

// used returns those of the parts that are in use.
func used(parts []Part) []Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p Part) bool {
		return p == Bridge && os.Getenv(config.BridgeTable) == "" || p == Links && os.Getenv(oidcconfig.Issuer) == ""
	})
}

// text returns the value of a field as text.
func text(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []byte:
		if utf8.Valid(value) {
			return string(value)
		}
	case nil:
		return ""
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return "" // cannot happen: a store has numbers, texts, bytes, and lists and maps of them
	}
	return string(encoded)
}
