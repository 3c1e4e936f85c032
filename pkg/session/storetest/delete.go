package storetest

import (
	"time"

	"example.com/coatcheck/pkg/session"
)

func deleteTakesTheRightSecret(p *checker) error {
	for what, secret := range map[string]func(*session.Session) *[32]byte{
		"the current secret":  func(s *session.Session) *[32]byte { return &s.Secret },
		"the previous secret": func(s *session.Session) *[32]byte { return &s.PreviousSecret },
		"no secret":           func(*session.Session) *[32]byte { return nil },
	} {
		s := p.created()
		unrelated := sibling(s)
		p.create("Create of a second session", unrelated.Clone(), nil)
		p.delete("Delete with "+what, s.Key(), secret(s), s.LastSeenAt, nil)
		p.wantGone("after Delete with "+what, s.Key())
		p.wantStored("after Delete of another session", unrelated)
		p.delete("a second Delete with "+what, s.Key(), secret(s), s.LastSeenAt, session.ErrNoSession)
	}
	return p.err
}

func deleteNamesTheUser(p *checker) error {
	for _, withSecret := range []bool{false, true} {
		s := p.created()
		secret := &s.Secret
		if !withSecret {
			secret = nil
		}
		if p.err == nil {
			userID, err := p.store.Delete(p.ctx, s.Key(), secret, s.LastSeenAt)
			if p.expect("Delete", err, nil); userID != s.UserID {
				p.failf("Delete of a session of user %q returned the user ID %q", s.UserID, userID)
			}
		}
	}
	return p.err
}

// oneOfManyDeletesRemoves counts the Deletes that name the user. One that does not has been
// sent twice by the driver, and cannot know whether it was the first.
func oneOfManyDeletesRemoves(p *checker) error {
	for what, secret := range map[string]func(*session.Session) *[32]byte{
		"a secret":  func(s *session.Session) *[32]byte { return &s.Secret },
		"no secret": func(*session.Session) *[32]byte { return nil },
	} {
		s := p.created()
		names := make([]string, parallelCalls)
		errs := inParallel(parallelCalls, func(i int) (err error) {
			names[i], err = p.store.Delete(p.ctx, s.Key(), secret(s), s.LastSeenAt)
			return err
		})
		removed := 0
		for i, err := range errs {
			if names[i] != "" {
				removed++
			}
			if err != nil {
				p.expect("Delete that removed nothing", err, session.ErrNoSession)
			}
		}
		if removed > 1 {
			p.failf("%d of %d Deletes with %s at the same time removed one session", removed, parallelCalls, what)
		}
		p.wantGone("after the Deletes", s.Key())
	}
	return p.err
}

func deleteRefusesAWrongSecret(p *checker) error {
	s := p.created()
	random, oneBit := newSecret(), s.Secret
	oneBit[31] ^= 1
	for what, secret := range map[string]*[32]byte{
		"a random secret":      &random,
		"one bit changed":      &oneBit,
		"the zero secret":      {},
		"that of another user": &p.created().Secret,
	} {
		p.delete("Delete with "+what, s.Key(), secret, s.LastSeenAt, session.ErrNoSession)
		p.wantStored("after Delete with "+what, s)
		p.delete("Delete of a dead session with "+what, s.Key(), secret, s.ExpiresAt, session.ErrNoSession)
		p.wantStored("after Delete of a dead session with "+what, s)
	}
	u, next := changed(s), newVersion()
	p.update("Update of the secrets", u.Clone(), s.LastSeenAt, next, nil)
	p.delete("Delete with the secret before the previous", s.Key(), &s.PreviousSecret, s.LastSeenAt, session.ErrNoSession)
	p.wantStored("after Delete with the secret before the previous", written(s, u, next))
	p.delete("Delete with the secret that was just replaced", s.Key(), &s.Secret, s.LastSeenAt, nil)
	p.wantGone("after Delete with the secret that was just replaced", s.Key())
	return p.err
}

func deleteRemovesTheDead(p *checker) error {
	for _, withSecret := range []bool{false, true} {
		s := p.created()
		secret := &s.Secret
		if !withSecret {
			secret = nil
		}
		p.delete("Delete of a dead session", s.Key(), secret, s.ExpiresAt.Add(time.Minute), session.ErrNoSession)
		p.wantGone("after Delete of a dead session", s.Key())
	}
	return p.err
}

// deleteWinsEveryRace runs a Delete at the same time as an Update and many Touches.
// In each round the Delete has another position among them.
func deleteWinsEveryRace(p *checker) error {
	for place := range parallelCalls {
		s := p.created()
		errs := inParallel(parallelCalls, func(i int) error {
			switch i {
			case place:
				p.delete("Delete among other writes", s.Key(), &s.Secret, s.LastSeenAt, nil)
				p.wantGone("after Delete among other writes", s.Key())
				return nil
			case (place + parallelCalls/2) % parallelCalls:
				return p.store.Update(p.ctx, changed(s), s.LastSeenAt, newVersion())
			}
			later := time.Duration(i+1) * time.Second
			return p.store.Touch(p.ctx, s.Key(), s.LastSeenAt.Add(later), s.ExpiresAt.Add(later), lastIP, lastUserAgent)
		})
		for _, err := range errs {
			if err != nil {
				p.expect("Touch or Update around a Delete", err, session.ErrNoSession)
			}
		}
		p.wantGone("after Delete and the writes that crossed it", s.Key())
	}
	return p.err
}
