package history

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// broken are stores with a mistake that has been made in real ones.
var broken = []struct {
	name string
	says string
	open func() session.Store
	seed uint64 // with which it is found soon
	most int    // steps of the shortest history
}{
	{"reads from a replica", "Get and List are answered from a copy that is three writes behind.", newReplica, 1, 6},
	{"confirmed, not carried out", "One Delete of four is confirmed before it is written, and then lost.", newForgetful, 7, 4},
	{"update brings back", "Update writes the whole record, whatever has become of it.", newUpserting, 10, 8},
	{"touch brings back", "Touch reads the record and writes it whole.", newTouching, 21, 8},
	{"last write wins", "Update compares no version.", newOverwriting, 30, 8},
	{"create is sent again", "Create is sent a second time, later, and without a condition.", newRepeating, 4, 5},
	{"index behind", "List reads an index that learns of a session one write later.", newIndexed, 1, 5},
	{"any secret ends it", "Delete compares no secret.", newTrusting, 11, 8},
	{"old secret is good", "Update keeps the secret.", newKeeping, 7, 5},
	{"touch moves back", "A late Touch moves the time back.", newBackwards, 20, 12},
	{"update undoes a touch", "Update writes the times that it has read.", newUndoing, 32, 9},
	{"conflict that was a success", "Update answers a retry that meets its own write with a conflict.", newForgetfulOfItself, 8, 8},
	{"lists before it creates", "CreateAndList is two steps, and the list is the first.", newListingFirst, 24, 12},
	{"lists only what is old", "CreateAndList leaves out the session that was made before.", newListingOld, 15, 12},
	{"whose session", "Delete finds a session by its ID alone.", newOwnerless, 34, 8},
}

func TestBrokenStoresAreCaught(t *testing.T) {
	for _, b := range broken {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			store := b.open()
			total, found, err := search(t.Context(), store, Config{Seed: b.seed, Histories: 3000})
			if err != nil || found == nil {
				t.Fatalf("%v: %v, and no violation; %s", total, err, b.says)
			}
			found = minimised(t.Context(), store, found, 60)
			t.Logf("%v; %s\n%v", total, b.says, found)
			if len(found.steps) > b.most {
				t.Errorf("the shortest history has %d calls, want at most %d", len(found.steps), b.most)
			}
		})
	}
}

// under is a memstore that can also replace a session, whatever is there. It has the methods
// that a broken store does not replace.
type under struct {
	session.Store
	whole sync.RWMutex // held by whoever replaces a session
	mu    sync.Mutex   // for the broken store
}

func newUnder() *under { return &under{Store: memstore.New()} }

func (u *under) Get(ctx context.Context, k session.Key) (*session.Session, error) {
	u.whole.RLock()
	defer u.whole.RUnlock()
	return u.Store.Get(ctx, k)
}

func (u *under) Delete(ctx context.Context, k session.Key, secret *[32]byte, now time.Time) (string, error) {
	u.whole.RLock()
	defer u.whole.RUnlock()
	return u.Store.Delete(ctx, k, secret, now)
}

func (u *under) List(ctx context.Context, owner string) ([]*session.Session, error) {
	u.whole.RLock()
	defer u.whole.RUnlock()
	return u.Store.List(ctx, owner)
}

// put stores s, whatever is there, some time after it was read.
func (u *under) put(ctx context.Context, s *session.Session) error {
	runtime.Gosched()
	u.whole.Lock()
	defer u.whole.Unlock()
	if _, err := u.Store.Delete(ctx, s.Key(), nil, time.Time{}); outcomeOf(err) == unknown {
		return err
	}
	return u.Store.Create(ctx, s)
}

// change changes a session in one step.
func (u *under) change(ctx context.Context, k session.Key, change func(*session.Session)) error {
	u.whole.Lock()
	defer u.whole.Unlock()
	s, err := u.Store.Get(ctx, k)
	if err != nil {
		return err
	}
	u.Store.Delete(ctx, k, nil, time.Time{})
	change(s)
	return u.Store.Create(ctx, s)
}

// replica answers reads from a copy.
type replica struct {
	*under
	copy   *under
	behind []func(session.Store) // writes that the copy has not seen
}

func newReplica() session.Store { return &replica{under: newUnder(), copy: newUnder()} }

func (r *replica) both(write func(session.Store) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := write(r.Store)
	if r.behind = append(r.behind, func(s session.Store) { write(s) }); len(r.behind) > 3 {
		r.behind[0](r.copy.Store)
		r.behind = r.behind[1:]
	}
	return err
}

