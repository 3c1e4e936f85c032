package storetest

import (
	"context"
	"slices"
	"time"

	"example.com/coatcheck/pkg/session"
)

// listing is a correct CreateLister, as short as possible.
type listing struct{ *mapStore }

func (st listing) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	if err := st.Create(ctx, s); err != nil {
		return nil, err
	}
	return st.List(ctx, s.Key().Owner)
}

// leaving is one that leaves the list to its caller.
type leaving struct{ *mapStore }

func (st leaving) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	return nil, st.Create(ctx, s)
}

// altered is a CreateLister whose result is altered.
type altered struct {
	*mapStore
	alter func(all []*session.Session, err error) ([]*session.Session, error)
}

func (st altered) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	return st.alter(listing{st.mapStore}.CreateAndList(ctx, s))
}

// without returns a CreateLister that leaves sessions out.
func without(leave func(i int, s *session.Session) bool) session.Store {
	return altered{newMapStore(), func(all []*session.Session, err error) ([]*session.Session, error) {
		i := -1
		return slices.DeleteFunc(all, func(s *session.Session) bool { i++; return leave(i, s) }), err
	}}
}

// earlyLister lists before it creates, as one statement of SQL does.
type earlyLister struct{ *mapStore }

func (st earlyLister) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	all, err := st.List(ctx, s.Key().Owner)
	time.Sleep(time.Millisecond)
	if err == nil {
		err = st.Create(ctx, s)
	}
	if err != nil {
		return nil, err
	}
	return append(all, s.Clone()), nil
}

// overwritingLister replaces what has the key, tellingLister also says what there is then, and
// forgetfulLister stores nothing.
type (
	overwritingLister struct{ *mapStore }
	tellingLister     struct{ *mapStore }
	forgetfulLister   struct{ *mapStore }
)

func (st overwritingLister) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	err := st.Create(ctx, s)
	if err == session.ErrConflict {
		st.put(s.Clone())
	}
	return nil, err
}

func (st tellingLister) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	err := st.Create(ctx, s)
	all, _ := st.List(ctx, s.Key().Owner)
	return all, err
}

func (st forgetfulLister) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	all, err := st.List(ctx, s.Key().Owner)
	return append(all, s.Clone()), err
}

// sharingLister returns its own sessions.
type sharingLister struct{ *mapStore }

func (st sharingLister) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	all, err := listing(st).CreateAndList(ctx, s)
	for i := range all {
		all[i] = st.m[all[i].Key()]
	}
	return all, err
}

// heedlessLister ignores that the context is cancelled.
type heedlessLister struct{ *mapStore }

func (st heedlessLister) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	return listing(st).CreateAndList(context.WithoutCancel(ctx), s)
}

// brokenListers are CreateListers with one mistake, by the rules that must find it.
func brokenListers() map[string][]session.Store {
	last := func(all []*session.Session) int { return len(all) - 1 }
	return map[string][]session.Store{
		"create and list returns all": {
			without(func(i int, _ *session.Session) bool { return i == 0 }),
			without(func(_ int, s *session.Session) bool { return s.ExpiresAt.Before(s.LastSeenAt) }),
			altered{newMapStore(), func(all []*session.Session, err error) ([]*session.Session, error) {
				return append(all, newSession()), err
			}},
			altered{newMapStore(), func(all []*session.Session, err error) ([]*session.Session, error) {
				return append(all, all[last(all)]), err
			}},
			altered{newMapStore(), func(all []*session.Session, err error) ([]*session.Session, error) {
				all[last(all)].Roles = nil
				return all, err
			}},
			altered{newMapStore(), func(all []*session.Session, _ error) ([]*session.Session, error) { return all, session.ErrConflict }},
			forgetfulLister{newMapStore()}, sharingLister{newMapStore()},
		},
		"create and list refuses a taken key": {overwritingLister{newMapStore()}, tellingLister{newMapStore()}},
		"create and list sees others at once": {earlyLister{newMapStore()}},
		"list is complete":                    {without(func(i int, _ *session.Session) bool { return i >= 500 })},
		"a cancelled context is an outage":    {heedlessLister{newMapStore()}},
		"logins at once keep to the limit":    {earlyLister{newMapStore()}},
	}
}
