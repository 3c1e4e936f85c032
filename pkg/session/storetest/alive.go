package storetest

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
)

func touchMovesTheTimesOnly(p *checker) error {
	s, unrelated := p.created(), newSession()
	unrelated.UserID = s.UserID
	p.create("Create of a second session", unrelated.Clone(), nil)
	for _, later := range []time.Duration{time.Second, time.Hour} {
		s.ExpiresAt = s.ExpiresAt.Add(later)
		s.LastSeenAt = s.LastSeenAt.Add(time.Second)
		p.touch("Touch", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
		p.wantStored("after Touch", s)
	}
	s.LastSeenAt = s.LastSeenAt.Add(time.Second)
	p.touch("Touch with the stored ExpiresAt", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
	p.wantStored("after Touch with the stored ExpiresAt", s)
	p.wantStored("after Touch of another session", unrelated)
	return p.err
}

// touchKeepsTheClient sets the last client to others, of any length and to none.
func touchKeepsTheClient(p *checker) error {
	s := p.created()
	for _, client := range []struct{ ip, userAgent string }{
		{"2001:db8::7", "other/1.0"},
		{"2001:db8::7", "Zoë's \"browser\"; 名前"},
		{"fe80:1111:2222:3333:4444:5555:6666:7777%ethernet0", strings.Repeat("é", 128)},
		{"192.0.2.3", ""},
		{"", "other/1.0"},
		{"", ""},
	} {
		s.LastSeenAt, s.ExpiresAt = s.LastSeenAt.Add(time.Second), s.ExpiresAt.Add(time.Second)
		s.LastIP, s.LastUserAgent = client.ip, client.userAgent
		what := fmt.Sprintf("Touch with the address %q and the browser %q", client.ip, client.userAgent)
		p.touchBy(what, s.Key(), s.LastSeenAt, s.ExpiresAt, client.ip, client.userAgent, nil)
		p.wantStored("after "+what, s)
	}
	return p.err
}

func touchNeverGoesBack(p *checker) error {
	s := p.created()
	for _, move := range []struct{ seen, expires time.Duration }{
		{-time.Second, -time.Second},
		{-time.Second, 0},
		{-time.Second, time.Hour},
		{0, time.Hour},
		{time.Second, -time.Second},
		{-24 * time.Hour, 24 * time.Hour},
	} {
		what := fmt.Sprintf("Touch with now moved by %v and expires by %v from what is stored", move.seen, move.expires)
		p.touchBy(what, s.Key(), s.LastSeenAt.Add(move.seen), s.ExpiresAt.Add(move.expires), "192.0.2.9", "late/1.0", nil)
		p.wantStored("after "+what, s)
	}
	for range 8 { // a store with this mistake may pass one round by chance
		seen, expires := s.LastSeenAt, s.ExpiresAt
		errs := inParallel(parallelCalls, func(i int) error {
			later := time.Duration(i+1) * time.Second
			return p.store.Touch(p.ctx, s.Key(), seen.Add(later), expires.Add(later), lastIP, lastUserAgent)
		})
		p.expect("Touch while others were under way", cmp.Or(errs...), nil)
		s.LastSeenAt, s.ExpiresAt = seen.Add(parallelCalls*time.Second), expires.Add(parallelCalls*time.Second)
		p.wantStored("after many Touches at the same time", s)
	}
	return p.err
}

func nothingRevivesADeletedSession(p *checker) error {
	s := p.created()
	p.delete("Delete", s.Key(), nil, s.LastSeenAt, nil)
	p.wantGone("after Delete", s.Key())
	p.wantRefused("after Delete", s, s.LastSeenAt.Add(time.Minute))
	p.wantGone("after Update and Touch of a deleted session", s.Key())
	p.delete("a second Delete", s.Key(), nil, s.LastSeenAt, session.ErrNoSession)
	return p.err
}

func nothingRevivesADeadSession(p *checker) error {
	s := p.created()
	p.wantRefused("of a dead session", s, s.ExpiresAt.Add(time.Hour))
	p.wantStored("after Update and Touch of a dead session", s)
	return p.err
}

// wantRefused checks that no Update or Touch finds s alive at now.
func (p *checker) wantRefused(when string, s *session.Session, now time.Time) {
	u := changed(s)
	p.update("Update "+when, u.Clone(), now, newVersion(), session.ErrNoSession)
	u.Version ^= 1
	p.update("Update of another version "+when, u.Clone(), now, newVersion(), session.ErrNoSession)
	u.Version, u.ExpiresAt = s.Version, now.Add(time.Hour)
	p.update("Update with ExpiresAt "+when, u.Clone(), now, newVersion(), session.ErrNoSession)
	p.touchBy("Touch "+when, s.Key(), now, now.Add(time.Hour), "192.0.2.9", "late/1.0", session.ErrNoSession)
}

// deadFromExpiresAtOn tests times within a second of ExpiresAt, in distant time
// zones.
func deadFromExpiresAtOn(p *checker) error {
	east, west := time.FixedZone("east", 14*60*60), time.FixedZone("west", -12*60*60)
	s := p.created()
	before := s.ExpiresAt.Add(-time.Millisecond).In(east)
	u, next := changed(s), newVersion()
	p.update("Update a millisecond before ExpiresAt", u.Clone(), before, next, nil)
	s = written(s, u, next)
	s.LastSeenAt = s.ExpiresAt.Add(-time.Second)
	p.touch("Touch a second before ExpiresAt", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
	p.wantStored("after Update and Touch just before ExpiresAt", s)
	p.delete("Delete a millisecond before ExpiresAt", s.Key(), nil, before, nil)

	for _, late := range []time.Duration{0, time.Millisecond, time.Second} {
		s := p.created()
		when := fmt.Sprintf("%v after ExpiresAt", late)
		p.wantRefused(when, s, s.ExpiresAt.Add(late).In(west))
		p.wantStored("after Update and Touch "+when, s)
		p.delete("Delete "+when, s.Key(), nil, s.ExpiresAt.Add(late).In(west), session.ErrNoSession)
	}
	return p.err
}

// noClockIsRead passes an earlier time to the methods, for a session that ended a
// minute ago.
func noClockIsRead(p *checker) error {
	s := newSession()
	s.ExpiresAt = time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	s.LastSeenAt = s.ExpiresAt.Add(-time.Hour)
	p.create("Create", s.Clone(), nil)
	s.LastSeenAt = s.LastSeenAt.Add(time.Minute)
	p.touch("Touch, told an earlier time than today", s.Key(), s.LastSeenAt, s.ExpiresAt, nil)
	u, next := changed(s), newVersion()
	p.update("Update, told an earlier time than today", u.Clone(), s.LastSeenAt, next, nil)
	p.wantStored("after Touch and Update", written(s, u, next))
	p.delete("Delete, told an earlier time than today", s.Key(), nil, s.LastSeenAt, nil)

	s = p.created()
	p.delete("Delete, told a later time than today", s.Key(), nil, s.ExpiresAt.Add(time.Minute), session.ErrNoSession)
	return p.err
}
