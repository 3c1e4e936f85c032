package throttle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"example.com/coatcheck/pkg/signin/authn"
)

// How long a counter is kept after the last attempt. The counter of a name counts
// failures in a row, also if they are far apart. So it is kept longer than an
// attacker is likely to wait.
const (
	keepName    = 30 * 24 * time.Hour
	keepNetwork = time.Hour // after the end of its window
)

const withdrawTime = time.Second

// counter is a counter for which an attempt is counted, and the result of counting
// it.
type counter struct {
	by      string
	key     string
	ladder  Ladder
	ends    time.Time     // the end of the window; zero if there is no window
	keep    time.Duration // how long the counter is kept after the last attempt
	counted bool

	failures int                   // if counted: the failures, including this attempt
	refused  *authn.ThrottledError // set if the ladder refused the attempt
	locked   bool                  // set if the ladder is locked
	err      error                 // set if the store failed, so that the result is unknown
}

// name returns the counter of a name. Its key contains a hash of the name, because an
// unknown name may be a password that was typed into the wrong field.
func (l *Limiter) name(name string) *counter {
	sum := sha256.Sum256([]byte("coatcheck attempts v1\x00" + name))
	return &counter{by: "name", key: "name/" + base64.RawURLEncoding.EncodeToString(sum[:]), ladder: l.cfg.Name, keep: keepName}
}

// network returns the counter of the address's network in the current window.
func (l *Limiter) network(address string, now time.Time) *counter {
	network := address
	if ip, err := netip.ParseAddr(address); err == nil {
		network = networkOf(ip.Unmap().WithZone(""))
	}
	start := now.Truncate(l.cfg.Network.Period)
	return &counter{
		by:     "network",
		key:    fmt.Sprintf("network/%s/%d", network, start.Unix()),
		ladder: Ladder{Free: l.cfg.Network.Limit, Lock: l.cfg.Network.Limit},
		ends:   start.Add(l.cfg.Network.Period),
		keep:   l.cfg.Network.Period + keepNetwork,
	}
}

// networkOf returns the addresses that one customer of a provider usually has: an
// IPv4 address, or the first 64 bits of an IPv6 address.
func networkOf(ip netip.Addr) string {
	if ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

// count counts one attempt, if the ladder allows it.
func (t *counter) count(ctx context.Context, store Store, now time.Time) {
	stored, counted, err := store.Count(ctx, Count{
		Key: t.key, ID: rand.Text(), At: now, Steps: t.ladder.Steps(), Expires: now.Add(t.keep),
	})
	if err != nil {
		t.err = fmt.Errorf("counting an attempt of one %s: %w", t.by, err)
		return
	}
	t.counted, t.failures = counted, stored.Failures
	if !counted {
		t.refuse(stored, now)
	}
	if t.by == "name" && stored.Failures >= t.ladder.Lock && !stored.Expires.IsZero() {
		t.lock(ctx, store, stored)
	}
}

func (t *counter) refuse(stored Counter, now time.Time) {
	t.refused = &authn.ThrottledError{By: t.by}
	wait := t.ladder.wait(stored.Failures)
	if wait == forever {
		t.locked, t.refused.RetryAfter = true, t.ladder.Longest
	} else {
		t.refused.RetryAfter = stored.Last.Add(wait).Sub(now)
	}
	if !t.ends.IsZero() {
		t.refused.RetryAfter = t.ends.Sub(now)
	}
	t.refused.RetryAfter = max(t.refused.RetryAfter, time.Second)
}

// lock keeps a locked name locked after the time of its counter is over. If the call
// fails, the next attempt repeats it.
func (t *counter) lock(ctx context.Context, store Store, stored Counter) {
	slog.WarnContext(ctx, "authn_login_lock", "key", t.key, "failures", stored.Failures)
	if err := store.Keep(ctx, t.key); err != nil {
		slog.WarnContext(ctx, "the lock of a name may run out", "key", t.key, "error", err)
	}
}

// withdraw takes the attempt off the counter. It works also after the request's own
// time is over.
func (t *counter) withdraw(ctx context.Context, store Store) {
	if !t.counted {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTime)
	defer cancel()
	if err := store.Withdraw(ctx, t.key); err != nil {
		slog.WarnContext(ctx, "attempt stays counted", "key", t.key, "error", err)
	}
}
