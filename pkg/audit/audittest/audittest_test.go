package audittest

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/text/unicode/norm"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/memaudit"
)

// store is a correct store, except for the calls that are set.
type store struct {
	append func(context.Context, audit.Entry) error
	list   func(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error)
	all    func(context.Context) iter.Seq2[audit.Entry, error]
}

func (s *store) Append(ctx context.Context, e audit.Entry) error { return s.append(ctx, e) }
func (s *store) List(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
	return s.list(ctx, userID, before, limit)
}
func (s *store) All(ctx context.Context) iter.Seq2[audit.Entry, error] { return s.all(ctx) }

// broken returns a function that makes a store with one mistake: what change sets. Good is
// the store behind it.
func broken(change func(s *store, good audit.Store)) func() audit.Store {
	return func() audit.Store {
		good := memaudit.New()
		s := &store{good.Append, good.List, good.All}
		change(s, good)
		return s
	}
}

// changed makes a store that changes what Append is given, and so what is stored.
func changed(change func(*audit.Entry)) func() audit.Store {
	return broken(func(s *store, good audit.Store) {
		s.append = func(ctx context.Context, e audit.Entry) error {
			e.Details = maps.Clone(e.Details)
			change(&e)
			return good.Append(ctx, e)
		}
	})
}

// read makes a store that changes what List is asked, and what it answers. Either may be nil.
func read(ask func(userID, before *string, limit *int), answer func([]audit.Entry) []audit.Entry) func() audit.Store {
	return broken(func(s *store, good audit.Store) {
		s.list = func(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
			if ask != nil {
				ask(&userID, &before, &limit)
			}
			list, err := good.List(ctx, userID, before, limit)
			if answer != nil {
				list = answer(list)
			}
			return list, err
		}
	})
}

// kept makes a store that keeps the entries in a slice, which put changes as Append is
// called, and answers by what of them is to be seen.
func kept(put func(all []audit.Entry, e audit.Entry) []audit.Entry, seen func(audit.Entry) bool) func() audit.Store {
	return broken(func(s *store, _ audit.Store) {
		var mu sync.Mutex
		var all []audit.Entry
		s.append = func(_ context.Context, e audit.Entry) error {
			mu.Lock()
			defer mu.Unlock()
			all = put(all, e)
			return nil
		}
		s.list = func(_ context.Context, userID, before string, limit int) (list []audit.Entry, err error) {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range all {
				if e.UserID == userID && (before == "" || e.Key() < before) && seen(e) {
					list = append(list, e)
				}
			}
			slices.SortFunc(list, func(a, b audit.Entry) int { return strings.Compare(b.Key(), a.Key()) })
			return list[:min(limit, len(list))], nil
		}
		s.all = func(context.Context) iter.Seq2[audit.Entry, error] {
			return func(yield func(audit.Entry, error) bool) {
				for _, e := range all {
					if seen(e) && !yield(e, nil) {
						return
					}
				}
			}
		}
	})
}

func everything(audit.Entry) bool { return true }

