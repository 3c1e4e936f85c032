package oidctest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
)

// store is a correct store, except for the calls that are set.
type store struct {
	link  func(context.Context, oidc.Link) (oidc.Link, error)
	end   func(context.Context, string, time.Time, time.Time) (oidc.Link, error)
	ended func(context.Context, string) (oidc.Link, time.Time, error)
}

func (s *store) Link(ctx context.Context, l oidc.Link) (oidc.Link, error) { return s.link(ctx, l) }
func (s *store) End(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
	return s.end(ctx, id, at, expiresAt)
}
func (s *store) Ended(ctx context.Context, id string) (oidc.Link, time.Time, error) {
	return s.ended(ctx, id)
}

// broken returns a function that makes a store with one mistake: what change sets. Good is
// the store behind it.
func broken(change func(s *store, good oidc.Store)) func() oidc.Store {
	return func() oidc.Store {
		good := memlinks.New()
		s := &store{good.Link, good.End, good.Ended}
		change(s, good)
		return s
	}
}

// changed makes a store that changes what Link is given, and so what is stored.
func changed(change func(*oidc.Link)) func() oidc.Store {
	return broken(func(s *store, good oidc.Store) {
		s.link = func(ctx context.Context, l oidc.Link) (oidc.Link, error) {
			change(&l)
			return good.Link(ctx, l)
		}
	})
}

// slow makes a store that reads, waits, and writes over what has come in between.
func slow() func() oidc.Store {
	return broken(func(s *store, _ oidc.Store) {
		var mu sync.Mutex
		links, ends := map[string]oidc.Link{}, map[string]time.Time{}
		read := func(id string) (oidc.Link, time.Time) {
			mu.Lock()
			defer mu.Unlock()
			return links[id], ends[id]
		}
		s.link = func(_ context.Context, l oidc.Link) (oidc.Link, error) {
			before, at := read(l.ID)
			if !at.IsZero() {
				return oidc.Link{}, oidc.ErrEnded
			}
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			links[l.ID] = l
			return before, nil
		}
		s.end = func(_ context.Context, id string, at, _ time.Time) (oidc.Link, error) {
			l, before := read(id)
			time.Sleep(2*time.Millisecond + future.Sub(at)/1e9) // of many at once the latest time is written first
			mu.Lock()
			defer mu.Unlock()
			if at.After(before) {
				ends[id] = at
			}
			return l, nil
		}
		s.ended = func(_ context.Context, id string) (oidc.Link, time.Time, error) {
			l, at := read(id)
			return l, at, nil
		}
	})
}

