package storetest

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"example.com/coatcheck/pkg/session"
)

func deleteTakesTheRightSecret(p *probe) error {
	for what, secret := range map[string]func(*session.Session) *[32]byte{
		"the current secret":  func(s *session.Session) *[32]byte { return &s.Secret },
		"the previous secret": func(s *session.Session) *[32]byte { return &s.PreviousSecret },
		"no secret":           func(*session.Session) *[32]byte { return nil },
	} {
		s := p.created()
		bystander := sibling(s)
		p.create("Create of a second session", bystander.Clone(), nil)
		p.delete("Delete with "+what, s.Key(), secret(s), s.LastSeenAt, nil)
		p.gone("after Delete with "+what, s.Key())
		p.holds("after Delete of another session", bystander)
		p.delete("a second Delete with "+what, s.Key(), secret(s), s.LastSeenAt, session.ErrNoSession)
	}
	return p.err
}

func deleteRefusesAWrongSecret(p *probe) error {
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
		p.holds("after Delete with "+what, s)
		p.delete("Delete of a dead session with "+what, s.Key(), secret, s.ExpiresAt, session.ErrNoSession)
		p.holds("after Delete of a dead session with "+what, s)
	}
	u, next := changed(s), newVersion()
	p.update("Update of the secrets", u.Clone(), s.LastSeenAt, next, nil)
	p.delete("Delete with the secret before the previous", s.Key(), &s.PreviousSecret, s.LastSeenAt, session.ErrNoSession)
	p.holds("after Delete with the secret before the previous", written(s, u, next))
	p.delete("Delete with the secret that was just replaced", s.Key(), &s.Secret, s.LastSeenAt, nil)
	p.gone("after Delete with the secret that was just replaced", s.Key())
	return p.err
}

func deleteRemovesTheDead(p *probe) error {
	for _, withSecret := range []bool{false, true} {
		s := p.created()
		secret := &s.Secret
		if !withSecret {
			secret = nil
		}
		p.delete("Delete of a dead session", s.Key(), secret, s.ExpiresAt.Add(time.Minute), session.ErrNoSession)
		p.gone("after Delete of a dead session", s.Key())
	}
	return p.err
}

// deleteWinsEveryRace deletes sessions while others touch and update them.
func deleteWinsEveryRace(p *probe) error {
	return cmp.Or(atOnce(crowd, func(int) error {
		p := &probe{ctx: p.ctx, store: p.store}
		s := p.created()
		var over atomic.Bool
		var writers [3]error
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() { writers[i] = p.writeUntil(&over, s.Key(), i == 0) })
		}
		// By the time that a write of its own is through, the others are under way.
		p.touch("Touch while others wrote", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
		p.delete("Delete while others wrote", s.Key(), &s.Secret, s.LastSeenAt, nil)
		p.gone("after Delete, while others wrote", s.Key())
		over.Store(true)
		wg.Wait()
		p.gone("after Delete and the writes that crossed it", s.Key())
		p.expect("Touch or Update that crossed a Delete", cmp.Or(writers[:]...), nil)
		return p.err
	})...)
}

// writeUntil updates or touches the session until it is gone, or all is over.
func (p *probe) writeUntil(over *atomic.Bool, key session.Key, update bool) error {
	for !over.Load() {
		s, err := p.store.Get(p.ctx, key)
		switch {
		case err != nil:
		case s == nil:
			err = errors.New("Get returned neither a session nor an error")
		case update:
			s.ExpiresAt = time.Time{}
			err = p.store.Update(p.ctx, s, s.LastSeenAt, newVersion())
		default:
			err = p.store.Touch(p.ctx, key, s.LastSeenAt.Add(time.Second), s.ExpiresAt.Add(time.Second))
		}
		if errors.Is(err, session.ErrNoSession) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
