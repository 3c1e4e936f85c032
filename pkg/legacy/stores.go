package legacy

import (
	"context"
	"errors"
)

// ErrNoRow means that a store has nothing under a key.
var ErrNoRow = errors.New("no such row")

// KeyValue is the store in which a monolith keeps sessions by keys, such as Redis.
type KeyValue interface {
	Get(ctx context.Context, key string) ([]byte, error) // ErrNoRow if there is none
	Delete(ctx context.Context, key string) error        // nil if there is none
}
