package audittest

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"example.com/coatcheck/pkg/audit"
)

func everyFieldIsKept(p *checker) error {
	full := newEntry("u", anHour)
	bare := audit.Entry{UserID: "u", At: anHour.Add(-time.Millisecond), ID: newID(), Event: "user_updated", ExpiresAt: future}
	empty := newEntry("u", anHour.Add(-2*time.Millisecond))
	empty.Details = map[string]string{"before": ""}
	p.append(full, bare, empty)
	p.wantList("of entries with every field, and without", "u", 10, full, bare, empty)
	p.wantAll("of entries with every field, and without", full, bare, empty)
	return p.err
}

// oddTexts are texts that some databases, encodings and patterns change or take for
// something else.
var oddTexts = []string{
	"é", "e\u0301", "É", "ß", "ss", "日本語", "🧥", "\U0010FFFF", "\uFFFF", "\uFFFD", "\uFEFF", "\u2028", "\u200b",
	" a", "a ", "a", "A", "a\tb\nc\rd", "\x01\x1f\x7f", `"\'`, "<&>", "%", "_", "*", "?", "[a]", "{a}", "a:b", "a#b", "2026", "null", "0", "1e3", "-", "::",
}

func anyTextIsKept(p *checker) error {
	var all []audit.Entry
	for _, text := range oddTexts {
		e := audit.Entry{
			UserID: text, At: anHour, ID: newID(), Event: text, SessionID: text, IP: text, UserAgent: text, Reason: text, Actor: text,
			Details: map[string]string{text: text, text + text: "", "x": text}, ExpiresAt: future,
		}
		p.append(e)
		all = append(all, e)
	}
	for _, e := range all {
		p.wantList("of a user with an odd ID", e.UserID, 10, e)
	}
	p.wantAll("of users with odd IDs", all...)
	return p.err
}

func nothingIsNoError(p *checker) error {
	p.wantList("of an empty store", "u", 10)
	p.wantAll("of an empty store")
	p.append(newEntry("another", anHour))
	p.wantList("of a user without entries", "u", 10)
	return p.err
}

// oddTimes returns times of which an order by text, by parts of a time or by whole seconds is
// another one; newest first.
func oddTimes() []time.Time {
	times := []time.Time{anHour, anHour.Truncate(time.Second)}
	for _, t := range []string{
		"2026-11-27T00:00:00Z", "2026-11-26T23:59:59.999Z", "2026-11-26T12:30:45.009Z", "2026-11-26T12:30:45.010Z", "2026-11-26T12:30:45.1Z",
		"2026-10-31T23:00:00Z", "2026-09-30T00:00:00Z", "2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2099-01-01T00:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339Nano, t)
		if err != nil {
			panic(err) // cannot happen
		}
		times = append(times, at)
	}
	slices.SortFunc(times, func(a, b time.Time) int { return b.Compare(a) })
	return times
}

func theNewestComeFirst(p *checker) error {
	var all []audit.Entry
	for _, at := range oddTimes() {
		all = append(all, newEntry("u", at))
	}
	for i := range all {
		p.append(all[i*5%len(all)])
	}
	p.wantList("of entries that came in another order", "u", 100, all...)
	return p.err
}

func theLimitIsKept(p *checker) error {
	all := history("u", 7)
	p.append(all...)
	for _, limit := range []int{1, 3, 6, 7, 8, 1000} {
		p.wantList("with a limit", "u", limit, all[:min(limit, len(all))]...)
	}
	return p.err
}

func pagesJoin(p *checker) error {
	all := history("u", 11)
	p.append(all...)
	p.append(history("v", 3)...)
	for _, size := range []int{1, 3, 4, 11, 20} {
		for i, before := 0, ""; i < len(all) && p.err == nil; i += size {
			want := all[i:min(i+size, len(all))]
			p.wantEqual("a page of List", p.list("u", before, size), want)
			before = want[len(want)-1].Key()
		}
	}
	p.wantEqual("List before the oldest entry", p.list("u", all[10].Key(), 5), nil)

	newer := newEntry("u", anHour.Add(time.Minute))
	p.append(newer)
	p.wantEqual("List before an entry, after a newer one was added", p.list("u", all[1].Key(), 2), all[2:4])
	absent := newEntry("u", all[4].At.Add(time.Second))
	p.wantEqual("List before an entry that is not there", p.list("u", absent.Key(), 2), all[4:6])
	absent.At = anHour.Add(time.Hour)
	p.wantEqual("List before an entry that is newer than all", p.list("u", absent.Key(), 2), []audit.Entry{newer, all[0]})
	return p.err
}

