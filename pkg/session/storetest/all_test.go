package storetest

import (
	"context"
	"iter"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

func TestAll(t *testing.T) {
	RunAll(t, func(*testing.T) (session.Store, func(context.Context) iter.Seq2[*session.Session, error]) {
		store := memstore.New()
		return store, store.All
	})
}

// What goes through the sessions wrongly is caught.
func TestBrokenAllIsCaught(t *testing.T) {
	type all = func(context.Context) iter.Seq2[*session.Session, error]
	for says, broken := range map[string]func(*memstore.Store) all{
		"were not among all": func(store *memstore.Store) all { // it has only the first pages
			return func(ctx context.Context) iter.Seq2[*session.Session, error] {
				return func(yield func(*session.Session, error) bool) {
					n := 0
					for s, err := range store.All(ctx) {
						if n++; n > 500 || !yield(s, err) {
							return
						}
					}
				}
			}
		},
		"cancelled context": func(store *memstore.Store) all { // it ends as if it had seen all
			return func(context.Context) iter.Seq2[*session.Session, error] { return store.All(context.Background()) }
		},
		"Roles": func(store *memstore.Store) all { // it leaves fields out
			return func(ctx context.Context) iter.Seq2[*session.Session, error] {
				return func(yield func(*session.Session, error) bool) {
					for s, err := range store.All(ctx) {
						if s != nil {
							s.Roles = nil
						}
						if !yield(s, err) {
							return
						}
					}
				}
			}
		},
	} {
		store := memstore.New()
		if err := checkAll(t.Context(), store, broken(store)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
	}
}
