package bridgetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/session"
)

func everyFieldIsKept(p *checker) error {
	l := p.created()
	p.wantLink("after PutLink", l)

	cut := newLink()
	cut.At = anHour.Add(999 * time.Microsecond).In(time.FixedZone("", 3600))
	stored := cut
	stored.At = anHour
	p.put("PutLink with a time in microseconds of another zone", cut, stored, nil)
	p.wantLink("after PutLink with a time in microseconds", stored)

	bare := newLink()
	bare.Session, bare.At = session.Key{}, time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	p.put("PutLink without a session, in 1970", bare, bare, nil)
	p.wantLink("after PutLink without a session", bare)

	late := newLink()
	late.Ended, late.At = true, time.Date(2199, 12, 31, 23, 59, 59, 999e6, time.UTC)
	p.put("PutLink of an ended link, in 2199", late, late, nil)
	p.wantLink("after PutLink of an ended link", late)
	return p.err
}

func aMissingLinkIsErrNotFound(p *checker) error {
	l := newLink()
	p.wantNoLink("before PutLink", l.ID)
	p.put("PutLink", l, l, nil)
	p.wantNoLink("after PutLink of another", newLink().ID)
	return p.err
}

func idsAreComparedExactly(p *checker) error {
	l := p.created()
	others := []string{strings.ToUpper(l.ID), l.ID[:63], l.ID + "0", strings.Repeat("_", 64), "%", "*", ""}
	for _, id := range others {
		if id == l.ID {
			continue
		}
		p.wantNoLink("with another ID", id)
		p.delete("DeleteLink with another ID", id, l.Nonce)
	}
	p.wantLink("after DeleteLink with other IDs", l)
	upper := newLink()
	upper.ID = strings.ToUpper(l.ID)
	if upper.ID != l.ID {
		p.put("PutLink with the same ID in capitals", upper, upper, nil)
		p.wantLink("after PutLink in capitals", l)
	}
	return p.err
}

func aTakenLinkComesBack(p *checker) error {
	l, other := p.created(), newLink()
	other.ID, other.At, other.Ended = l.ID, l.At.Add(time.Hour), true
	p.put("PutLink of a taken ID", other, l, bridge.ErrExists)
	p.wantLink("after PutLink of a taken ID", l)
	return p.err
}

func aPutRecognisesItself(p *checker) error {
	l := p.created()
	p.put("PutLink with the same nonce", l, l, nil)
	p.wantLink("after PutLink with the same nonce", l)
	return p.err
}

func oneOfManyPutsWins(p *checker) error {
	id := newLink().ID
	links, stored, errs := make([]bridge.Link, parallelCalls), make([]bridge.Link, parallelCalls), make([]error, parallelCalls)
	for i := range links {
		links[i] = newLink()
		links[i].ID = id
	}
	inParallel(parallelCalls, func(i int) { stored[i], errs[i] = p.store.PutLink(p.ctx, links[i]) })
	winners, winner := 0, bridge.Link{}
	for i, err := range errs {
		if err == nil {
			winners, winner = winners+1, links[i]
		} else {
			p.expect("PutLink that lost", err, bridge.ErrExists)
		}
	}
	if winners != 1 {
		p.failf("%d of %d PutLinks of one ID succeeded instead of one", winners, parallelCalls)
	}
	for _, l := range stored {
		p.wantEqual("PutLink among others", l, winner)
	}
	p.wantLink("after many PutLinks", winner)
	return p.err
}

func deleteTakesTheRightNonce(p *checker) error {
	l, other := p.created(), p.created()
	for _, nonce := range []string{other.Nonce, "", strings.ToLower(l.Nonce), l.Nonce + " "} {
		p.delete("DeleteLink with another nonce", l.ID, nonce)
		p.wantLink("after DeleteLink with another nonce", l)
	}
	p.delete("DeleteLink", l.ID, l.Nonce)
	p.wantNoLink("after DeleteLink", l.ID)
	p.delete("DeleteLink of what is gone", l.ID, l.Nonce)
	p.wantNoLink("after the second DeleteLink", l.ID)
	p.wantLink("after DeleteLink of another link", other)
	again := newLink()
	again.ID = l.ID
	p.put("PutLink after DeleteLink", again, again, nil)
	return p.err
}

func anEndIsStored(p *checker) error {
	l := newLink()
	end := endOf(l)
	end.Session = l.Session // which no conversion has made
	p.end("EndLink of no link", end, bridge.Link{})
	p.wantLink("after EndLink of no link", ended(bridge.Link{}, end))

	l = p.created()
	end = endOf(l)
	p.end("EndLink", end, l)
	p.wantLink("after EndLink", ended(l, end))
	return p.err
}

