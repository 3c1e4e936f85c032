package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/coatcheck/pkg/session"
)

// The rules of this file are for a [session.CreateLister]. Every other store keeps them.

// createAndList calls CreateAndList, or Create if the store has no more, and then List if that
// is left to the caller. It returns the sessions by their IDs.
func (p *checker) createAndList(s *session.Session) (map[string]*session.Session, error) {
	all, err := p.createOrList(p.ctx, s)
	if err == nil && len(all) == 0 {
		all, err = p.store.List(p.ctx, s.Key().Owner)
	}
	found := map[string]*session.Session{}
	for _, s := range all {
		if s == nil {
			return nil, fmt.Errorf("there is a nil among the sessions")
		}
		found[s.ID] = s
	}
	if len(found) != len(all) {
		return nil, fmt.Errorf("there is a session twice")
	}
	return found, err
}

func (p *checker) createOrList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	if store, can := p.store.(session.CreateLister); can {
		return store.CreateAndList(ctx, s)
	}
	return nil, p.store.Create(ctx, s)
}

// createAndListReturnsAll has a user with a session that was touched, one that was updated,
// one that is dead, and one that was ended.
func createAndListReturnsAll(p *checker) error {
	touched := p.created()
	updated, dead, ended, made := sibling(touched), sibling(touched), sibling(touched), sibling(touched)
	dead.ExpiresAt = dead.LastSeenAt.Add(-time.Hour)
	for _, s := range []*session.Session{updated, dead, ended} {
		p.create("Create of a further session", s.Clone(), nil)
	}
	p.created() // another user's
	touched.LastSeenAt, touched.ExpiresAt = touched.LastSeenAt.Add(time.Minute), touched.ExpiresAt.Add(time.Minute)
	p.touch("Touch", touched.Key(), touched.LastSeenAt, touched.ExpiresAt, nil)
	u, next := changed(updated), newVersion()
	p.update("Update", u.Clone(), updated.LastSeenAt, next, nil)
	updated = written(updated, u, next)
	p.delete("Delete", ended.Key(), nil, ended.LastSeenAt, nil)
	if p.err != nil {
		return p.err
	}

	passed := made.Clone()
	found, err := p.createAndList(passed)
	p.expect("CreateAndList", err, nil)
	overwrite(passed)
	want := []*session.Session{touched, updated, dead, made}
	for _, s := range want {
		if p.err == nil {
			p.wantEqual("CreateAndList", found[s.ID], s)
		}
	}
	if len(found) != len(want) {
		p.failf("CreateAndList returned %d sessions of a user who then has %d", len(found), len(want))
	}
	for _, s := range found {
		overwrite(s)
	}
	for _, s := range want {
		p.wantStored("after CreateAndList, when what it returned was changed", s)
	}
	return p.err
}

func createAndListRefusesATakenKey(p *checker) error {
	s := p.created()
	other := changed(s)
	other.Version, other.ExpiresAt, other.IP = newVersion(), s.ExpiresAt.Add(time.Hour), "192.0.2.2"
	for _, again := range []*session.Session{s.Clone(), other} {
		all, err := p.createOrList(p.ctx, again)
		p.expect("CreateAndList of a taken key", err, session.ErrConflict)
		if len(all) > 0 {
			p.failf("CreateAndList of a taken key returned %d sessions, want none", len(all))
		}
	}
	p.wantStored("after the refused calls", s)
	return p.err
}

// createAndListSeesOthersAtOnce makes many sessions of one user at once. Of each two, the
// later one to be stored returns the other; so the last one returns all.
func createAndListSeesOthersAtOnce(p *checker) error {
	first := newSession()
	all := make([]*session.Session, parallelCalls)
	for i := range all {
		all[i] = sibling(first)
	}
	found := make([]map[string]*session.Session, len(all))
	for _, err := range inParallel(len(all), func(i int) (err error) {
		found[i], err = p.createAndList(all[i].Clone())
		return err
	}) {
		p.expect("CreateAndList among many at once", err, nil)
	}
	if p.err != nil {
		return p.err
	}
	for i := range all {
		for j := range i {
			if found[i][all[j].ID] == nil && found[j][all[i].ID] == nil {
				p.failf("of two sessions stored at once, neither CreateAndList returned the other")
			}
		}
	}
	if !slices.ContainsFunc(found, func(f map[string]*session.Session) bool { return len(f) == len(all) }) {
		p.failf("of %d sessions stored at once, no CreateAndList returned all", len(all))
	}
	return p.err
}
