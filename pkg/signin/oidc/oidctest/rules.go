package oidctest

import (
	"context"
	"errors"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/oidc"
)

func everyFieldIsKept(p *checker) error {
	l := p.linked()
	p.end("End", l.ID, anHour, future, l)

	cut := newLink()
	cut.ExpiresAt = future.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))
	stored := cut
	stored.ExpiresAt = future
	p.link("Link with a time in milliseconds of another zone", cut, oidc.Link{}, nil)
	p.end("End", cut.ID, anHour.Add(999*time.Millisecond).In(time.FixedZone("", 3600)), future, stored)
	p.wantEnded("with a time in milliseconds of another zone", cut.ID, anHour)

	bare := newLink()
	bare.Session = session.Key{}
	p.link("Link without a session", bare, oidc.Link{}, nil)
	p.end("End", bare.ID, anHour, future, bare)
	return p.err
}

func idsAreComparedExactly(p *checker) error {
	l := newLink()
	l.ID = "a" + l.ID[1:]
	p.link("Link", l, oidc.Link{}, nil)
	for _, id := range []string{strings.ToUpper(l.ID), l.ID[:63], l.ID + "0", strings.Repeat("_", 64), "%", "*"} {
		other := anotherOf(id)
		p.wantEnded("with another ID", id, time.Time{})
		p.link("Link with another ID", other, oidc.Link{}, nil)
		p.end("End with another ID", id, anHour, future, other)
	}
	p.wantEnded("after End with other IDs", l.ID, time.Time{})
	p.end("End after End with other IDs", l.ID, anHour, future, l)
	return p.err
}

func aReplacedLinkComesBack(p *checker) error {
	l := p.linked()
	for range 3 {
		next := anotherOf(l.ID)
		next.ExpiresAt = l.ExpiresAt.Add(-time.Hour)
		p.link("Link of a taken ID", next, l, nil)
		l = next
		p.wantLink("after Link of a taken ID", l.ID, l)
	}
	p.end("End", l.ID, anHour, future, l)
	p.wantLink("after End", l.ID, l)
	p.wantLink("without a record", newID(), oidc.Link{})
	return p.err
}

func aLinkOfTheSameSession(p *checker) error {
	first := p.linked()
	p.link("the first Link again", first, oidc.Link{}, nil)
	second := anotherOf(first.ID)
	again := second
	again.ExpiresAt = second.ExpiresAt.Add(-time.Hour)
	p.link("Link of another session", second, first, nil)
	p.link("Link of that session again", second, first, nil)
	p.link("Link of that session with an earlier expiry", again, first, nil)
	longer := second
	longer.ExpiresAt = second.ExpiresAt.Add(time.Hour)
	p.link("Link of that session with a later expiry", longer, second, nil)
	p.link("Link of that session with a later expiry, again", longer, second, nil)
	alike := second
	alike.Session.Owner += "x"
	p.link("Link of a session of somebody else", alike, longer, nil)
	p.link("Link of the session before", second, alike, nil)
	p.end("End", first.ID, anHour, future, second)
	return p.err
}

func ofManyLinksEachIsReplacedOnce(p *checker) error {
	id := newID()
	links, before, errs := make([]oidc.Link, parallelCalls), make([]oidc.Link, parallelCalls), make([]error, parallelCalls)
	for i := range links {
		links[i] = anotherOf(id)
	}
	inParallel(parallelCalls, func(i int) { before[i], errs[i] = p.store.Link(p.ctx, links[i]) })
	for _, err := range errs {
		p.expect("Link among others", err, nil)
	}
	if p.err != nil {
		return p.err
	}
	last, err := p.store.End(p.ctx, id, anHour, future)
	p.expect("End after many Links", err, nil)
	seen := map[oidc.Link]int{}
	for _, l := range append(before, last) {
		seen[l]++
	}
	for _, l := range append(links, oidc.Link{}) {
		if seen[l] != 1 {
			p.failf("of many Links of one ID, and an End after them, %d returned the link %+v, want one", seen[l], l)
		}
	}
	return p.err
}

func aLinkAfterAnEndIsRefused(p *checker) error {
	l := newLink()
	p.end("End before Link", l.ID, anHour, future, oidc.Link{})
	for range 2 {
		p.link("Link after End", l, oidc.Link{}, oidc.ErrEnded)
	}
	p.end("End after a Link that was refused", l.ID, anHour, future, oidc.Link{})

	l = p.linked()
	p.end("End after Link", l.ID, anHour, future, l)
	p.link("the same Link after End", l, oidc.Link{}, oidc.ErrEnded)
	p.link("another Link after End", anotherOf(l.ID), oidc.Link{}, oidc.ErrEnded)
	p.end("End after a Link that was refused", l.ID, anHour, future, l)
	p.link("Link of another ID", newLink(), oidc.Link{}, nil)
	return p.err
}

func anEndLeavesTheLink(p *checker) error {
	l := p.linked()
	for i := range 3 {
		p.end("End", l.ID, anHour.Add(time.Duration(i)*time.Second), future, l)
	}
	return p.err
}