func anEndKeepsTheSession(p *checker) error {
	l := p.created()
	first, second := endOf(l), endOf(l)
	second.Session = newLink().Session
	p.end("EndLink", first, l)
	p.end("a second EndLink", second, ended(l, first))
	p.wantLink("after the second EndLink", ended(l, second))
	p.end("EndLink, sent twice", second, ended(l, second))
	p.wantLink("after EndLink was sent twice", ended(l, second))
	return p.err
}

func anEndedLinkStays(p *checker) error {
	l := p.created()
	end := endOf(l)
	p.end("EndLink", end, l)
	p.delete("DeleteLink with the nonce from before EndLink", l.ID, l.Nonce)
	p.wantLink("after DeleteLink with the nonce from before EndLink", ended(l, end))
	p.put("PutLink of an ended link, sent again", l, ended(l, end), bridge.ErrExists)
	p.wantLink("after PutLink of an ended link", ended(l, end))
	return p.err
}

// aPutAndAnEndSeeEachOther is what a logout during a conversion stands on. A DeleteLink of
// the conversion comes too.
func aPutAndAnEndSeeEachOther(p *checker) error {
	for range parallelCalls {
		l := newLink()
		end := endOf(l)
		var stored, before bridge.Link
		var putErr, endErr, deleteErr error
		inParallel(3, func(i int) {
			switch i {
			case 0:
				stored, putErr = p.store.PutLink(p.ctx, l)
			case 1:
				before, endErr = p.store.EndLink(p.ctx, end)
			case 2:
				deleteErr = p.store.DeleteLink(p.ctx, l.ID, "another")
			}
		})
		p.expect("EndLink beside PutLink", endErr, nil)
		p.expect("DeleteLink beside both", deleteErr, nil)
		if putErr == nil {
			p.wantEqual("EndLink after PutLink", before, l)
		} else {
			p.expect("PutLink beside EndLink", putErr, bridge.ErrExists)
			p.wantEqual("EndLink before PutLink", before, bridge.Link{})
			p.wantEqual("PutLink after EndLink", stored, ended(bridge.Link{}, end))
		}
		p.wantLink("after both", ended(before, end))
	}
	return p.err
}

func aSealIsKept(p *checker) error {
	owner, other := newLink().Session.Owner, newLink().Session.Owner
	p.wantSeal("before PutSeal", owner, time.Time{})
	p.seal("PutSeal", owner, anHour.Add(999*time.Microsecond).In(time.FixedZone("", 3600)))
	p.wantSeal("after PutSeal", owner, anHour)
	p.wantSeal("after PutSeal of another owner", other, time.Time{})
	for _, alike := range []string{strings.ToUpper(owner), strings.ToLower(owner), owner[:21], owner + "A"} {
		if alike != owner {
			p.wantSeal("for another owner", alike, time.Time{})
		}
	}
	far := time.Date(2199, 12, 31, 23, 59, 59, 999e6, time.UTC)
	p.seal("PutSeal in 2199", other, far)
	p.wantSeal("after PutSeal in 2199", other, far)
	p.wantSeal("after PutSeal of another owner", owner, anHour)
	return p.err
}

func aLaterSealStays(p *checker) error {
	owner := newLink().Session.Owner
	p.seal("PutSeal", owner, anHour)
	p.seal("PutSeal of the same time", owner, anHour)
	p.seal("PutSeal of an earlier time", owner, anHour.Add(-time.Millisecond))
	p.wantSeal("after an earlier PutSeal", owner, anHour)
	p.seal("PutSeal of a later time", owner, anHour.Add(time.Millisecond))
	p.wantSeal("after a later PutSeal", owner, anHour.Add(time.Millisecond))
	return p.err
}

func theLastOfManySealsStays(p *checker) error {
	owner := newLink().Session.Owner
	errs := make([]error, parallelCalls)
	inParallel(parallelCalls, func(i int) {
		errs[i] = p.store.PutSeal(p.ctx, owner, anHour.Add(time.Duration((i*7)%parallelCalls)*time.Second))
	})
	for _, err := range errs {
		p.expect("PutSeal among others", err, nil)
	}
	p.wantSeal("after many PutSeals", owner, anHour.Add((parallelCalls-1)*time.Second))
	return p.err
}

