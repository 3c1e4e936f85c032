// Package demo is the user for trying the product out.
package demo

import (
	"context"
	"errors"
	"fmt"

	"example.com/coatcheck/pkg/accounts"
)

// The demo user. The password is public: the user belongs on no server that others
// reach.
const (
	Username = "alice"
	Password = "correct horse battery staple"
)

// AddUser adds the demo user to the directory, unless she is there.
func AddUser(ctx context.Context, directory *accounts.Directory) error {
	_, err := directory.Register(ctx, Username, "Alice", []string{"member"}, Password)
	if err != nil && !errors.Is(err, accounts.ErrExists) {
		return fmt.Errorf("demo user: %w", err)
	}
	return nil
}
