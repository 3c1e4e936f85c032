package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/coatcheck/pkg/session"
)

func aMissingSessionIsErrNoSession(p *checker) error {
	present := p.created()
	for _, s := range []*session.Session{newSession(), sibling(present)} {
		p.wantMissing("without a Create", s.Key())
		p.update("Update without a Create", changed(s), s.LastSeenAt, newVersion(), session.ErrNoSession)
		p.touch("Touch without a Create", s.Key(), s.LastSeenAt.Add(time.Minute), s.ExpiresAt.Add(time.Minute), session.ErrNoSession)
		p.delete("Delete without a Create", s.Key(), nil, s.LastSeenAt, session.ErrNoSession)
		p.delete("Delete with a secret, without a Create", s.Key(), &s.Secret, s.LastSeenAt, session.ErrNoSession)
		p.wantGone("after writes without a Create", s.Key())
	}
	p.wantStored("after writes to missing sessions", present)
	return p.err
}

// keysAreComparedExactly looks for a session under keys that a store might confuse
// with the right one. Such a key has another case, is cut or longer, has a wildcard
// of SQL, or has the boundary between owner and ID moved.
func keysAreComparedExactly(p *checker) error {
	s, twin, stranger := p.created(), newSession(), p.created()
	twin.UserID, twin.ID = s.UserID, swapCase(s.ID)
	p.create("Create of an ID that differs in case only", twin.Clone(), nil)
	p.wantStored("beside an ID that differs in case only", s)
	p.wantStored("beside an ID that differs in case only", twin)

	owner, id := s.Key().Owner, s.ID
	for _, wrong := range lookalikes(owner) {
		p.list("for a similar owner", wrong)
		p.wantAbsent(session.Key{Owner: wrong, ID: id}, s)
	}
	for _, wrong := range lookalikes(id)[1:] {
		p.wantAbsent(session.Key{Owner: owner, ID: wrong}, s)
	}
	p.wantAbsent(session.Key{Owner: owner + id[:1], ID: id[1:]}, s)
	p.wantAbsent(session.Key{Owner: owner[:len(owner)-1], ID: owner[len(owner)-1:] + id}, s)
	p.wantAbsent(session.Key{Owner: id, ID: owner}, s)
	p.wantAbsent(session.Key{Owner: stranger.Key().Owner, ID: id}, s)

	p.wantStored("after writes to similar keys", s)
	p.wantStored("after writes to similar keys", twin)
	p.wantStored("after writes to similar keys", stranger)
	return p.err
}

// lookalikes returns texts that are similar to s. The first one has its case
// swapped.
func lookalikes(s string) []string {
	last := len(s) - 1
	wildcard := "_"
	if s[last] == '_' {
		wildcard = "-"
	}
	return []string{swapCase(s), s[:last], s[:1], s + "A", s + s, s[:last] + wildcard}
}

// wantAbsent checks that Get, Touch and Delete find no session under the key.
func (p *checker) wantAbsent(key session.Key, like *session.Session) {
	name := fmt.Sprintf("with the key %q instead of %q", key, like.Key())
	p.wantMissing(name, key)
	p.touch("Touch "+name, key, like.LastSeenAt.Add(time.Minute), like.ExpiresAt.Add(time.Minute), session.ErrNoSession)
	p.delete("Delete "+name, key, nil, like.LastSeenAt, session.ErrNoSession)
}

func listHoldsOneUsersSessions(p *checker) error {
	ann := []*session.Session{p.created()}
	bob := []*session.Session{p.created()}
	for range 2 {
		ann = append(ann, sibling(ann[0]))
		p.create("Create of a further session", ann[len(ann)-1].Clone(), nil)
	}
	for _, user := range [][]*session.Session{ann, bob} {
		for _, s := range user {
			p.wantStored("beside another user's sessions", s)
		}
		if all := p.list("of a user", user[0].Key().Owner); len(all) != len(user) {
			p.failf("List returned %d sessions of a user who has %d", len(all), len(user))
		}
	}
	return p.err
}

