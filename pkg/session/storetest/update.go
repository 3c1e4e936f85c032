package storetest

import (
	"cmp"
	"fmt"
	"time"

	"example.com/coatcheck/pkg/session"
)

func updateReplacesWhatItNames(p *checker) error {
	s := p.created()
	u, next := changed(s), newVersion()
	p.update("Update", u.Clone(), s.LastSeenAt, next, nil)
	s = written(s, u, next)
	p.wantStored("after Update", s)

	u, next = changed(s), newVersion()
	u.Roles, u.Values = nil, nil
	p.update("Update without Roles and Values", u.Clone(), s.LastSeenAt, next, nil)
	p.wantStored("after Update without Roles and Values", written(s, u, next))
	return p.err
}

func updateLeavesTheRest(p *checker) error {
	s, unrelated := p.created(), newSession()
	unrelated.UserID, unrelated.Version = s.UserID, s.Version
	p.create("Create of a second session", unrelated.Clone(), nil)
	u, next := changed(s), newVersion()
	u.CreatedAt, u.LastSeenAt = s.CreatedAt.Add(time.Minute), s.LastSeenAt.Add(time.Minute)
	u.IP, u.UserAgent = "192.0.2.9", "another"
	u.LastIP, u.LastUserAgent = "192.0.2.9", "another"
	u.Persistent, u.EndsAt = false, time.Time{}
	p.update("Update", u, s.LastSeenAt, next, nil)
	p.wantStored("after Update", written(s, u, next))
	p.wantStored("after Update of another session", unrelated)
	return p.err
}

func updateWithoutExpiryLeavesTheTimes(p *checker) error {
	s := p.created()
	u, next := changed(s), newVersion()
	u.AuthenticatedAt, u.EndsAt = s.AuthenticatedAt.Add(time.Minute), s.EndsAt.Add(time.Minute)
	p.update("Update without ExpiresAt", u, s.LastSeenAt, next, nil)
	s = written(s, u, next)
	p.wantStored("after Update without ExpiresAt", s)

	u, next = changed(s), newVersion()
	u.EndsAt = time.Time{}
	p.update("Update without ExpiresAt and EndsAt", u, s.LastSeenAt, next, nil)
	p.wantStored("after Update without ExpiresAt and EndsAt", written(s, u, next))
	return p.err
}

func updateWithExpiryReplacesTheTimes(p *checker) error {
	s := p.created()
	for _, by := range []time.Duration{time.Hour, -time.Minute} {
		u, next := changed(s), newVersion()
		u.AuthenticatedAt, u.ExpiresAt = s.AuthenticatedAt.Add(by), s.ExpiresAt.Add(by)
		u.LastSeenAt = s.LastSeenAt.Add(time.Minute)
		p.update("Update with ExpiresAt", u.Clone(), s.LastSeenAt, next, nil)
		s = written(s, u, next)
		s.AuthenticatedAt, s.ExpiresAt = u.AuthenticatedAt, u.ExpiresAt
		p.wantStored(fmt.Sprintf("after Update with an ExpiresAt moved by %v", by), s)
	}
	return p.err
}

