package throttle

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"example.com/coatcheck/pkg/clientip"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/signin/authn"
)

// How long a counter is kept after the last attempt. The counter of a name counts
// failures in a row, also if they are far apart. So it is kept longer than an
// attacker is likely to wait.
const (
	keepName    = 30 * 24 * time.Hour
	keepNetwork = time.Hour // after the end of its window
)

// limitCheck checks one of the limits for one attempt. It holds the counter of the
// limit and the result of counting the attempt.
type limitCheck struct {
	log       *slog.Logger
	by        string
	key       string
	ladder    Ladder
	windowEnd time.Time     // the end of the window; zero if there is no window
	keepFor   time.Duration // how long the counter is kept after the last attempt

	id      string // of the attempt
	counted bool
	unknown bool    // the answer to Count was lost, so the attempt may be counted
	stored  Counter // if the answer was not lost: the counter after the attempt
}

// name returns the check of the limit of a name. Its key contains a hash of the name,
// because an unknown name may be a password that was typed into the wrong field.
func (l *Limiter) name(name string) *limitCheck {
	return &limitCheck{log: l.cfg.Logger, by: "name", key: "name/" + hash("coatcheck attempts v1\x00"+name), ladder: l.cfg.Name, keepFor: keepName}
}

// devices returns the check of the limit of the owner's known devices. There is one
// counter for all of them together, so more cookies allow no more guesses, whether they
// come from many sign-ins or are forged with a stolen key.
func (l *Limiter) devices(name string, owner Owner) *limitCheck {
	key := "device/" + hash("coatcheck device attempts v1\x00"+name+"\x00"+owner.generation())
	return &limitCheck{log: l.cfg.Logger, by: "device", key: key, ladder: l.cfg.Device, keepFor: keepName}
}

// user returns the check of the limit of a user who is signed in. There is one counter
// for all of the user's sessions.
func (l *Limiter) user(userID string) *limitCheck {
	return &limitCheck{log: l.cfg.Logger, by: "user", key: "user/" + hash("coatcheck user attempts v1\x00"+userID), ladder: l.cfg.Name, keepFor: keepName}
}

// network returns the check of the limit of the address's network, in the current
// window. What is no address counts as one network.
func (l *Limiter) network(address string) *limitCheck {
	network := clientip.Unknown
	if ip, ok := clientip.Parse(address); ok {
		network = networkOf(ip)
	}
	start := time.Now().UTC().Truncate(l.cfg.Network.Period)
	return &limitCheck{
		log:       l.cfg.Logger,
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

// count counts the attempt, if the ladder allows it. If it does not, the error is an
// [*authn.ThrottledError].
func (c *limitCheck) count(ctx context.Context, store Store) error {
	now := time.Now().UTC()
	c.id = rand.Text()
	var err error
	c.stored, c.counted, err = store.Count(ctx, Count{
		Key: c.key, ID: c.id, At: now, Steps: c.ladder.Steps(), Expires: now.Add(c.keepFor),
	})
	if err != nil {
		c.unknown = true
		return fmt.Errorf("counting an attempt of one %s: %w", c.by, err)
	}
	if !c.counted {
		return c.refusal(now)
	}
	return nil
}

// locked reports whether the ladder allows no attempt any more.
func (c *limitCheck) locked() bool { return c.stored.Failures >= c.ladder.Lock }

func (c *limitCheck) refusal(now time.Time) error {
	refused := &authn.ThrottledError{By: c.by}
	switch {
	case !c.windowEnd.IsZero():
		refused.RetryAfter = c.windowEnd.Sub(now)
	case c.locked():
		refused.RetryAfter, refused.Locked = c.ladder.Longest, true
	default:
		refused.RetryAfter = c.stored.Last.Add(c.ladder.wait(c.stored.Failures)).Sub(now)
	}
	refused.RetryAfter = max(refused.RetryAfter, time.Second)
	return refused
}

// lock reports a lock, and keeps it after the time of its counter is over. If that
// fails, the next attempt repeats both. A network is not locked: its window ends. Known
// devices are only strangers until their counter expires.
func (c *limitCheck) lock(ctx context.Context, store Store, owner Owner) {
	if !c.locked() || !c.windowEnd.IsZero() || !c.counted && (c.by == "device" || c.stored.Expires.IsZero()) {
		return
	}
	c.event(ctx, "authn_login_lock", owner, "failures", c.stored.Failures)
	if c.by == "device" {
		return
	}
	if err := store.Keep(ctx, c.key); err != nil {
		c.event(ctx, "throttle_failed", owner, "reason", "keep", "error", err)
	}
}

// event logs an event of the counter, with the owner of the name if it has one.
func (c *limitCheck) event(ctx context.Context, name string, owner Owner, args ...any) {
	args = append([]any{"by", c.by, "key", c.key}, args...)
	if owner.UserID != "" {
		args = append(args, "user_id", owner.UserID)
	}
	events.Log(ctx, c.log, name, args...)
}

// succeed clears the counter of failures in a row. From the counter of a network it
// takes only this attempt. Otherwise attackers could clear the counter of their network
// by signing in to an account of their own.
func (c *limitCheck) succeed(ctx context.Context, store Store, owner Owner) {
	if !c.windowEnd.IsZero() {
		c.withdraw(ctx, store, owner)
		return
	}
	if err := store.Clear(ctx, c.key); err != nil {
		c.event(ctx, "throttle_failed", owner, "reason", "clear", "error", err)
	}
}

// withdraw takes the attempt off the counter, if it is counted or may be.
func (c *limitCheck) withdraw(ctx context.Context, store Store, owner Owner) {
	if !c.counted && !c.unknown {
		return
	}
	if err := store.Withdraw(ctx, c.key, c.id, c.counted); err != nil {
		c.event(ctx, "throttle_failed", owner, "reason", "withdraw", "error", err)
	}
}
