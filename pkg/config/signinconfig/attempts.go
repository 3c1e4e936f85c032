package signinconfig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/throttle"
	"example.com/coatcheck/pkg/config"
)

// The variables that say how attempts to sign in are counted, and how many are
// allowed.
const (
	AttemptsLadder     = "ATTEMPTS_LADDER"      // optional: free failures, first wait, longest wait, failures that lock a name; default 10,30s,1h,100
	AttemptsPerNetwork = "ATTEMPTS_PER_NETWORK" // optional: attempts, period; default 100,10m
)

// Authenticator returns an Authenticator for the accounts in directory. It counts
// attempts in store, see [Limiter].
func Authenticator(directory *accounts.Directory, store throttle.Store, options ...func(*throttle.Config)) (*accounts.Authenticator, error) {
	limiter, err := Limiter(store, options...)
	if err != nil {
		return nil, err
	}
	return accounts.NewAuthenticator(directory, limiter), nil
}

// Limiter returns a Limiter that counts attempts in store, with the limits in
// ATTEMPTS_LADDER and ATTEMPTS_PER_NETWORK. If SESSION_KEYS is set, it recognises
// devices that signed in before. The options change what no variable says, such as Logger.
func Limiter(store throttle.Store, options ...func(*throttle.Config)) (*throttle.Limiter, error) {
	var cfg throttle.Config
	var err error
	if cfg.Name, err = ladder(); err != nil {
		return nil, err
	}
	if cfg.Network, err = window(); err != nil {
		return nil, err
	}
	if cfg.DeviceKeys, err = config.Keys(config.SessionKeys); err != nil {
		return nil, err
	}
	for _, option := range options {
		option(&cfg)
	}
	limiter, err := throttle.New(store, cfg)
	if err != nil {
		return nil, fmt.Errorf("%s or %s: %w", AttemptsLadder, AttemptsPerNetwork, err)
	}
	return limiter, nil
}

// ladder reads ATTEMPTS_LADDER. Where two of its parts contradict each other, the
// stricter counts: no wait is shorter than the first, and the lock comes even if more
// failures were to be free.
func ladder() (l throttle.Ladder, err error) {
	value := os.Getenv(AttemptsLadder)
	if value == "" {
		return l, nil
	}
	parts := strings.Split(value, ",")
	if len(parts) == 4 {
		var errs [4]error
		l.Free, errs[0] = strconv.Atoi(parts[0])
		l.First, errs[1] = time.ParseDuration(parts[1])
		l.Longest, errs[2] = time.ParseDuration(parts[2])
		l.Lock, errs[3] = strconv.Atoi(parts[3])
		if errs == [4]error{} {
			l.Longest = max(l.Longest, l.First)
			l.Free = min(l.Free, l.Lock-1)
			return l, nil
		}
	}
	return l, fmt.Errorf("%s is %q; it must be four parts such as 10,30s,1h,100: failures that are free, the first wait, the longest, and failures that lock", AttemptsLadder, value)
}

func window() (w throttle.Window, err error) {
	value := os.Getenv(AttemptsPerNetwork)
	if value == "" {
		return w, nil
	}
	limit, period, _ := strings.Cut(value, ",")
	var wrong error
	w.Limit, err = strconv.Atoi(limit)
	w.Period, wrong = time.ParseDuration(period)
	if err != nil || wrong != nil {
		return w, fmt.Errorf("%s is %q; it must be two parts such as 100,10m: attempts, and the time in which they may come", AttemptsPerNetwork, value)
	}
	return w, nil
}
