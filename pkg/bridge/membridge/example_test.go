package membridge_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/membridge"
)

// A session of the monolith becomes one of ours once: who comes second gets the link that
// is there.
func Example() {
	ctx, records := context.Background(), membridge.New()
	link := bridge.Link{ID: "of-the-monolith's-session", Nonce: "first", Source: "shop", At: time.UnixMilli(0).UTC()}
	if _, err := records.PutLink(ctx, link); err != nil {
		log.Fatal(err)
	}
	link.Nonce = "second"
	stored, err := records.PutLink(ctx, link)
	fmt.Println(stored.Nonce, errors.Is(err, bridge.ErrExists))
	// Output: first true
}