func (r *replica) Create(ctx context.Context, s *session.Session) error {
	return r.both(func(store session.Store) error { return store.Create(ctx, s) })
}

func (r *replica) Update(ctx context.Context, s *session.Session, now time.Time, version int64) error {
	return r.both(func(store session.Store) error { return store.Update(ctx, s, now, version) })
}

func (r *replica) Touch(ctx context.Context, k session.Key, now, expires time.Time, ip, agent string) error {
	return r.both(func(store session.Store) error { return store.Touch(ctx, k, now, expires, ip, agent) })
}

func (r *replica) Delete(ctx context.Context, k session.Key, secret *[32]byte, now time.Time) (id string, err error) {
	err = r.both(func(store session.Store) (err error) {
		id, err = store.Delete(ctx, k, secret, now)
		return err
	})
	return id, err
}

func (r *replica) Get(ctx context.Context, k session.Key) (*session.Session, error) {
	return r.copy.Get(ctx, k)
}

func (r *replica) List(ctx context.Context, owner string) ([]*session.Session, error) {
	return r.copy.List(ctx, owner)
}

type forgetful struct {
	*under
	deletes atomic.Int64
}

func newForgetful() session.Store { return &forgetful{under: newUnder()} }

func (f *forgetful) Delete(ctx context.Context, k session.Key, secret *[32]byte, now time.Time) (string, error) {
	if f.deletes.Add(1)%4 == 0 {
		s, err := f.Get(ctx, k)
		if err == nil && (secret == nil || *secret == s.Secret) {
			return s.UserID, nil
		}
	}
	return f.under.Delete(ctx, k, secret, now)
}

type upserting struct{ *under }

func newUpserting() session.Store { return upserting{newUnder()} }

func (u upserting) Update(ctx context.Context, s *session.Session, now time.Time, version int64) error {
	stored, err := u.Get(ctx, s.Key())
	if err != nil {
		return err
	}
	if stored.Version != s.Version {
		return u.Store.Update(ctx, s, now, version)
	}
	return u.put(ctx, updated(stored, s, version))
}

// updated returns what Update makes of the stored session.
func updated(stored, s *session.Session, version int64) *session.Session {
	next := stored.Clone()
	next.Roles, next.Values, next.Secret, next.PreviousSecret, next.Version = s.Roles, s.Values, s.Secret, s.PreviousSecret, version
	if !s.ExpiresAt.IsZero() {
		next.AuthenticatedAt, next.EndsAt, next.ExpiresAt = s.AuthenticatedAt, s.EndsAt, s.ExpiresAt
	}
	return next
}

type touching struct{ *under }

func newTouching() session.Store { return touching{newUnder()} }

func (u touching) Touch(ctx context.Context, k session.Key, now, expires time.Time, ip, agent string) error {
	s, err := u.Get(ctx, k)
	if err != nil {
		return err
	}
	if s.LastSeenAt.Before(now) && !s.ExpiresAt.After(expires) {
		s.LastSeenAt, s.ExpiresAt, s.LastIP, s.LastUserAgent = now, expires, ip, agent
		return u.put(ctx, s)
	}
	return nil
}

type overwriting struct{ *under }

func newOverwriting() session.Store { return overwriting{newUnder()} }

func (u overwriting) Update(ctx context.Context, s *session.Session, now time.Time, version int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	stored, err := u.Get(ctx, s.Key())
	if err != nil {
		return err
	}
	s = s.Clone()
	s.Version = stored.Version
	return u.Store.Update(ctx, s, now, version)
}

type repeating struct {
	*under
	again *session.Session
}

func newRepeating() session.Store { return &repeating{under: newUnder()} }

func (r *repeating) Create(ctx context.Context, s *session.Session) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.Store.Create(ctx, s)
	if r.again == nil {
		r.again = s.Clone()
	}
	return err
}

func (r *repeating) Delete(ctx context.Context, k session.Key, secret *[32]byte, now time.Time) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id, err := r.under.Delete(ctx, k, secret, now)
	if r.again != nil {
		r.put(ctx, r.again)
		r.again = nil
	}
	return id, err
}

type indexed struct {
	*under
	unknown string // to the index
}

func newIndexed() session.Store { return &indexed{under: newUnder()} }

func (x *indexed) Create(ctx context.Context, s *session.Session) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.unknown = s.ID
	return x.Store.Create(ctx, s)
}

