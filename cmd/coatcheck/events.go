package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	osuser "os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/session"
)

// operations tells what an operator does as events, which go to the audit trail of the
// store. If that has none, nothing is told, and nobody is asked who the operator is.
type operations struct {
	trail *audit.Trail // nil if there is none
	log   *slog.Logger // takes the events
	onAWS bool
	actor string // who the operator is; identify sets it
}

func newOperations(s storeconfig.Stores, at address) (*operations, error) {
	o := &operations{log: slog.Default(), onAWS: at == storeconfig.DynamoDB && !s.Local()}
	store, err := s.Audit()
	if err != nil || store == nil {
		return o, err
	}
	retention, err := config.AuditRetention()
	if err != nil {
		return nil, err
	}
	o.trail = audit.NewTrail(store, audit.Config{Retention: retention, Logger: slog.New(slog.DiscardHandler)}) // err tells what failed
	o.log = o.trail.Tee(o.log)
	return o, nil
}

// identify finds out who the operator is, once. Call it before the first change: a change of
// which the trail could never say who made it is not made.
func (o *operations) identify(ctx context.Context) (err error) {
	if o.trail == nil || o.actor != "" {
		return nil
	}
	if !o.onAWS {
		o.actor = systemUser()
		return nil
	}
	if o.actor, err = caller(ctx); err != nil {
		return fmt.Errorf("nothing was changed, because the audit trail could not say who did it; where it cannot wait, AUDIT_DAYS=0 does it without a record: "+
			"asking STS who you are: %w", err)
	}
	return nil
}

// identifyTimeout bounds the wait for STS.
const identifyTimeout = 10 * time.Second

// caller returns the ARN of who calls AWS, which names the role and its session too. The
// call needs no permission.
func caller(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, identifyTimeout)
	defer cancel()
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return "", err
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		return "", err
	}
	if out.Arn == nil || *out.Arn == "" {
		return "", errors.New("the answer has no ARN")
	}
	return *out.Arn, nil
}

// systemUser returns who runs this program on which machine.
func systemUser() string {
	name := strconv.Itoa(os.Getuid()) // where the system has no name for it, as in a container
	if u, err := osuser.Current(); err == nil {
		name = cmp.Or(u.Username, name)
	}
	host, _ := os.Hostname()
	return name + "@" + cmp.Or(host, "localhost")
}

// because returns a context in which sessions end for that reason, by the operator.
func (o *operations) because(ctx context.Context, reason string) context.Context {
	return session.WithCause(ctx, session.Cause{Reason: reason, Actor: o.actor})
}

// tell tells an event about a user. What it has of before and after is JSON, and "" if there
// is nothing to say.
func (o *operations) tell(ctx context.Context, event, userID, before, after string) {
	args := []any{"user_id", userID, "actor", o.actor}
	if before != "" {
		args = append(args, "before", before)
	}
	if after != "" {
		args = append(args, "after", after)
	}
	events.Log(ctx, o.log, event, args...)
}

// updated tells what was set of a user: the facts with these names, and of a display name only
// that it was. It does so also if they were the same before, because an earlier run may have set
// them and lost the answer.
func (o *operations) updated(ctx context.Context, before, after *accounts.Account, names ...string) {
	was, is := facts(before, names...), known(after, names...)
	if slices.Contains(names, "display_name") {
		is["display_name"] = "set"
	}
	o.tell(ctx, "user_updated", before.UserID, was, inJSON(is))
}

// facts returns as JSON what is known of a user, and "" if that is nothing.
func facts(a *accounts.Account, names ...string) string {
	all := known(a, names...)
	if len(all) == 0 {
		return ""
	}
	return inJSON(all)
}

// known returns what operators set of a user: of roles, disabled and imported_hash, whether
// one is there, those that are named. Names to sign in with and display names are not among
// them, because the trail is kept longer than the user.
func known(a *accounts.Account, names ...string) map[string]any {
	all := map[string]any{"roles": append([]string{}, a.Roles...), "disabled": a.Disabled, "imported_hash": a.ImportedHash != ""}
	maps.DeleteFunc(all, func(name string, _ any) bool { return !slices.Contains(names, name) })
	return all
}

func inJSON(document any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		panic(err) // cannot happen: these are texts and truth values
	}
	return strings.TrimSpace(text.String())
}

// err returns an error if something that was done is not in the trail.
func (o *operations) err() error {
	if o.trail == nil {
		return nil
	}
	if err := o.trail.Err(); err != nil {
		return fmt.Errorf("what was done was done, and is not in the audit trail; do not repeat it for that: %v", err)
	}
	return nil
}
