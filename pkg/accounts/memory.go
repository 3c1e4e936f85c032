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

// Update implements [Store].
func (m *Memory) Update(ctx context.Context, a *Account, newRevision string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.accounts[a.Name]
	if !ok || stored.Revision != a.Revision && stored.Revision != newRevision {
		return ErrChanged
	}
	next := a.clone()
	next.Username, next.UserID, next.Revision = stored.Username, stored.UserID, newRevision
	m.accounts[a.Name] = next
	return nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, a *Account) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if stored, ok := m.accounts[a.Name]; ok && stored.Revision != a.Revision {
		return ErrChanged
	}
	delete(m.accounts, a.Name)
	return nil
}