func (x *indexed) List(ctx context.Context, owner string) ([]*session.Session, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	all, err := x.under.List(ctx, owner)
	return slices.DeleteFunc(all, func(s *session.Session) bool { return s.ID == x.unknown }), err
}

type trusting struct{ *under }

func newTrusting() session.Store { return trusting{newUnder()} }

func (u trusting) Delete(ctx context.Context, k session.Key, _ *[32]byte, now time.Time) (string, error) {
	return u.under.Delete(ctx, k, nil, now)
}

type keeping struct{ *under }

func newKeeping() session.Store { return keeping{newUnder()} }

func (u keeping) Update(ctx context.Context, s *session.Session, now time.Time, version int64) error {
	if stored, err := u.Get(ctx, s.Key()); err == nil {
		s = s.Clone()
		s.Secret = stored.Secret
	}
	return u.Store.Update(ctx, s, now, version)
}

type backwards struct {
	*under
	touches atomic.Int64
}

func newBackwards() session.Store { return &backwards{under: newUnder()} }

func (u *backwards) Touch(ctx context.Context, k session.Key, now, expires time.Time, ip, agent string) error {
	if u.touches.Add(1)%2 == 0 { // the way of this one is long
		time.Sleep(200 * time.Microsecond)
	}
	return u.change(ctx, k, func(s *session.Session) {
		s.LastSeenAt, s.ExpiresAt, s.LastIP, s.LastUserAgent = now, expires, ip, agent
	})
}

type undoing struct {
	*under
	read sync.Map // what Get has returned last, by key
}

func newUndoing() session.Store { return &undoing{under: newUnder()} }

func (u *undoing) Get(ctx context.Context, k session.Key) (*session.Session, error) {
	s, err := u.under.Get(ctx, k)
	if err == nil {
		u.read.LoadOrStore(k, s.Clone())
	}
	return s, err
}

func (u *undoing) Update(ctx context.Context, s *session.Session, now time.Time, version int64) error {
	if read, ok := u.read.Load(s.Key()); ok && s.ExpiresAt.IsZero() {
		old := read.(*session.Session)
		s = s.Clone()
		s.ExpiresAt, s.AuthenticatedAt = old.ExpiresAt, old.AuthenticatedAt
	}
	return u.Store.Update(ctx, s, now, version)
}

type forgetfulOfItself struct {
	*under
	updates atomic.Int64
}

func newForgetfulOfItself() session.Store { return &forgetfulOfItself{under: newUnder()} }

func (u *forgetfulOfItself) Update(ctx context.Context, s *session.Session, now time.Time, version int64) error {
	if err := u.Store.Update(ctx, s, now, version); err != nil {
		return err
	}
	if u.updates.Add(1)%3 == 0 { // its answer was lost, and the driver sends it again
		return session.ErrConflict
	}
	return nil
}

// ownerless finds sessions by the ID alone.
type ownerless struct {
	*under
	owners sync.Map // by ID
}

func newOwnerless() session.Store { return &ownerless{under: newUnder()} }

func (o *ownerless) Create(ctx context.Context, s *session.Session) error {
	o.owners.Store(s.ID, s.Key().Owner)
	return o.Store.Create(ctx, s)
}

func (o *ownerless) Delete(ctx context.Context, k session.Key, secret *[32]byte, now time.Time) (string, error) {
	if owner, ok := o.owners.Load(k.ID); ok {
		k.Owner = strings.Clone(owner.(string))
	}
	return o.under.Delete(ctx, k, secret, now)
}

// listingFirst creates and lists, but the other way round.
type listingFirst struct{ *under }

func newListingFirst() session.Store { return listingFirst{newUnder()} }

func (l listingFirst) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	all, err := l.List(ctx, s.Key().Owner)
	if err != nil {
		return nil, err
	}
	runtime.Gosched()
	return append(all, s), l.Create(ctx, s)
}

// listingOld lists with an index that is one session behind.
type listingOld struct {
	*under
	last string
}

func newListingOld() session.Store { return &listingOld{under: newUnder()} }

func (l *listingOld) CreateAndList(ctx context.Context, s *session.Session) ([]*session.Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.Create(ctx, s); err != nil {
		return nil, err
	}
	all, err := l.List(ctx, s.Key().Owner)
	all = slices.DeleteFunc(all, func(s *session.Session) bool { return s.ID == l.last })
	l.last = s.ID
	return all, err
}
