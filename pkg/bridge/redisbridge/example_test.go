package redisbridge_test

import (
	"context"
	"log"
	"time"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/pkg/accounts/redisaccounts"
	"example.com/coatcheck/pkg/bridge/redisbridge"
)

// The records of a bridge in Redis, in a server that is fit to keep them. It is compiled and
// not run, because it needs that server.
func Example() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	if err := redisaccounts.CheckConfiguration(ctx, client); err != nil {
		log.Fatal(err)
	}
	records := redisbridge.New(client, "shop:")
	if _, err := records.OpenWindow(ctx, time.Date(2027, time.March, 28, 0, 0, 0, 0, time.UTC)); err != nil {
		log.Fatal(err)
	}
}
