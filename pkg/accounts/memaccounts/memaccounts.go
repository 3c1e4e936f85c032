// Package memaccounts keeps accounts, and the attempts to sign in to them, in the
// memory of one process. It is for tests and for trying the product.
//
// This package may still change in ways that break programs.
package memaccounts

import (
	"context"
	"iter"
	"maps"
	"sync"
	"time"

	"example.com/coatcheck/pkg/accounts"
)

// Store is an [accounts.Registry].
type Store struct {
	mu       sync.RWMutex
	accounts map[string]*accounts.Account
	claims   map[string]string // holders by key
}

// New returns an empty store.
func New() *Store {
	return &Store{accounts: map[string]*accounts.Account{}, claims: map[string]string{}}
}

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

// Create implements [accounts.Registry].
func (m *Store) Create(ctx context.Context, a *accounts.Account) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holder(a.Name) != "" {
		return accounts.ErrExists
	}
	added := a.Clone()
	added.Attributes = nil
	m.accounts[a.Name] = added
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
	next.UserID, next.Attributes, next.Revision = stored.UserID, nil, newRevision
	next.CreatedAt, next.LastUsedAt = stored.CreatedAt, stored.LastUsedAt
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

// SetLastUsed implements [accounts.UseStore].
func (m *Store) SetLastUsed(ctx context.Context, name, userID string, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, ok := m.accounts[name]
	if !ok || stored.UserID != userID {
		return accounts.ErrNotFound
	}
	if at = at.UTC().Truncate(time.Second); at.After(stored.LastUsedAt) {
		stored.LastUsedAt = at
	}
	return nil
}

// Delete implements [accounts.Registry].
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

// Claim implements [accounts.Registry].
func (m *Store) Claim(ctx context.Context, key, holder string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.accounts[key] != nil || m.claims[key] != "" && m.claims[key] != holder {
		return accounts.ErrExists
	}
	m.claims[key] = holder
	return nil
}

// FindID implements [accounts.Store] by [accounts.FindByClaim].
func (m *Store) FindID(ctx context.Context, userID string) (*accounts.Account, error) {
	return accounts.FindByClaim(ctx, m, userID)
}

// Holder implements [accounts.Registry].
func (m *Store) Holder(ctx context.Context, key string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if holder := m.holder(key); holder != "" {
		return holder, nil
	}
	return "", accounts.ErrNotFound
}

// holder returns the holder of the key, or "". The caller holds the lock.
func (m *Store) holder(key string) string {
	if m.accounts[key] != nil {
		return key
	}
	return m.claims[key]
}

// PassClaim implements [accounts.Registry].
func (m *Store) PassClaim(ctx context.Context, key, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	holder := m.claims[key]
	if m.accounts[key] != nil || holder != from && holder != to {
		return accounts.ErrChanged
	}
	if m.claims[key] = to; to == "" {
		delete(m.claims, key)
	}
	return nil
}

// All returns every account, in no order. It returns the accounts that exist when the
// call is made.
func (m *Store) All(context.Context) iter.Seq2[*accounts.Account, error] {
	return func(yield func(*accounts.Account, error) bool) {
		m.mu.RLock()
		all := make([]*accounts.Account, 0, len(m.accounts))
		for _, a := range m.accounts {
			all = append(all, a.Clone())
		}
		m.mu.RUnlock()
		for _, a := range all {
			if !yield(a, nil) {
				return
			}
		}
	}
}
