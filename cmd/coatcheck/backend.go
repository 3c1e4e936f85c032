package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/dynamoaccounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/session"
)

// backend gives the commands access to users and their sessions.
type backend struct {
	client    *dynamodb.Client
	users     *dynamoaccounts.Store
	directory *accounts.Directory
	sessions  *session.Manager // only openSessions sets it
}

func openUsers(ctx context.Context) (*backend, error) {
	client, err := dynamoconfig.Client(ctx)
	if err != nil {
		return nil, err
	}
	return newBackend(client)
}

func openSessions(ctx context.Context) (*backend, error) {
	env, err := dynamoconfig.Deployed(ctx, nil)
	if err != nil {
		return nil, err
	}
	b, err := newBackend(env.Client)
	if err != nil {
		return nil, err
	}
	b.sessions = env.Sessions
	return b, nil
}

func newBackend(client *dynamodb.Client) (*backend, error) {
	users, err := dynamoconfig.Users(client)
	if err != nil {
		return nil, err
	}
	directory, err := config.Directory(users)
	if err != nil {
		return nil, err
	}
	return &backend{client: client, users: users, directory: directory}, nil
}

// find returns the user with that name. The name is as a person types it.
func (b *backend) find(ctx context.Context, name string) (*accounts.Account, error) {
	key, err := accounts.Normalize(name)
	if err != nil {
		return nil, err
	}
	user, err := b.users.Get(ctx, key)
	if errors.Is(err, accounts.ErrNotFound) {
		return nil, fmt.Errorf("there is no user %q; check the name and USERS_TABLE", key)
	}
	return user, err
}

// endSessions ends every session of the user.
func (b *backend) endSessions(ctx context.Context, user *accounts.Account) error {
	if err := b.sessions.RevokeAll(ctx, user.UserID); err != nil {
		return fmt.Errorf("some sessions may be left, run it again: %w", err)
	}
	return nil
}
