//go:build !noredis

package main

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/session/redisstore"
)

func init() { openers["redis"], openers["rediss"] = openRedis, openRedis }

// openRedis keeps only sessions in Redis. Users and attempts are in memory.
func openRedis(_ context.Context, address string, _ bool) (stores, error) {
	options, err := redis.ParseURL(address)
	if err != nil {
		return stores{}, errors.New("the store's address cannot be read; write it as redis://host:6379")
	}
	client := redis.NewClient(options)
	return stores{redisstore.New(client, "coatcheck:"), memaccounts.New(), memaccounts.NewAttempts(), client.Close}, nil
}
