package bridgetest

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/session"
)

// store is a correct store, except for the calls that are set.
type store struct {
	bridge.Store
	putLink     func(context.Context, bridge.Link) (bridge.Link, error)
	getLink     func(context.Context, string) (bridge.Link, error)
	deleteLink  func(context.Context, string, string) error
	endLink     func(context.Context, bridge.Link) (bridge.Link, error)
	putSeal     func(context.Context, string, time.Time) error
	getSeal     func(context.Context, string) (time.Time, error)
	openWindow  func(context.Context, time.Time) (bridge.Window, error)
	getWindow   func(context.Context) (bridge.Window, error)
	closeWindow func(context.Context) error
	links       func(context.Context) iter.Seq2[bridge.Link, error]
}

func (s *store) PutLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	return s.putLink(ctx, l)
}
func (s *store) GetLink(ctx context.Context, id string) (bridge.Link, error) {
	return s.getLink(ctx, id)
}
func (s *store) DeleteLink(ctx context.Context, id, nonce string) error {
	return s.deleteLink(ctx, id, nonce)
}
func (s *store) EndLink(ctx context.Context, l bridge.Link) (bridge.Link, error) {
	return s.endLink(ctx, l)
}
func (s *store) PutSeal(ctx context.Context, owner string, at time.Time) error {
	return s.putSeal(ctx, owner, at)
}
func (s *store) GetSeal(ctx context.Context, owner string) (time.Time, error) {
	return s.getSeal(ctx, owner)
}
func (s *store) OpenWindow(ctx context.Context, endsAt time.Time) (bridge.Window, error) {
	return s.openWindow(ctx, endsAt)
}
func (s *store) GetWindow(ctx context.Context) (bridge.Window, error) { return s.getWindow(ctx) }
func (s *store) CloseWindow(ctx context.Context) error                { return s.closeWindow(ctx) }
func (s *store) Links(ctx context.Context) iter.Seq2[bridge.Link, error] {
	return s.links(ctx)
}

// broken returns a function that makes a store with one mistake: what change sets. Good is
// the store behind it.
func broken(change func(s *store, good bridge.Store)) func() bridge.Store {
	return func() bridge.Store {
		good := membridge.New()
		s := &store{good, good.PutLink, good.GetLink, good.DeleteLink, good.EndLink, good.PutSeal, good.GetSeal, good.OpenWindow, good.GetWindow, good.CloseWindow, good.Links}
		change(s, good)
		return s
	}
}

// lossy makes a store that keeps links otherwise than they were put.
func lossy(lose func(*bridge.Link)) func() bridge.Store {
	return broken(func(s *store, good bridge.Store) {
		s.getLink = func(ctx context.Context, id string) (bridge.Link, error) {
			l, err := good.GetLink(ctx, id)
			lose(&l)
			return l, err
		}
	})
}

// forced stores l in place of what good has, between a read and a write of which other calls
// may come.
func forced(ctx context.Context, good bridge.Store, l bridge.Link) error {
	stored, err := good.GetLink(ctx, l.ID)
	time.Sleep(time.Millisecond)
	if err == nil {
		err = good.DeleteLink(ctx, l.ID, stored.Nonce)
	}
	if err == nil || errors.Is(err, bridge.ErrNotFound) {
		_, err = good.PutLink(ctx, l)
	}
	return err
}

// mistakes are makers of broken stores, by what is wrong.
type mistakes map[string]func() bridge.Store