// updateWithExpiryReplacesTheEnd drops EndsAt, as a reauthentication does, also where there
// was none; then it sets one, and moves it.
func updateWithExpiryReplacesTheEnd(p *checker) error {
	s := p.created()
	for _, ends := range []time.Time{{}, {}, s.EndsAt.Add(time.Hour), s.EndsAt.Add(-time.Minute), {}} {
		u, next := changed(s), newVersion()
		u.ExpiresAt, u.EndsAt = s.ExpiresAt.Add(time.Second), ends
		p.update("Update with ExpiresAt", u.Clone(), s.LastSeenAt, next, nil)
		s = written(s, u, next)
		s.ExpiresAt, s.EndsAt = u.ExpiresAt, u.EndsAt
		p.wantStored(fmt.Sprintf("after Update with an ExpiresAt and the EndsAt %v", ends), s)
	}
	s.LastSeenAt = s.LastSeenAt.Add(time.Second)
	p.touch("Touch of a session without EndsAt", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
	p.wantStored("after Touch of a session without EndsAt", s)
	return p.err
}

func updateComparesVersions(p *checker) error {
	s := p.created()
	for _, wrong := range []int64{s.Version ^ 1, newVersion()} {
		u := changed(s)
		u.Version = wrong
		p.update("Update of another version", u, s.LastSeenAt, newVersion(), session.ErrConflict)
		u.AuthenticatedAt, u.ExpiresAt = s.AuthenticatedAt.Add(time.Minute), s.ExpiresAt.Add(time.Minute)
		p.update("Update of another version, with ExpiresAt", u, s.LastSeenAt, newVersion(), session.ErrConflict)
		p.wantStored("after the refused Updates", s)
	}
	return p.err
}

func oneOfManyUpdatesWins(p *checker) error {
	s := p.created()
	rivals := make([]*session.Session, parallelCalls)
	versions := make([]int64, parallelCalls)
	for i := range rivals {
		rivals[i], versions[i] = changed(s), newVersion()
	}
	errs := inParallel(parallelCalls, func(i int) error {
		return p.store.Update(p.ctx, rivals[i].Clone(), s.LastSeenAt, versions[i])
	})
	winner := p.wantOneWinner("Update of one version at the same time", errs)
	p.wantStored("after the Updates", written(s, rivals[winner], versions[winner]))
	return p.err
}

func updateKnowsItsOwnRetry(p *checker) error {
	s := p.created()
	u, next := changed(s), newVersion()
	p.update("Update", u.Clone(), s.LastSeenAt, next, nil)
	p.update("the same Update again", u.Clone(), s.LastSeenAt, next, nil)
	s = written(s, u, next)
	p.wantStored("after the same Update twice", s)

	s.LastSeenAt, s.ExpiresAt = s.LastSeenAt.Add(time.Minute), s.ExpiresAt.Add(time.Minute)
	p.touch("Touch", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
	p.update("the same Update again, after a Touch", u.Clone(), s.LastSeenAt, next, nil)
	p.wantStored("after the same Update again, after a Touch", s)
	return p.err
}

func updateKnowsNoOtherWrite(p *checker) error {
	s := p.created()
	u, next := changed(s), newVersion()
	p.update("Update", u.Clone(), s.LastSeenAt, next, nil)
	over := written(s, u, next)
	u2, next2 := changed(over), newVersion()
	p.update("a second Update", u2.Clone(), s.LastSeenAt, next2, nil)
	p.update("the first Update again, after a second", u.Clone(), s.LastSeenAt, next, session.ErrConflict)
	p.wantStored("after the refused Update", written(over, u2, next2))
	return p.err
}

// updateAndTouchKeepEachOthersWork runs an Update and a Touch one after the other,
// then at the same time.
func updateAndTouchKeepEachOthersWork(p *checker) error {
	s := p.created()
	u, next := changed(s), newVersion()
	s.LastSeenAt, s.ExpiresAt = s.LastSeenAt.Add(time.Minute), s.ExpiresAt.Add(time.Minute)
	p.touch("Touch", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
	p.update("Update by a request that read the session before the Touch", u.Clone(), s.LastSeenAt, next, nil)
	s = written(s, u, next)
	p.wantStored("after Touch and Update", s)

	for round := range parallelCalls {
		u, next := changed(s), newVersion()
		seen, expires := s.LastSeenAt.Add(time.Second), s.ExpiresAt.Add(time.Second)
		errs := inParallel(2, func(i int) error {
			if i == round%2 { // Update and Touch take turns in starting first
				return p.store.Update(p.ctx, u.Clone(), s.LastSeenAt, next)
			}
			return p.store.Touch(p.ctx, s.Key(), seen, expires, lastIP, lastUserAgent)
		})
		p.expect("Update and Touch at the same time", cmp.Or(errs...), nil)
		s = written(s, u, next)
		s.LastSeenAt, s.ExpiresAt = seen, expires
		p.wantStored("after an Update and a Touch at the same time", s)
	}
	return p.err
}
