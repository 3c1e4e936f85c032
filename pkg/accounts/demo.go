package accounts

import (
	"context"
	"errors"
	"fmt"
)

// The user for trying the product out. The password is public: the user belongs
// on no server that others reach.
const (
	DemoUser     = "alice"
	DemoPassword = "correct horse battery staple"
)

// AddDemo adds the demo user, unless she is there.
func (d *Directory) AddDemo(ctx context.Context) error {
	_, err := d.Register(ctx, DemoUser, "Alice", []string{"member"}, DemoPassword)
	if err != nil && !errors.Is(err, ErrExists) {
		return fmt.Errorf("demo user: %w", err)
	}
	return nil
}