// brokenStores returns stores that are correct except for one mistake. The keys are the
// names of the rules that must find the mistakes.
func brokenStores() map[string]mistakes {
	return map[string]mistakes{
		"every field is kept": {
			"no source":  lossy(func(l *bridge.Link) { l.Source = "" }),
			"no nonce":   lossy(func(l *bridge.Link) { l.Nonce = "" }),
			"no session": lossy(func(l *bridge.Link) { l.Session = session.Key{} }),
			"half a key": lossy(func(l *bridge.Link) { l.Session.ID = "" }),
			"seconds":    lossy(func(l *bridge.Link) { l.At = l.At.Truncate(time.Second) }),
			"local time": lossy(func(l *bridge.Link) { l.At = l.At.In(time.FixedZone("", 60)) }),
			"no end":     lossy(func(l *bridge.Link) { l.Ended = false }),
			"32 bits":    lossy(func(l *bridge.Link) { l.At = time.Unix(int64(int32(l.At.Unix())), int64(l.At.Nanosecond())).UTC() }),
			"no zero":    lossy(func(l *bridge.Link) { l.At = time.UnixMilli(max(1, l.At.UnixMilli())).UTC() }),
			"microseconds": broken(func(s *store, good bridge.Store) {
				s.putLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					stored, err := good.PutLink(ctx, l)
					stored.At = l.At.UTC()
					return stored, err
				}
			}),
		},
		"a missing link is ErrNotFound": {"silent": broken(func(s *store, good bridge.Store) {
			s.getLink = func(ctx context.Context, id string) (bridge.Link, error) {
				l, err := good.GetLink(ctx, id)
				if errors.Is(err, bridge.ErrNotFound) {
					err = nil
				}
				return l, err
			}
		})},
		"IDs are compared exactly": {
			"in any case": broken(func(s *store, good bridge.Store) {
				s.getLink = func(ctx context.Context, id string) (bridge.Link, error) {
					return good.GetLink(ctx, strings.ToLower(id))
				}
			}),
			"cut": broken(func(s *store, good bridge.Store) {
				s.deleteLink = func(ctx context.Context, id, nonce string) error {
					return good.DeleteLink(ctx, id[:min(len(id), 64)], nonce)
				}
			}),
			"by a pattern": broken(func(s *store, good bridge.Store) {
				s.getLink = func(ctx context.Context, id string) (bridge.Link, error) {
					for l := range good.Links(ctx) {
						if id == "%" || id == l.ID {
							return l, nil
						}
					}
					return bridge.Link{}, bridge.ErrNotFound
				}
			}),
		},
		"a taken link comes back": {
			"not": broken(func(s *store, good bridge.Store) {
				s.putLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					_, err := good.PutLink(ctx, l)
					return l, err
				}
			}),
			"replaced": broken(func(s *store, good bridge.Store) {
				s.putLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					return l, forced(ctx, good, l)
				}
			}),
		},
		"a put recognises itself": {"not": broken(func(s *store, good bridge.Store) {
			s.putLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
				if stored, err := good.GetLink(ctx, l.ID); err == nil {
					return stored, bridge.ErrExists
				}
				return good.PutLink(ctx, l)
			}
		})},
		"one of many puts wins": {"reads first": broken(func(s *store, good bridge.Store) {
			s.putLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
				if stored, err := good.GetLink(ctx, l.ID); err == nil {
					return stored, bridge.ErrExists
				}
				return l, forced(ctx, good, l)
			}
		})},
		"delete takes the right nonce": {
			"any nonce": broken(func(s *store, good bridge.Store) {
				s.deleteLink = func(ctx context.Context, id, _ string) error {
					stored, _ := good.GetLink(ctx, id)
					return good.DeleteLink(ctx, id, stored.Nonce)
				}
			}),
			"no nonce": broken(func(s *store, good bridge.Store) {
				s.deleteLink = func(ctx context.Context, id, nonce string) error {
					if stored, err := good.GetLink(ctx, id); err == nil && nonce == "" {
						nonce = stored.Nonce
					}
					return good.DeleteLink(ctx, id, nonce)
				}
			}),
			"trimmed": broken(func(s *store, good bridge.Store) {
				s.deleteLink = func(ctx context.Context, id, nonce string) error {
					return good.DeleteLink(ctx, id, strings.TrimSpace(nonce))
				}
			}),
			"nothing": broken(func(s *store, _ bridge.Store) {
				s.deleteLink = func(context.Context, string, string) error { return nil }
			}),
			"missing is an error": broken(func(s *store, good bridge.Store) {
				s.deleteLink = func(ctx context.Context, id, nonce string) error {
					if _, err := good.GetLink(ctx, id); err != nil {
						return err
					}
					return good.DeleteLink(ctx, id, nonce)
				}
			}),
		},
		"an end is stored": {
			"only if there is a link": broken(func(s *store, good bridge.Store) {
				s.endLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					if _, err := good.GetLink(ctx, l.ID); err != nil {
						return bridge.Link{}, nil
					}
					return good.EndLink(ctx, l)
				}
			}),
			"returns what is": broken(func(s *store, good bridge.Store) {
				s.endLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					_, err := good.EndLink(ctx, l)
					after, _ := good.GetLink(ctx, l.ID)
					return after, err
				}
			}),
			"with the session of the logout": broken(func(s *store, good bridge.Store) {
				s.endLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					before, _ := good.GetLink(ctx, l.ID)
					l.Ended = true
					return before, forced(ctx, good, l)
				}
			}),
		},
		"an end keeps the session": {"forgets it": broken(func(s *store, good bridge.Store) {
			s.endLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
				before, _ := good.GetLink(ctx, l.ID)
				l.Ended, l.Session = true, session.Key{}
				return before, forced(ctx, good, l)
			}
		})},
		"an ended link stays": {
			"keeps the nonce": broken(func(s *store, good bridge.Store) {
				s.endLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					if before, err := good.GetLink(ctx, l.ID); err == nil {
						l.Nonce = before.Nonce
					}
					return good.EndLink(ctx, l)
				}
			}),
			"a put revives it": broken(func(s *store, good bridge.Store) {
				s.putLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
					if stored, err := good.GetLink(ctx, l.ID); err == nil && stored.Ended {
						return l, forced(ctx, good, l)
					}
					return good.PutLink(ctx, l)
				}
			}),
		},
		"a put and an end see each other": {"an end that reads first": broken(func(s *store, good bridge.Store) {
			s.endLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) {
				before, _ := good.GetLink(ctx, l.ID)
				time.Sleep(time.Millisecond)
				_, err := good.EndLink(ctx, l)
				return before, err
			}
		})},
		"a seal is kept": {
			"seconds": brokenSeal(func(_ string, at time.Time) time.Time { return at.Truncate(time.Second) }),
			"local":   brokenSeal(func(_ string, at time.Time) time.Time { return at.In(time.FixedZone("", 60)) }),
			"32 bits": brokenSeal(func(_ string, at time.Time) time.Time {
				return at.Add(time.Duration(int64(int32(at.Unix()))-at.Unix()) * time.Second)
			}),
			"1970, not zero": brokenSeal(func(_ string, at time.Time) time.Time {
				if at.IsZero() {
					return time.Unix(0, 0).UTC()
				}
				return at
			}),
			"one for all": broken(func(s *store, good bridge.Store) {
				s.getSeal = func(ctx context.Context, _ string) (time.Time, error) { return good.GetSeal(ctx, "all") }
				s.putSeal = func(ctx context.Context, _ string, at time.Time) error { return good.PutSeal(ctx, "all", at) }
			}),
			"in any case": broken(func(s *store, good bridge.Store) {
				s.getSeal = func(ctx context.Context, o string) (time.Time, error) { return good.GetSeal(ctx, strings.ToLower(o)) }
				s.putSeal = func(ctx context.Context, o string, at time.Time) error {
					return good.PutSeal(ctx, strings.ToLower(o), at)
				}
			}),
		},
		"a later seal stays": {
			"the last": lastSeal(0),
			"the first": broken(func(s *store, good bridge.Store) {
				s.putSeal = func(ctx context.Context, owner string, at time.Time) error {
					if stored, err := good.GetSeal(ctx, owner); err != nil || !stored.IsZero() {
						return err
					}
					return good.PutSeal(ctx, owner, at)
				}
			}),
			"an error": broken(func(s *store, good bridge.Store) {
				s.putSeal = func(ctx context.Context, owner string, at time.Time) error {
					if stored, err := good.GetSeal(ctx, owner); err != nil || stored.After(at) {
						return errors.New("a later one is there")
					}
					return good.PutSeal(ctx, owner, at)
				}
			}),
		},
		"the last of many seals stays": {"reads first": lastSeal(time.Millisecond)},
		"the first end stays": {
			"the last":     brokenWindow(func(context.Context, bridge.Store) bool { return true }, 0),
			"milliseconds": windowAt(func(w bridge.Window) bridge.Window { w.EndsAt = w.EndsAt.Add(time.Millisecond); return w }),
			"an hour off":  windowAt(func(w bridge.Window) bridge.Window { w.EndsAt = w.EndsAt.Add(time.Hour); return w }),
			"zero, not ErrNotFound": broken(func(s *store, good bridge.Store) {
				s.getWindow = func(ctx context.Context) (bridge.Window, error) { w, _ := good.GetWindow(ctx); return w, nil }
			}),
		},
		"many open one window": {"reads first": brokenWindow(func(ctx context.Context, good bridge.Store) bool {
			_, err := good.GetWindow(ctx)
			return err != nil
		}, time.Millisecond)},
		"closed is for ever": {
			"not": broken(func(s *store, _ bridge.Store) { s.closeWindow = func(context.Context) error { return nil } }),
			"also if there is none": broken(func(s *store, good bridge.Store) {
				s.closeWindow = func(ctx context.Context) error {
					_, err := good.OpenWindow(ctx, anHour)
					return errors.Join(err, good.CloseWindow(ctx))
				}
			}),
			"opened anew": windowAt(func(w bridge.Window) bridge.Window { w.Closed = false; return w }),
		},
		"all links are listed": {
			"a page": broken(func(s *store, good bridge.Store) {
				s.links = func(ctx context.Context) iter.Seq2[bridge.Link, error] {
					return func(yield func(bridge.Link, error) bool) {
						n := 0
						for l, err := range good.Links(ctx) {
							if n++; n > 50 || !yield(l, err) {
								return
							}
						}
					}
				}
			}),
			"twice": broken(func(s *store, good bridge.Store) {
				s.links = func(ctx context.Context) iter.Seq2[bridge.Link, error] {
					return func(yield func(bridge.Link, error) bool) {
						for range 2 {
							for l, err := range good.Links(ctx) {
								if !yield(l, err) {
									return
								}
							}
						}
					}
				}
			}),
			"without the ended": broken(func(s *store, good bridge.Store) {
				s.links = func(ctx context.Context) iter.Seq2[bridge.Link, error] {
					return func(yield func(bridge.Link, error) bool) {
						for l, err := range good.Links(ctx) {
							if !l.Ended && !yield(l, err) {
								return
							}
						}
					}
				}
			}),
		},
		"a cancelled context is an outage": deaf(),
	}
}