// all makes a store that changes what All returns.
func all(change func([]audit.Entry) []audit.Entry) func() audit.Store {
	return broken(func(s *store, good audit.Store) {
		s.all = func(ctx context.Context) iter.Seq2[audit.Entry, error] {
			var all []audit.Entry
			for e := range good.All(ctx) {
				all = append(all, e)
			}
			return func(yield func(audit.Entry, error) bool) {
				for _, e := range change(all) {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
	})
}

func size(e audit.Entry) int { return len(fmt.Sprint(e)) }

// firstPage returns the entries that fit into 1 MB.
func firstPage(entries []audit.Entry) (page []audit.Entry) {
	sum := 0
	for _, e := range entries {
		if sum += size(e); sum < 1<<20 {
			page = append(page, e)
		}
	}
	return page
}

// slow makes a store that reads the list of a user, waits, and writes it with one more.
func slow() func() audit.Store {
	return broken(func(s *store, good audit.Store) {
		var mu sync.Mutex
		lists := map[string][]audit.Entry{}
		read := func(userID string) []audit.Entry {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(lists[userID])
		}
		s.append = func(_ context.Context, e audit.Entry) error {
			list := read(e.UserID)
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			lists[e.UserID] = append(list, e)
			return nil
		}
		s.all = func(context.Context) iter.Seq2[audit.Entry, error] {
			return func(yield func(audit.Entry, error) bool) {
				for _, e := range slices.Concat(slices.Collect(maps.Values(lists))...) {
					yield(e, nil)
				}
			}
		}
	})
}

// brokenStores returns stores that are correct except for one mistake. The keys are the
// names of the rules that must find the mistakes.
func brokenStores() map[string]map[string]func() audit.Store {
	appending := func(all []audit.Entry, e audit.Entry) []audit.Entry { return append(all, e) }
	oldestFirst := func(list []audit.Entry) []audit.Entry { slices.Reverse(list); return list }
	return map[string]map[string]func() audit.Store{
		"every field is kept": {
			"lost details":     changed(func(e *audit.Entry) { e.Details = nil }),
			"no empty details": changed(func(e *audit.Entry) { maps.DeleteFunc(e.Details, func(_, v string) bool { return v == "" }) }),
			"no actor":         changed(func(e *audit.Entry) { e.Actor = "" }),
			"a mark for nothing": changed(func(e *audit.Entry) {
				if e.SessionID == "" {
					e.SessionID = "-"
				}
			}),
			"whole seconds": changed(func(e *audit.Entry) { e.At = e.At.Truncate(time.Second) }),
			"32 bits":       changed(func(e *audit.Entry) { e.ExpiresAt = time.Unix(int64(int32(e.ExpiresAt.Unix())), 0).UTC() }),
			"local time": read(nil, func(list []audit.Entry) []audit.Entry {
				for i := range list {
					list[i].At = list[i].At.In(time.FixedZone("", 60))
				}
				return list
			}),
			"other details by All": all(func(all []audit.Entry) []audit.Entry {
				for i := range all {
					all[i].Details = nil
				}
				return all
			}),
		},
		"any text is kept": {
			"blanks around":  changed(func(e *audit.Entry) { e.UserAgent = strings.TrimSpace(e.UserAgent) }),
			"normalized":     changed(func(e *audit.Entry) { e.Reason = norm.NFC.String(e.Reason) }),
			"ASCII":          changed(func(e *audit.Entry) { e.Actor = strings.ToValidUTF8(strings.Map(ascii, e.Actor), "?") }),
			"16 bits":        changed(func(e *audit.Entry) { e.Event = strings.Map(basic, e.Event) }),
			"HTML":           changed(func(e *audit.Entry) { e.IP = strings.ReplaceAll(e.IP, "<", `\u003c`) }),
			"no line ends":   changed(func(e *audit.Entry) { e.SessionID = strings.ReplaceAll(e.SessionID, "\r", "\n") }),
			"IDs in one set": changed(func(e *audit.Entry) { e.UserID = strings.ToLower(e.UserID) }),
			"IDs as patterns": broken(func(s *store, good audit.Store) {
				s.list = func(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
					list, err := good.List(ctx, userID, before, limit)
					if userID == "%" || userID == "*" {
						for e := range good.All(ctx) {
							list = append(list, e)
						}
					}
					return list, err
				}
			}),
		},
		"nothing is no error": {"not found": broken(func(s *store, good audit.Store) {
			s.list = func(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
				list, err := good.List(ctx, userID, before, limit)
				if len(list) == 0 {
					err = os.ErrNotExist
				}
				return list, err
			}
		})},
		"the newest come first": {
			"the oldest first": read(nil, oldestFirst),
			"as they came": broken(func(s *store, _ audit.Store) {
				var all []audit.Entry
				s.append = func(_ context.Context, e audit.Entry) error { all = append(all, e); return nil }
				s.list = func(context.Context, string, string, int) ([]audit.Entry, error) { return oldestFirst(all), nil }
			}),
			"times without leading zeros": read(nil, func(list []audit.Entry) []audit.Entry {
				slices.SortFunc(list, func(a, b audit.Entry) int { return strings.Compare(short(b.At), short(a.At)) })
				return list
			}),
		},
		"the limit is kept": {
			"one more":     read(func(_, _ *string, limit *int) { *limit++ }, nil),
			"five at most": read(func(_, _ *string, limit *int) { *limit = min(*limit, 5) }, nil),
			"no limit":     read(func(_, _ *string, limit *int) { *limit = 1000 }, nil),
			"the oldest of it": broken(func(s *store, good audit.Store) {
				s.list = func(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
					list, err := good.List(ctx, userID, before, 1000)
					return list[max(0, len(list)-limit):], err
				}
			}),
		},
		"pages join": {
			"the entry itself again": read(func(_, before *string, _ *int) {
				if *before != "" {
					*before += "~"
				}
			}, nil),
			"before is ignored": read(func(_, before *string, _ *int) { *before = "" }, nil),
			"only before what is there": broken(func(s *store, good audit.Store) {
				s.list = func(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
					list, err := good.List(ctx, userID, "", 1000)
					i := 0
					if before != "" {
						i = slices.IndexFunc(list, func(e audit.Entry) bool { return e.Key() == before }) + 1
					}
					return list[i:min(len(list), i+limit)], err
				}
			}),
		},
		"one instant has many entries": {
			"the time is the key": kept(func(all []audit.Entry, e audit.Entry) []audit.Entry {
				return append(slices.DeleteFunc(all, func(other audit.Entry) bool { return other.At == e.At }), e)
			}, everything),
			"before is a time": read(func(_, before *string, _ *int) { *before, _, _ = strings.Cut(*before, "#") }, nil),
			"in any case": read(nil, func(list []audit.Entry) []audit.Entry {
				slices.SortFunc(list, func(a, b audit.Entry) int { return strings.Compare(strings.ToLower(b.Key()), strings.ToLower(a.Key())) })
				return list
			}),
		},
		"users have entries of their own": {
			"others' too": broken(func(s *store, good audit.Store) {
				s.list = func(ctx context.Context, userID, before string, limit int) (list []audit.Entry, err error) {
					for e := range good.All(ctx) {
						if strings.HasPrefix(e.UserID, userID) && (before == "" || e.Key() < before) {
							list = append(list, e)
						}
					}
					slices.SortFunc(list, func(a, b audit.Entry) int { return strings.Compare(b.Key(), a.Key()) })
					return list[:min(len(list), limit)], nil
				}
			}),
			"one key for all": kept(func(all []audit.Entry, e audit.Entry) []audit.Entry {
				if slices.ContainsFunc(all, func(other audit.Entry) bool { return other.Key() == e.Key() }) {
					return all
				}
				return append(all, e)
			}, everything),
		},
		"large entries are kept": {
			"one page of List": read(nil, firstPage),
			"one page of All":  all(firstPage),
			"cut texts": changed(func(e *audit.Entry) {
				for name, text := range e.Details {
					e.Details[name] = text[:min(len(text), 1<<16)]
				}
			}),
		},
		"an entry never changes": {
			"the last one stays": kept(func(all []audit.Entry, e audit.Entry) []audit.Entry {
				return append(slices.DeleteFunc(all, func(other audit.Entry) bool { return other.UserID == e.UserID && other.Key() == e.Key() }), e)
			}, everything),
			"both stay": kept(appending, everything),
			"a second one is refused": broken(func(s *store, good audit.Store) {
				seen := map[string]bool{}
				s.append = func(ctx context.Context, e audit.Entry) error {
					if seen[e.Key()] {
						return os.ErrExist
					}
					seen[e.Key()] = true
					return good.Append(ctx, e)
				}
			}),
		},
		"many at once are all kept": {"the last list stays": slow()},
		"an expired entry is not there": {
			"it waits for its removal": kept(appending, everything),
			"the limit counts it": broken(func(s *store, _ audit.Store) {
				every := kept(appending, everything)()
				s.append = every.Append
				s.list = func(ctx context.Context, userID, before string, limit int) ([]audit.Entry, error) {
					list, err := every.List(ctx, userID, before, limit)
					return slices.DeleteFunc(list, expired), err
				}
			}),
			"All shows it": broken(func(s *store, good audit.Store) {
				every := kept(appending, everything)()
				s.append = func(ctx context.Context, e audit.Entry) error {
					every.Append(ctx, e)
					return good.Append(ctx, e)
				}
				s.all = every.All
			}),
		},
		"All can be left": {"it goes on": broken(func(s *store, good audit.Store) {
			s.all = func(ctx context.Context) iter.Seq2[audit.Entry, error] {
				return func(yield func(audit.Entry, error) bool) {
					left := false
					for e, err := range good.All(ctx) {
						left = left || !yield(e, err)
						if left {
							yield(e, err) // panics
						}
					}
				}
			}
		})},
		"a cancelled context is an outage": {
			"Append goes on": broken(func(s *store, good audit.Store) {
				s.append = func(ctx context.Context, e audit.Entry) error { return good.Append(context.WithoutCancel(ctx), e) }
			}),
			"All goes on": broken(func(s *store, good audit.Store) {
				s.all = func(ctx context.Context) iter.Seq2[audit.Entry, error] { return good.All(context.WithoutCancel(ctx)) }
			}),
		},
	}
}

func expired(e audit.Entry) bool { return !e.ExpiresAt.After(time.Now()) }

func short(t time.Time) string { return t.Format("2006-1-2 3:04:05") }

func ascii(r rune) rune {
	if r > 0x7f {
		return '?'
	}
	return r
}

func basic(r rune) rune {
	if r > 0xffff {
		return '\uFFFD'
	}
	return r
}

// TestMemory: the store that the broken ones are made of is not.
func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) audit.Store { return memaudit.New() })
}

