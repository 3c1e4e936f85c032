package memlinks_test

import (
	"context"
	"fmt"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
)

// What has ended at the provider can have no session here any more.
func Example() {
	ctx, store := context.Background(), memlinks.New()
	tomorrow := time.Now().Add(24 * time.Hour)
	_, err := store.Link(ctx, oidc.Link{ID: "one", Session: session.Key{Owner: "o", ID: "s"}, ExpiresAt: tomorrow})
	fmt.Println(err)
	link, err := store.End(ctx, "one", time.Now(), tomorrow)
	fmt.Println(link.Session, err)
	_, err = store.Link(ctx, oidc.Link{ID: "one", Session: session.Key{Owner: "o", ID: "t"}, ExpiresAt: tomorrow})
	fmt.Println(err)
	// Output:
	// <nil>
	// {o s} <nil>
	// the provider has ended this session
}