func theFirstEndStays(p *checker) error {
	_, err := p.store.GetWindow(p.ctx)
	p.expect("GetWindow before OpenWindow", err, bridge.ErrNotFound)
	first := bridge.Window{EndsAt: anHour.Truncate(time.Second)}
	p.open("OpenWindow", anHour.In(time.FixedZone("", 3600)), first)
	p.open("OpenWindow with a later end", anHour.Add(time.Hour), first)
	p.open("OpenWindow with an earlier end", anHour.Add(-time.Hour), first)
	p.wantStoredWindow("after all", first)
	return p.err
}

func manyOpenOneWindow(p *checker) error {
	windows, errs := make([]bridge.Window, parallelCalls), make([]error, parallelCalls)
	inParallel(parallelCalls, func(i int) {
		windows[i], errs[i] = p.store.OpenWindow(p.ctx, anHour.Add(time.Duration(i)*time.Hour))
	})
	for i, err := range errs {
		p.expect("OpenWindow among others", err, nil)
		p.wantWindow("OpenWindow among others", windows[i], windows[0])
	}
	p.wantStoredWindow("after many", windows[0])
	return p.err
}

func closedIsForEver(p *checker) error {
	p.expect("CloseWindow before OpenWindow", p.store.CloseWindow(p.ctx), bridge.ErrNotFound)
	if _, err := p.store.GetWindow(p.ctx); p.err == nil {
		p.expect("GetWindow after CloseWindow of none", err, bridge.ErrNotFound)
	}
	end := anHour.Truncate(time.Second)
	closed := bridge.Window{EndsAt: end, Closed: true}
	p.open("OpenWindow", end, bridge.Window{EndsAt: end})
	for range 2 {
		if p.err == nil {
			p.expect("CloseWindow", p.store.CloseWindow(p.ctx), nil)
		}
		p.wantStoredWindow("after CloseWindow", closed)
	}
	p.open("OpenWindow after CloseWindow", end.Add(time.Hour), closed)
	p.wantStoredWindow("after OpenWindow of a closed one", closed)
	return p.err
}

func allLinksAreListed(p *checker) error {
	want := map[string]bridge.Link{}
	for i := range 5 * parallelCalls {
		l := p.created()
		want[l.ID] = l
		if i%5 == 0 {
			end := endOf(l)
			p.end("EndLink", end, l)
			want[l.ID] = ended(l, end)
		}
	}
	p.seal("PutSeal", newLink().Session.Owner, anHour)
	p.open("OpenWindow", anHour, bridge.Window{EndsAt: anHour.Truncate(time.Second)})
	deleted := p.created()
	p.delete("DeleteLink", deleted.ID, deleted.Nonce)
	if p.err != nil {
		return p.err
	}
	for range p.store.Links(p.ctx) {
		break // which a store must allow
	}
	for l, err := range p.store.Links(p.ctx) {
		p.expect("Links", err, nil)
		expected, ok := want[l.ID]
		if !ok {
			p.failf("Links returned the link %+v, which is not there, or twice", l)
		}
		p.wantEqual("Links", l, expected)
		delete(want, l.ID)
	}
	if len(want) > 0 {
		p.failf("Links left %d of %d links out", len(want), 5*parallelCalls)
	}
	return p.err
}

func aCancelledContextIsAnOutage(p *checker) error {
	l := p.created()
	p.open("OpenWindow", anHour, bridge.Window{EndsAt: anHour.Truncate(time.Second)})
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"PutLink":     func() error { _, err := p.store.PutLink(ctx, newLink()); return err },
		"GetLink":     func() error { _, err := p.store.GetLink(ctx, newLink().ID); return err },
		"DeleteLink":  func() error { return p.store.DeleteLink(ctx, l.ID, l.Nonce) },
		"EndLink":     func() error { _, err := p.store.EndLink(ctx, endOf(l)); return err },
		"PutSeal":     func() error { return p.store.PutSeal(ctx, l.Session.Owner, anHour) },
		"GetSeal":     func() error { _, err := p.store.GetSeal(ctx, l.Session.Owner); return err },
		"OpenWindow":  func() error { _, err := p.store.OpenWindow(ctx, anHour); return err },
		"GetWindow":   func() error { _, err := p.store.GetWindow(ctx); return err },
		"CloseWindow": func() error { return p.store.CloseWindow(ctx) },
		"Links": func() error {
			for _, err := range p.store.Links(ctx) {
				return err
			}
			return nil
		},
	} {
		if err := call(); err == nil || errors.Is(err, bridge.ErrExists) || errors.Is(err, bridge.ErrNotFound) {
			p.failf("%s with a cancelled context: want an outage, got %v", name, err)
		}
	}
	return p.err
}
