package redislinks_test

import (
	"context"
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/redislinks"
)

// A link in Redis, under a key that begins with "shop:". It is compiled and not run, because
// it needs a server.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	links := redislinks.New(client, "shop:")
	l := oidc.Link{ID: "one", Session: session.Key{Owner: "o", ID: "s"}, ExpiresAt: time.Now().Add(24 * time.Hour)}
	if _, err := links.Link(context.Background(), l); err != nil {
		log.Fatal(err)
	}
}
