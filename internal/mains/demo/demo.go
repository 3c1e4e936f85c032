// Package demo contains the user for trying the product.
package demo

import (
	"context"
	"errors"
	"fmt"

	"example.com/coatcheck/pkg/accounts"
)

// The demo user. The password is public, so do not use this user on a server that
// other people can reach.
const (
	Username = "alice"
	Password = "correct horse battery staple"
)

// AddUser adds the demo user to the directory, if it is not there yet.
func AddUser(ctx context.Context, directory *accounts.Directory) error {
	_, err := directory.Register(ctx, Username, "Alice", []string{"member"}, Password)
	if err != nil && !errors.Is(err, accounts.ErrExists) {
		return fmt.Errorf("demo user: %w", err)
	}
	return nil
}