// aLinkAndAnEndSeeEachOther is what a notice of the provider during a sign-in stands on.
func aLinkAndAnEndSeeEachOther(p *checker) error {
	for range parallelCalls {
		l := newLink()
		var before, found oidc.Link
		var linkErr, endErr error
		inParallel(2, func(i int) {
			if i == 0 {
				before, linkErr = p.store.Link(p.ctx, l)
			} else {
				found, endErr = p.store.End(p.ctx, l.ID, anHour, future)
			}
		})
		p.expect("End beside Link", endErr, nil)
		p.wantEqual("Link beside End", before, oidc.Link{})
		if linkErr == nil {
			p.wantEqual("End after Link", found, l)
		} else {
			p.expect("Link beside End", linkErr, oidc.ErrEnded)
			p.wantEqual("End before Link", found, oidc.Link{})
		}
		p.end("End after both", l.ID, anHour, future, found)
		p.wantEnded("after both", l.ID, anHour)
	}
	return p.err
}

func anEndIsSeenAtOnce(p *checker) error {
	l := p.linked()
	p.wantEnded("without a record", newID(), time.Time{})
	p.wantEnded("before End", l.ID, time.Time{})
	p.end("End", l.ID, anHour, future, l)
	p.wantEnded("after End", l.ID, anHour)
	bare := newID()
	p.end("End without a link", bare, anHour, future, oidc.Link{})
	p.wantEnded("after End without a link", bare, anHour)
	return p.err
}

func laterTimesStay(p *checker) error {
	l := newLink()
	l.ExpiresAt = future.Add(-time.Hour)
	p.link("Link", l, oidc.Link{}, nil)
	p.end("End", l.ID, anHour, future.Add(-2*time.Hour), l)
	p.end("End of an earlier time", l.ID, anHour.Add(-time.Second), future, l)
	p.wantEnded("after End of an earlier time", l.ID, anHour)
	p.end("End of the same time", l.ID, anHour, future, l)
	p.end("End of a later time, for less long", l.ID, anHour.Add(time.Second), past, l)
	p.wantEnded("after End of a later time", l.ID, anHour.Add(time.Second))
	p.link("Link after all", l, oidc.Link{}, oidc.ErrEnded)
	return p.err
}

func theLastOfManyEndsStays(p *checker) error {
	l, errs := p.linked(), make([]error, parallelCalls)
	found := make([]oidc.Link, parallelCalls)
	inParallel(parallelCalls, func(i int) {
		n := time.Duration((i * 7) % parallelCalls)
		found[i], errs[i] = p.store.End(p.ctx, l.ID, anHour.Add(n*time.Second), future.Add(-n*time.Hour))
	})
	for i, err := range errs {
		p.expect("End among others", err, nil)
		p.wantEqual("End among others", found[i], l)
	}
	p.wantEnded("after many Ends", l.ID, anHour.Add((parallelCalls-1)*time.Second))
	return p.err
}

func anExpiredLinkIsNotThere(p *checker) error {
	old := newLink()
	old.ExpiresAt = past
	p.link("Link that has expired", old, oidc.Link{}, nil)
	p.link("Link that has expired, again", old, oidc.Link{}, nil)
	next := anotherOf(old.ID)
	for range 2 {
		p.link("Link after one that has expired", next, oidc.Link{}, nil)
	}
	p.end("End after Link after one that has expired", old.ID, anHour, future, next)

	old = newLink()
	old.ExpiresAt = past
	p.link("Link that has expired", old, oidc.Link{}, nil)
	for range 2 {
		p.wantLink("of a link that has expired", old.ID, oidc.Link{})
		p.end("End of a link that has expired", old.ID, anHour, future, oidc.Link{})
	}
	return p.err
}

func anExpiredEndIsNotThere(p *checker) error {
	l := newLink()
	p.end("End that has expired", l.ID, anHour, past, oidc.Link{})
	p.wantEnded("after End that has expired", l.ID, time.Time{})
	p.link("Link after End that has expired", l, oidc.Link{}, nil)
	p.wantEnded("after Link after End that has expired", l.ID, time.Time{})
	p.end("End that has expired, of a link that has not", l.ID, anHour, past, l)
	p.wantEnded("after End that has expired, of a link that has not", l.ID, time.Time{})
	p.end("End of an earlier time than one that has expired", l.ID, anHour.Add(-time.Hour), future, l)
	p.wantEnded("after it", l.ID, anHour.Add(-time.Hour))
	return p.err
}

func aCancelledContextIsAnOutage(p *checker) error {
	l := p.linked()
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"Link":  func() error { _, err := p.store.Link(ctx, newLink()); return err },
		"End":   func() error { _, err := p.store.End(ctx, l.ID, anHour, future); return err },
		"Ended": func() error { _, _, err := p.store.Ended(ctx, l.ID); return err },
	} {
		if err := call(); err == nil || errors.Is(err, oidc.ErrEnded) {
			p.failf("%s with a cancelled context returned the error %v, want an outage", name, err)
		}
	}
	return p.err
}