// brokenStores returns stores that are correct except for one mistake. The keys are the
// names of the rules that must find the mistakes.
func brokenStores() map[string]map[string]func() oidc.Store {
	return map[string]map[string]func() oidc.Store{
		"every field is kept": {
			"half a key": changed(func(l *oidc.Link) { l.Session.ID = "" }),
			"minutes":    changed(func(l *oidc.Link) { l.ExpiresAt = l.ExpiresAt.Truncate(time.Minute) }),
			"32 bits":    changed(func(l *oidc.Link) { l.ExpiresAt = time.Unix(int64(int32(l.ExpiresAt.Unix())), 0) }),
			"local time": broken(func(s *store, good oidc.Store) {
				s.ended = func(ctx context.Context, id string) (oidc.Link, time.Time, error) {
					l, at, err := good.Ended(ctx, id)
					return l, at.In(time.FixedZone("", 60)), err
				}
			}),
		},
		"IDs are compared exactly": {
			"in any case": broken(func(s *store, good oidc.Store) {
				s.ended = func(ctx context.Context, id string) (oidc.Link, time.Time, error) {
					return good.Ended(ctx, strings.ToLower(id))
				}
				s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
					return good.End(ctx, strings.ToLower(id), at, expiresAt)
				}
			}),
			"cut": changed(func(l *oidc.Link) { l.ID = l.ID[:min(63, len(l.ID))] }),
		},
		"a replaced link comes back": {"the first one stays": broken(func(s *store, good oidc.Store) {
			first := map[string]oidc.Link{}
			s.link = func(ctx context.Context, l oidc.Link) (oidc.Link, error) {
				if before, ok := first[l.ID]; ok {
					return before, nil
				}
				first[l.ID] = l
				return good.Link(ctx, l)
			}
		}), "it is read from a cache": broken(func(s *store, good oidc.Store) {
			cached := map[string]oidc.Link{}
			s.ended = func(ctx context.Context, id string) (oidc.Link, time.Time, error) {
				l, at, err := good.Ended(ctx, id)
				if old, ok := cached[id]; ok {
					l = old
				}
				cached[id] = l
				return l, at, err
			}
		})},
		"a link of the same session is the same call": {
			"it keeps the first expiry": broken(func(s *store, good oidc.Store) {
				last := map[string]oidc.Link{}
				s.link = func(ctx context.Context, l oidc.Link) (oidc.Link, error) {
					if before := last[l.ID]; before.Session == l.Session {
						l.ExpiresAt = before.ExpiresAt
					}
					last[l.ID] = l
					return good.Link(ctx, l)
				}
			}),
			"it finds itself": broken(func(s *store, good oidc.Store) {
				last := map[string]oidc.Link{}
				s.link = func(ctx context.Context, l oidc.Link) (oidc.Link, error) {
					before := last[l.ID]
					last[l.ID] = l
					_, err := good.Link(ctx, l)
					return before, err
				}
			}),
		},
		"of many links each is replaced once": {"two replace the same one": slow()},
		"a link after an end is refused": {
			"an end of nothing is forgotten": broken(func(s *store, good oidc.Store) {
				linked := map[string]bool{}
				s.link = func(ctx context.Context, l oidc.Link) (oidc.Link, error) {
					linked[l.ID] = true
					return good.Link(ctx, l)
				}
				s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
					if !linked[id] {
						return oidc.Link{}, nil
					}
					return good.End(ctx, id, at, expiresAt)
				}
			}),
			"a refused link is stored": broken(func(s *store, good oidc.Store) {
				refused := map[string]oidc.Link{}
				s.link = func(ctx context.Context, l oidc.Link) (oidc.Link, error) {
					before, err := good.Link(ctx, l)
					if err != nil {
						refused[l.ID] = l
					}
					return before, err
				}
				s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
					l, err := good.End(ctx, id, at, expiresAt)
					if stored, ok := refused[id]; ok {
						l = stored
					}
					return l, err
				}
			}),
		},
		"an end leaves the link": {"it takes the link away": broken(func(s *store, good oidc.Store) {
			ended := map[string]bool{}
			s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
				l, err := good.End(ctx, id, at, expiresAt)
				if ended[id] {
					l = oidc.Link{}
				}
				ended[id] = true
				return l, err
			}
		})},
		"a link and an end see each other": {"neither sees the other": slow()},
		"an end is seen at once": {"a cache": broken(func(s *store, good oidc.Store) {
			cached := map[string]time.Time{}
			s.ended = func(ctx context.Context, id string) (oidc.Link, time.Time, error) {
				l, at, err := good.Ended(ctx, id)
				if old, ok := cached[id]; ok {
					at = old
				}
				cached[id] = at
				return l, at, err
			}
		})},
		"later times stay": {
			"the last one wins": broken(func(s *store, good oidc.Store) {
				last := map[string]time.Time{}
				s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
					last[id] = at
					return good.End(ctx, id, at, expiresAt)
				}
				s.ended = func(ctx context.Context, id string) (oidc.Link, time.Time, error) {
					l, _, err := good.Ended(ctx, id)
					return l, last[id], err
				}
			}),
			"the last expiry wins": broken(func(s *store, good oidc.Store) {
				last := map[string]time.Time{}
				s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
					last[id] = expiresAt
					return good.End(ctx, id, at, expiresAt)
				}
				s.ended = func(ctx context.Context, id string) (oidc.Link, time.Time, error) {
					if last[id].Before(time.Now()) {
						return oidc.Link{}, time.Time{}, nil
					}
					return good.Ended(ctx, id)
				}
			}),
		},
		"the last of many ends stays": {"a read and a write": slow()},
		"an expired link is not there": {
			"waits for its removal": changed(func(l *oidc.Link) { l.ExpiresAt = future }),
			"comes back with an end": broken(func(s *store, good oidc.Store) {
				links := map[string]oidc.Link{}
				s.link = func(ctx context.Context, l oidc.Link) (oidc.Link, error) {
					links[l.ID] = l
					return good.Link(ctx, l)
				}
				ended := map[string]bool{}
				s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
					l, err := good.End(ctx, id, at, expiresAt)
					if ended[id] {
						l = links[id]
					}
					ended[id] = true
					return l, err
				}
			}),
		},
		"an expired end is not there": {"waits for its removal": broken(func(s *store, good oidc.Store) {
			s.end = func(ctx context.Context, id string, at, _ time.Time) (oidc.Link, error) {
				return good.End(ctx, id, at, future)
			}
		})},
		"a cancelled context is an outage": {"goes on": broken(func(s *store, good oidc.Store) {
			s.end = func(ctx context.Context, id string, at, expiresAt time.Time) (oidc.Link, error) {
				return good.End(context.WithoutCancel(ctx), id, at, expiresAt)
			}
		})},
	}
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
				synctest.Test(t, func(t *testing.T) {
					err := r.test(t.Context(), broken())
					if err == nil {
						t.Fatal("the broken store was not caught")
					}
					t.Log(err)
					if !strings.Contains(err.Error(), r.says) {
						t.Errorf("the failure does not quote the contract, %q: %v", r.says, err)
					}
				})
			})
		}
	}
	for name := range rules {
		t.Errorf("no broken store shows that the rule %q can fail", name)
	}
}

// TestRunReportsABrokenStore runs itself in a child process, which must fail.
func TestRunReportsABrokenStore(t *testing.T) {
	const inside = "OIDCTEST_INSIDE"
	if os.Getenv(inside) != "" {
		Run(t, func(*testing.T) oidc.Store {
			return brokenStores()["an end leaves the link"]["it takes the link away"]()
		})
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("Run passed a broken store:\n%s", out)
	}
	for _, want := range []string{
		"--- FAIL: " + t.Name() + "/contract/an_end_leaves_the_link",
		"the contract: End returns the link that is there",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("Run did not report %q:\n%s", want, out)
		}
	}
}
