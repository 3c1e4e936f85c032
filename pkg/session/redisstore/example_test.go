package redisstore_test

import (
	"log"
	"net/http"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/redisstore"
)

// Sessions in Redis, whose keys begin with "shop:". It is compiled and not run, because it
// needs a server.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	sessions, err := session.New(redisstore.New(client, "shop:"), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("GET /orders", sessions.Require(http.NotFoundHandler())) // your handler
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}
