// Package memaccounts keeps accounts, and the attempts to sign in to them, in the
// memory of one process. It is for tests and for trying the product.
//
// This package may still change in ways that break programs.
package memaccounts

import (
	"context"
	"maps"
	"sync"

	"example.com/coatcheck/pkg/accounts"
)

// Store is an [accounts.Store].
type Store struct {
	mu       sync.RWMutex
	accounts map[string]*accounts.Account
}

// New returns an empty store.
func New() *Store { return &Store{accounts: map[string]*accounts.Account{}} }

// Get implements [accounts.Store].
func (m *Store) Get(ctx context.Context, name string) (*accounts.Account, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	a, ok := m.accounts[name]
	if !ok {
		return nil, accounts.ErrNotFound
	}
	return a.Clone(), nil
}

// Create implements [accounts.Store].
func (m *Store) Create(ctx context.Context, a *accounts.Account) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.accounts[a.Name]; ok {
		return accounts.ErrExists
	}
	m.accounts[a.Name] = a.Clone()
	return nil
}

// Update implements [accounts.Store].
func (m *Store) Update(ctx context.Context, a *accounts.Account, newRevision string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.accounts[a.Name]
	if !ok || stored.Revision != a.Revision && stored.Revision != newRevision {
		return accounts.ErrChanged
	}
	next := a.Clone()
	next.Username, next.UserID, next.Revision = stored.Username, stored.UserID, newRevision
	m.accounts[a.Name] = next
	return nil
}

// SetPreferences implements [accounts.Store].
func (m *Store) SetPreferences(ctx context.Context, name, userID string, settings map[string]string, newRevision string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.accounts[name]
	if !ok || stored.UserID != userID {
		return accounts.ErrNotFound
	}
	if stored.Preferences == nil {
		stored.Preferences = map[string]string{}
	}
	maps.Copy(stored.Preferences, settings)
	stored.Revision = newRevision
	return nil
}

// Delete implements [accounts.Store].
func (m *Store) Delete(ctx context.Context, a *accounts.Account) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if stored, ok := m.accounts[a.Name]; ok && stored.Revision != a.Revision {
		return accounts.ErrChanged
	}
	delete(m.accounts, a.Name)
	return nil
}
