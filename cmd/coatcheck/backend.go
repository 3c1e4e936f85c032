package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
)

// address is the address of the stores.
type address string

// open opens the stores. SQL and Redis are asked whether they are ready, so that the
// error says what to do. DynamoDB is not: each command says itself what it cannot reach.
func (a address) open(ctx context.Context) (storeconfig.Stores, error) {
	if a == storeconfig.Memory {
		return nil, errors.New("the store memory is in the memory of one server, which no other program can reach; give the server another one")
	}
	opened, err := storeconfig.Open(ctx, string(a))
	if err != nil || a == storeconfig.DynamoDB {
		return opened, err
	}
	if err := storeconfig.Prepare(ctx, opened, false); err != nil {
		opened.Close()
		return nil, err
	}
	return opened, nil
}

// backend gives the commands access to users and their sessions.
type backend struct {
	storeconfig.Stores
	*operations
	users     accounts.Registry
	directory *accounts.Registrar
	sessions  *session.Manager // only openSessions sets it
}

func openUsers(ctx context.Context, at address) (*backend, error) {
	opened, err := at.open(ctx)
	if err != nil {
		return nil, err
	}
	b := &backend{Stores: opened}
	b.operations, err = newOperations(opened, at)
	if err == nil {
		b.users, err = opened.Users()
	}
	if err == nil {
		b.directory, err = signinconfig.Registrar(b.users)
	}
	if err != nil {
		opened.Close()
		return nil, err
	}
	return b, nil
}

func openSessions(ctx context.Context, at address) (*backend, error) {
	b, err := openUsers(ctx, at)
	if err != nil {
		return nil, err
	}
	if b.sessions, err = newSessions(b, b.log); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// find returns the user with that name. The name is as a person types it.
func (b *backend) find(ctx context.Context, name string) (*accounts.Account, error) {
	user, err := b.directory.Find(ctx, name)
	if errors.Is(err, accounts.ErrNotFound) {
		return nil, fmt.Errorf("there is no user %s; %s", named(name), checkTheName)
	}
	return user, err
}

// owner returns the user whose sessions are meant. One who signs in at an OpenID provider has
// sessions here and no account, so nothing but the user ID says who it is.
func (b *backend) owner(ctx context.Context, name string) (*accounts.Account, error) {
	if strings.HasPrefix(name, "openid:") && strings.Contains(name, "#") {
		if _, err := b.directory.Find(ctx, name); errors.Is(err, accounts.ErrNotFound) {
			return &accounts.Account{Name: name, UserID: name}, nil
		}
	}
	return b.find(ctx, name)
}

// openForNewUsers opens the users, and makes sure that users may be added.
func openForNewUsers(ctx context.Context, at address) (*backend, error) {
	b, err := openUsers(ctx, at)
	if err != nil {
		return nil, err
	}
	if err := b.directory.Prepare(ctx, b.AllUsers(ctx)); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// checkTheName is what to do when there is no user of a name.
const checkTheName = "check the name, the store and USERS_TABLE"

// close closes the stores at the end of a command that changes something. If what was done
// is not in the audit trail, the command has failed.
func (b *backend) close(failed *error) {
	*failed = errors.Join(*failed, b.operations.err())
	b.Close()
}

// endSessions ends every session of the user for that reason.
func (b *backend) endSessions(ctx context.Context, user *accounts.Account, reason string) error {
	if err := b.sessions.RevokeAll(b.because(ctx, reason), user.UserID); err != nil {
		return fmt.Errorf("some sessions may be left, run it again: %w", err)
	}
	return nil
}
