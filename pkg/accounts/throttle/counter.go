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

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/signin/authn"
)

// How long a counter is kept after the last attempt. The counter of a name counts
// failures in a row, also if they are far apart. So it is kept longer than an
// attacker is likely to wait.
const (
	keepName    = 30 * 24 * time.Hour
	keepNetwork = time.Hour // after the end of its window
)

const withdrawTimeout = time.Second

// limitCheck checks one of the limits for one attempt. It holds the counter of the
// limit and the result of counting the attempt.
type limitCheck struct {
	by        string
	key       string
	ladder    Ladder
	windowEnd time.Time     // the end of the window; zero if there is no window
	keepFor   time.Duration // how long the counter is kept after the last attempt
	counted   bool

	failures int                   // if counted: the failures, including this attempt
	refused  *authn.ThrottledError // set if the ladder refused the attempt
	locked   bool                  // set if the ladder is locked
	err      error                 // set if the store failed, so that the result is unknown
}

// name returns the check of the limit of a name. Its key contains a hash of the name,
// because an unknown name may be a password that was typed into the wrong field.
func (l *Limiter) name(name string) *limitCheck {
	sum := sha256.Sum256([]byte("coatcheck attempts v1\x00" + name))
	return &limitCheck{by: "name", key: "name/" + base64.RawURLEncoding.EncodeToString(sum[:]), ladder: l.cfg.Name, keepFor: keepName}
}

// network returns the check of the limit of the address's network, in the current
// window. What is no address counts as one network.
func (l *Limiter) network(address string, now time.Time) *limitCheck {
	network := clientip.Unknown
	if ip, ok := clientip.Parse(address); ok {
		network = networkOf(ip)
	}
	start := now.Truncate(l.cfg.Network.Period)
	return &limitCheck{
		by:        "network",
		key:       fmt.Sprintf("network/%s/%d", network, start.Unix()),
		ladder:    Ladder{Free: l.cfg.Network.Limit, Lock: l.cfg.Network.Limit},
		windowEnd: start.Add(l.cfg.Network.Period),
		keepFor:   l.cfg.Network.Period + keepNetwork,
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

// count counts the attempt, if the ladder allows it.
func (c *limitCheck) count(ctx context.Context, store Store, now time.Time) {
	stored, counted, err := store.Count(ctx, Count{
		Key: c.key, ID: rand.Text(), At: now, Steps: c.ladder.Steps(), Expires: now.Add(c.keepFor),
	})
	if err != nil {
		c.err = fmt.Errorf("counting an attempt of one %s: %w", c.by, err)
		return
	}
	c.counted, c.failures = counted, stored.Failures
	if !counted {
		c.refuse(stored, now)
	}
	if c.by == "name" && stored.Failures >= c.ladder.Lock && !stored.Expires.IsZero() {
		c.lock(ctx, store, stored)
	}
}

func (c *limitCheck) refuse(stored Counter, now time.Time) {
	c.refused = &authn.ThrottledError{By: c.by}
	wait := c.ladder.wait(stored.Failures)
	if wait == forever {
		c.locked, c.refused.RetryAfter = true, c.ladder.Longest
	} else {
		c.refused.RetryAfter = stored.Last.Add(wait).Sub(now)
	}
	if !c.windowEnd.IsZero() {
		c.refused.RetryAfter = c.windowEnd.Sub(now)
	}
	c.refused.RetryAfter = max(c.refused.RetryAfter, time.Second)
}

// lock keeps a locked name locked after the time of its counter is over. If the call
// fails, the next attempt repeats it.
func (c *limitCheck) lock(ctx context.Context, store Store, stored Counter) {
	slog.WarnContext(ctx, "authn_login_lock", "key", c.key, "failures", stored.Failures)
	if err := store.Keep(ctx, c.key); err != nil {
		slog.WarnContext(ctx, "the lock of a name may run out", "key", c.key, "error", err)
	}
}

// withdraw takes the attempt off the counter. It works also after the request's own
// time is over.
func (c *limitCheck) withdraw(ctx context.Context, store Store) {
	if !c.counted {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTimeout)
	defer cancel()
	if err := store.Withdraw(ctx, c.key); err != nil {
		slog.WarnContext(ctx, "attempt stays counted", "key", c.key, "error", err)
	}
}
