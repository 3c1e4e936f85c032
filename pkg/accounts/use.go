package accounts

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.com/coatcheck/pkg/events"
)

// useTimeout limits how long a sign-in waits for the time of the last use to be written.
const useTimeout = time.Second

// now returns the time as an account keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }

// used keeps that the user of the account has just proved who they are, if that is not known
// of this day yet. Days are those of UTC. If it fails, it is logged, and the next use tries
// again. A Store that is no [UseStore] keeps nothing.
func (d *Directory) used(ctx context.Context, account *Account) {
	store, ok := d.store.(UseStore)
	at := now()
	if !ok || !account.LastUsedAt.Before(at.Truncate(24*time.Hour)) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), useTimeout)
	defer cancel()
	err := store.SetLastUsed(ctx, account.Name, account.UserID, at)
	if err != nil && !errors.Is(err, ErrNotFound) { // who was deleted meanwhile is refused by Recheck
		events.Log(ctx, d.log, "user_touch_failed", "user_id", account.UserID, "error", err)
	}
}

// atOnce calls all of the functions at the same time, and returns when each has returned.
func atOnce(all ...func()) {
	var wg sync.WaitGroup
	for _, f := range all {
		wg.Go(f)
	}
	wg.Wait()
}