// brokenSeal makes a store whose seals come back changed.
func brokenSeal(change func(owner string, at time.Time) time.Time) func() bridge.Store {
	return broken(func(s *store, good bridge.Store) {
		s.getSeal = func(ctx context.Context, owner string) (time.Time, error) {
			at, err := good.GetSeal(ctx, owner)
			return change(owner, at), err
		}
	})
}

// lastSeal makes a store in which the last seal that is written wins. With a pause it looks
// first.
func lastSeal(pause time.Duration) func() bridge.Store {
	return broken(func(s *store, good bridge.Store) {
		var last sync.Map
		s.putSeal = func(ctx context.Context, owner string, at time.Time) error {
			before, err := s.getSeal(ctx, owner)
			if pause > 0 && before.After(at) {
				return err
			}
			time.Sleep(pause)
			last.Store(owner, at.UTC().Truncate(time.Millisecond))
			return err
		}
		s.getSeal = func(_ context.Context, owner string) (time.Time, error) {
			at, _ := last.LoadOrStore(owner, time.Time{})
			return at.(time.Time), nil
		}
	})
}

// brokenWindow makes a store that opens a window whenever may says so.
func brokenWindow(may func(context.Context, bridge.Store) bool, pause time.Duration) func() bridge.Store {
	return broken(func(s *store, good bridge.Store) {
		s.openWindow = func(ctx context.Context, endsAt time.Time) (bridge.Window, error) {
			if !may(ctx, good) {
				return good.GetWindow(ctx)
			}
			time.Sleep(pause)
			_, err := good.OpenWindow(ctx, endsAt)
			return bridge.Window{EndsAt: endsAt.UTC().Truncate(time.Second)}, err
		}
	})
}

