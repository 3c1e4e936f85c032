package storetest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/pkg/session"
)

func everyFieldIsKept(p *checker) error {
	s := p.created()
	p.wantStored("after Create", s)
	return p.err
}

func extremeValuesAreKept(p *checker) error {
	small, large := newSession(), newSession()
	small.Version = 1
	small.CreatedAt = small.CreatedAt.Truncate(time.Second).Add(time.Millisecond)

	large.Version = math.MaxInt64
	large.CreatedAt = large.CreatedAt.Truncate(time.Second).Add(999 * time.Millisecond)
	large.ExpiresAt = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	large.EndsAt = large.ExpiresAt
	small.AuthenticatedAt = time.Unix(0, 0).UTC() // nobody knows when
	large.UserID += strings.Repeat("u", 1000)
	large.UserAgent = strings.Repeat("a", 256)
	large.LastUserAgent = strings.Repeat("b", 256)
	large.IP = "fe80:1111:2222:3333:4444:5555:6666:7777%ethernet0"
	large.Values["bio"] = strings.Repeat("v", 3000)
	for i := range large.Secret {
		large.Secret[i] = 0xff
	}
	for _, s := range []*session.Session{small, large} {
		p.create("Create", s.Clone(), nil)
		p.wantStored("after Create", s)
	}
	return p.err
}

func emptyValuesAreKept(p *checker) error {
	absent, empty := newSession(), newSession()
	absent.Roles, absent.Values = nil, nil
	absent.IP, absent.UserAgent = "", ""
	absent.LastIP, absent.LastUserAgent = "", ""
	absent.PreviousSecret = [32]byte{}
	empty.Roles, empty.Values = []string{}, map[string]string{}
	absent.Persistent, absent.EndsAt = false, time.Time{}
	blank := newSession()
	blank.Values = map[string]string{"empty": "", "blank": " "}
	for _, s := range []*session.Session{absent, empty, blank} {
		p.create("Create", s.Clone(), nil)
		p.wantStored("after Create", s)
	}
	return p.err
}

func anyTextIsKept(p *checker) error {
	texts := []string{
		"Zoë", "Zoe\u0308", // the same letter as one code point and as two, which a store must not normalize
		"名前", "שם", "👩‍💻", "\U0010ffff", "\ufeffmark",
		"Key", "KEY", "key", " key", "key ",
		"a.b", "a,b", "a;b", "a|b", "a/b", "a:b", "#a", "$a", "a=b&c", `{"a":["b"]}`, `it's "quoted" \n`, "<b>", "100%_",
		"line\r\nline", "tab\t", "\x01\x1f\x7f", "null", "NaN", "0",
	}
	s := newSession()
	s.UserID += " " + strings.Join(texts, " ")
	s.UserAgent = strings.Repeat("é", 128)
	s.LastUserAgent = strings.Repeat("ë", 128)
	s.Roles = slices.Clone(texts)
	for _, text := range texts {
		s.Values[text] = text
	}
	p.create("Create", s.Clone(), nil)
	p.wantStored("after Create", s)

	u := changed(s)
	u.Roles, u.Values = texts[1:], maps.Clone(s.Values)
	delete(u.Values, texts[0])
	next := newVersion()
	p.update("Update", u.Clone(), s.LastSeenAt, next, nil)
	p.wantStored("after Update", written(s, u, next))
	return p.err
}

func anyNumberOfRolesIsKept(p *checker) error {
	for _, n := range []int{0, 1, 100} {
		s := newSession()
		s.Roles = nil
		for i := range n {
			s.Roles = append(s.Roles, fmt.Sprintf("role-%d", n-i))
		}
		p.create("Create", s.Clone(), nil)
		p.wantStored(fmt.Sprintf("after Create with %d roles", n), s)
	}
	return p.err
}

func createRefusesATakenKey(p *checker) error {
	s := p.created()
	p.create("Create of the same session again", s.Clone(), session.ErrConflict)
	other := changed(s)
	other.Version, other.ExpiresAt, other.IP = newVersion(), s.ExpiresAt.Add(time.Hour), "192.0.2.2"
	p.create("Create of another session with the same key", other, session.ErrConflict)
	p.wantStored("after the refused Creates", s)
	return p.err
}

func oneOfManyCreatesWins(p *checker) error {
	first := newSession()
	rivals := make([]*session.Session, parallelCalls)
	for i := range rivals {
		rivals[i] = changed(first)
		rivals[i].Version, rivals[i].ExpiresAt = newVersion(), first.ExpiresAt
	}
	errs := inParallel(parallelCalls, func(i int) error { return p.store.Create(p.ctx, rivals[i].Clone()) })
	winner := p.wantOneWinner("Create of one key at the same time", errs)
	p.wantStored("after the Creates", rivals[winner])
	return p.err
}
