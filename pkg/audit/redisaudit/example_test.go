package redisaudit_test

import (
	"context"
	"fmt"
	"log"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/pkg/audit/redisaudit"
)

// What happened to a user, newest first, of a trail in Redis under keys that begin with
// "shop:". It is compiled and not run, because it needs a server.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	trail := redisaudit.New(client, "shop:")
	list, err := trail.List(context.Background(), "u1", "", 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range list {
		fmt.Println(e.At, e.Event, e.IP)
	}
}
