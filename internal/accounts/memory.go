package accounts

import (
	"context"
	"sync"
)

// Memory is a [Store] inside the process, for `make run` and for tests.
type Memory struct {
	mu       sync.RWMutex
	accounts map[string]*Account
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{accounts: map[string]*Account{}} }

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, name string) (*Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	a, ok := m.accounts[name]
	if !ok {
		return nil, ErrNotFound
	}
	return a.clone(), nil
}

// Create implements [Store].
func (m *Memory) Create(ctx context.Context, a *Account) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.accounts[a.Name]; ok {
		return ErrExists
	}
	m.accounts[a.Name] = a.clone()
	return nil
}

// Rehash implements [Store].
func (m *Memory) Rehash(ctx context.Context, name, oldHash, newHash string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.accounts[name]
	if !ok || a.PasswordHash != oldHash {
		return ErrChanged
	}
	a.PasswordHash = newHash
	return nil
}