// windowAt makes a store whose window comes back changed.
func windowAt(change func(bridge.Window) bridge.Window) func() bridge.Store {
	return broken(func(s *store, good bridge.Store) {
		s.getWindow = func(ctx context.Context) (bridge.Window, error) {
			w, err := good.GetWindow(ctx)
			return change(w), err
		}
	})
}

// deaf returns stores of which one call does not notice that its context has ended.
func deaf() mistakes {
	h := context.WithoutCancel
	return mistakes{
		"PutLink": broken(func(s *store, good bridge.Store) {
			s.putLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) { return good.PutLink(h(ctx), l) }
		}),
		"GetLink": broken(func(s *store, good bridge.Store) {
			s.getLink = func(ctx context.Context, id string) (bridge.Link, error) { return good.GetLink(h(ctx), id) }
		}),
		"DeleteLink": broken(func(s *store, good bridge.Store) {
			s.deleteLink = func(ctx context.Context, id, nonce string) error { return good.DeleteLink(h(ctx), id, nonce) }
		}),
		"EndLink": broken(func(s *store, good bridge.Store) {
			s.endLink = func(ctx context.Context, l bridge.Link) (bridge.Link, error) { return good.EndLink(h(ctx), l) }
		}),
		"PutSeal": broken(func(s *store, good bridge.Store) {
			s.putSeal = func(ctx context.Context, o string, at time.Time) error { return good.PutSeal(h(ctx), o, at) }
		}),
		"GetSeal": broken(func(s *store, good bridge.Store) {
			s.getSeal = func(ctx context.Context, o string) (time.Time, error) { return good.GetSeal(h(ctx), o) }
		}),
		"OpenWindow": broken(func(s *store, good bridge.Store) {
			s.openWindow = func(ctx context.Context, at time.Time) (bridge.Window, error) { return good.OpenWindow(h(ctx), at) }
		}),
		"GetWindow": broken(func(s *store, good bridge.Store) {
			s.getWindow = func(ctx context.Context) (bridge.Window, error) { return good.GetWindow(h(ctx)) }
		}),
		"CloseWindow": broken(func(s *store, good bridge.Store) {
			s.closeWindow = func(ctx context.Context) error { return good.CloseWindow(h(ctx)) }
		}),
		"Links": broken(func(s *store, good bridge.Store) {
			s.links = func(ctx context.Context) iter.Seq2[bridge.Link, error] { return good.Links(h(ctx)) }
		}),
	}
}