func listIsComplete(p *checker) error {
	const total, atATime = 1000, 32
	sessions := make([]*session.Session, total)
	sessions[0] = newSession()
	for i := 1; i < total; i++ {
		sessions[i] = sibling(sessions[0])
	}
	errs := make([]error, total)
	slots := make(chan struct{}, atATime)
	var wg sync.WaitGroup
	for i, s := range sessions {
		slots <- struct{}{}
		wg.Go(func() {
			errs[i] = p.store.Create(p.ctx, s.Clone())
			<-slots
		})
	}
	wg.Wait()
	p.expect("Create of one of 1,000 sessions", cmp.Or(errs...), nil)

	found := make(map[string]*session.Session)
	all := p.list("of 1,000 sessions", sessions[0].Key().Owner)
	for _, s := range all {
		found[s.ID] = s
	}
	if len(all) != total || len(found) != total {
		p.failf("List returned %d sessions, %d of them different, of a user who has %d", len(all), len(found), total)
	}
	for _, s := range sessions {
		if p.err == nil {
			p.wantEqual("List of 1,000 sessions", found[s.ID], s)
		}
	}
	if p.err == nil {
		found, err := p.createAndList(sibling(sessions[0]))
		p.expect("CreateAndList of one more session", err, nil)
		if p.err == nil && len(found) != total+1 {
			p.failf("CreateAndList returned %d sessions of a user who then has %d", len(found), total+1)
		}
	}
	return p.err
}

func deadSessionsAreShown(p *checker) error {
	s := newSession()
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	s.ExpiresAt, s.LastSeenAt, s.AuthenticatedAt = end, end.Add(-time.Hour), end.Add(-time.Hour)
	s.CreatedAt = end.Add(-time.Hour)
	p.create("Create", s.Clone(), nil)
	p.wantStored("a minute after ExpiresAt", s)
	return p.err
}

func sessionsAreCopies(p *checker) error {
	s := newSession()
	passed := s.Clone()
	p.create("Create", passed, nil)
	overwrite(passed)
	p.wantStored("after the session handed to Create was changed", s)

	u, next := changed(s), newVersion()
	passed = u.Clone()
	p.update("Update", passed, s.LastSeenAt, next, nil)
	overwrite(passed)
	s = written(s, u, next)
	p.wantStored("after the session handed to Update was changed", s)

	if p.err == nil {
		got, err := p.store.Get(p.ctx, s.Key())
		p.expect("Get", err, nil)
		overwrite(got)
	}
	p.wantStored("after the session that Get returned was changed", s)
	for _, listed := range p.list("of a user", s.Key().Owner) {
		overwrite(listed)
	}
	p.wantStored("after the sessions that List returned were changed", s)
	return p.err
}

// overwrite changes every part of s that the store could share with the caller.
func overwrite(s *session.Session) {
	if s == nil {
		return
	}
	for i := range s.Roles {
		s.Roles[i] = "spoiled"
	}
	for k := range s.Values {
		s.Values[k] = "spoiled"
	}
	s.Version, s.IP = -1, "spoiled"
}

func aCancelledContextIsAnOutage(p *checker) error {
	s, other := p.created(), newSession()
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	outage := func(what string, err error) {
		switch {
		case err == nil:
			p.failf("%s with a cancelled context: want an error, got none", what)
		case errors.Is(err, session.ErrNoSession), errors.Is(err, session.ErrConflict):
			p.failf("%s with a cancelled context: want an outage, got: %w", what, err)
		}
	}
	later := s.LastSeenAt.Add(time.Minute)
	_, err := p.store.Get(ctx, s.Key())
	outage("Get", err)
	_, err = p.store.Get(ctx, other.Key())
	outage("Get of a missing session", err)
	_, err = p.store.List(ctx, s.Key().Owner)
	outage("List", err)
	outage("Create", p.store.Create(ctx, other.Clone()))
	outage("Create of a taken key", p.store.Create(ctx, s.Clone()))
	if all, err := p.createOrList(ctx, other.Clone()); len(all) > 0 {
		p.failf("CreateAndList with a cancelled context returned sessions")
	} else {
		outage("CreateAndList", err)
	}
	outage("Update", p.store.Update(ctx, changed(s), later, newVersion()))
	outage("Touch", p.store.Touch(ctx, s.Key(), later, s.ExpiresAt.Add(time.Minute), lastIP, lastUserAgent))
	_, err = p.store.Delete(ctx, s.Key(), nil, later)
	outage("Delete", err)
	return p.err
}