// TestBrokenStoresAreCaught runs in a synctest bubble. There a store that sleeps between
// reading and writing loses every race, on every machine.
func TestBrokenStoresAreCaught(t *testing.T) {
	rules := make(map[string]rule)
	for _, r := range contract() {
		if _, twice := rules[r.name]; twice || r.says == "" {
			t.Errorf("the rule %q has a name that another one has, or says nothing", r.name)
		}
		rules[r.name] = r
	}
	for name, stores := range brokenStores() {
		r, ok := rules[name]
		if !ok {
			t.Errorf("no rule is named %q", name)
			continue
		}
		delete(rules, name)
		for mistake, broken := range stores {
			t.Run(fmt.Sprintf("%s/%s", name, mistake), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { wantCaught(t, r, broken()) })
			})
		}
	}
	for name := range rules {
		t.Errorf("no broken store shows that the rule %q can fail", name)
	}
}

func wantCaught(t *testing.T, r rule, broken audit.Store) {
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil { // of a loop that goes on after its end
				err = fmt.Errorf("%v: %s", p, r.says)
			}
		}()
		return r.test(t.Context(), broken)
	}()
	if err == nil {
		t.Fatal("the broken store was not caught")
	}
	t.Log(err)
	if !strings.Contains(err.Error(), r.says) {
		t.Errorf("the failure does not quote the contract, %q: %v", r.says, err)
	}
}

// TestRunReportsABrokenStore runs itself in a child process, which must fail.
func TestRunReportsABrokenStore(t *testing.T) {
	const inside = "AUDITTEST_INSIDE"
	if os.Getenv(inside) != "" {
		Run(t, func(*testing.T) audit.Store { return brokenStores()["every field is kept"]["lost details"]() })
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("Run passed a broken store:\n%s", out)
	}
	for _, want := range []string{"--- FAIL: " + t.Name() + "/contract/every_field_is_kept", "the contract: Append adds an entry"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("Run did not report %q:\n%s", want, out)
		}
	}
}