func oneInstantHasManyEntries(p *checker) error {
	var all []audit.Entry
	for _, first := range "zYa_Z90-" { // in the order of their bytes, last first: z a _ Z Y 9 0 -
		e := newEntry("u", anHour)
		e.ID = string(first) + e.ID[1:]
		all = append(all, e)
	}
	p.append(all...)
	slices.SortFunc(all, func(a, b audit.Entry) int { return strings.Compare(b.ID, a.ID) })
	p.wantList("of entries of one instant", "u", 10, all...)
	p.wantAll("of entries of one instant", all...)
	for i := range all[1:] {
		p.wantEqual("a page of List within one instant", p.list("u", all[i].Key(), 1), all[i+1:i+2])
	}
	return p.err
}

func usersHaveEntriesOfTheirOwn(p *checker) error {
	var all []audit.Entry
	users := []string{"u", "U", "uu", "u#", "u:u", "u%", "u*", "openid:https://id.example.com#123", "openid:https://id.example.com#12"}
	one := newID()
	for _, user := range users {
		entries := history(user, 3)
		entries[0].ID = one // the same time and ID for different users are different entries
		p.append(entries...)
		all = append(all, entries...)
	}
	for i, user := range users {
		p.wantList("of a user", user, 10, all[3*i:3*i+3]...)
		p.wantEqual("List of a user before another one's entry", p.list(user, all[(3*i+3)%len(all)].Key(), 10), all[3*i+1:3*i+3])
	}
	p.wantAll("of several users", all...)
	return p.err
}

// largeEntriesAreKept takes more than 1 MB, which DynamoDB has in a page.
func largeEntriesAreKept(p *checker) error {
	text := strings.Repeat(rand.Text(), 250_000/26)
	all := append(history("u", 5), history("v", 2)...)
	for i := range all {
		all[i].Details = map[string]string{"text": text}
	}
	p.append(all...)
	p.wantList("of large entries", "u", 10, all[:5]...)
	p.wantList("of large entries, with a limit", "u", 5, all[:5]...)
	p.wantAll("of large entries", all...)
	return p.err
}

func anEntryNeverChanges(p *checker) error {
	e := newEntry("u", anHour)
	p.append(e, e)
	p.wantList("after the same Append twice", "u", 10, e)
	p.wantAll("after the same Append twice", e)
	for _, change := range []func(*audit.Entry){
		func(e *audit.Entry) { e.Event = "user_updated" },
		func(e *audit.Entry) { e.Details = map[string]string{"other": "x"} },
		func(e *audit.Entry) { e.ExpiresAt = future.Add(time.Hour) },
		func(e *audit.Entry) { e.ExpiresAt = future.Add(-time.Hour) },
	} {
		other := e
		change(&other)
		if p.err == nil {
			_ = p.store.Append(p.ctx, other) // it may be refused
		}
		p.wantList("after an Append of another entry with the same Key", "u", 10, e)
		p.wantAll("after an Append of another entry with the same Key", e)
	}
	return p.err
}

func manyAtOnceAreAllKept(p *checker) error {
	all, errs := make([]audit.Entry, parallelCalls), make([]error, parallelCalls)
	for i := range all {
		all[i] = newEntry("u", anHour.Add(time.Duration(i%2)*time.Millisecond))
	}
	inParallel(parallelCalls, func(i int) { errs[i] = p.store.Append(p.ctx, all[i]) })
	for _, err := range errs {
		p.expect("Append among others", err)
	}
	p.wantAll("after many Appends at once", all...)
	slices.SortFunc(all, func(a, b audit.Entry) int { return strings.Compare(b.Key(), a.Key()) })
	p.wantList("after many Appends at once", "u", 100, all...)
	return p.err
}

func anExpiredEntryIsNotThere(p *checker) error {
	var living []audit.Entry
	for i, e := range history("u", 30) {
		if i%3 != 2 {
			e.ExpiresAt = past
		} else {
			living = append(living, e)
		}
		p.append(e)
	}
	old := newEntry("v", anHour)
	old.ExpiresAt = past
	p.append(old)
	p.wantList("of expired entries alone", "v", 10)
	p.wantList("of expired entries and others", "u", 100, living...)
	p.wantList("of expired entries and others, with a limit", "u", 4, living[:4]...)
	p.wantEqual("List of expired entries and others, from the second page on", p.list("u", living[3].Key(), 4), living[4:8])
	p.wantAll("of expired entries and others", living...)
	return p.err
}

func allCanBeLeft(p *checker) error {
	p.append(history("u", 5)...)
	p.append(history("v", 5)...)
	if p.err != nil {
		return p.err
	}
	n := 0
	for _, err := range p.store.All(p.ctx) {
		p.expect("All", err)
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		p.failf("a loop over All that ends early had %d rounds, want 3", n)
	}
	return p.err
}

func aCancelledContextIsAnOutage(p *checker) error {
	p.append(history("u", 1)...)
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"Append": func() error { return p.store.Append(ctx, newEntry("u", anHour)) },
		"List":   func() error { _, err := p.store.List(ctx, "u", "", 10); return err },
		"All": func() (last error) {
			for _, err := range p.store.All(ctx) {
				last = err
			}
			return last
		},
	} {
		if call() == nil {
			p.failf("%s with a cancelled context returned no error", name)
		}
	}
	return p.err
}
