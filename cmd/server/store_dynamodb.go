//go:build !nodynamodb

package main

import (
	"context"

	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/signin"
)

func init() { openers["dynamodb"] = openDynamoDB }

func openDynamoDB(ctx context.Context, _ string, _ bool) (stores, error) {
	env, err := dynamoconfig.Deployed(ctx, signin.Fail)
	if err != nil {
		return stores{}, err
	}
	users, err := dynamoconfig.Users(env.Client)
	if err != nil {
		return stores{}, err
	}
	attempts, err := dynamoconfig.Attempts(env.Client)
	return stores{env.Store, users, attempts, nothing}, err
}
