package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
)

// damage changes the user's item so that it cannot be read.
func (s *shell) damage(name string) {
	s.Helper()
	table := s.env["USERS_TABLE"]
	_, err := s.client().UpdateItem(s.Context(), &dynamodb.UpdateItemInput{
		TableName:                 &table,
		Key:                       map[string]types.AttributeValue{"name": &types.AttributeValueMemberS{Value: name}},
		UpdateExpression:          new("SET version = :text"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":text": &types.AttributeValueMemberS{Value: "x"}},
	})
	if err != nil {
		s.Fatal(err)
	}
}

// faultyShell is a shell whose calls go through a proxy that can make them fail, and
// the user alice, who has a session.
type faultyShell struct {
	*shell
	through *shell
	proxy   *dynamotest.Proxy
	alice   *accounts.Account
}

func newFaultyShell(t *testing.T) *faultyShell {
	sh, proxy := newShell(t), dynamotest.NewProxy(t)
	sh.ok(phrase, "users", "add", "alice", "--role=admin")
	f := &faultyShell{sh, sh.with("AWS_ENDPOINT_URL_DYNAMODB", proxy.URL), proxy, sh.stored("alice")}
	f.signIn(f.alice.UserID)
	return f
}

// outage makes all tries of one call fail. The first calls of the same kind still
// succeed; after is their number. The call is an action and the variable of a table.
func (f *faultyShell) outage(call string, fault dynamotest.Fault, after int) {
	action, variable, _ := strings.Cut(call, " ")
	faults := make([]dynamotest.Fault, after)
	f.proxy.Fail(action+" "+f.env[variable], append(faults, fault, fault, fault)...)
}

// sessions returns the number of alice's sessions in the store. It works also after
// alice was deleted.
func (f *faultyShell) sessions() int {
	f.Helper()
	live, err := f.manager().List(f.Context(), f.alice.UserID)
	if err != nil {
		f.Fatal(err)
	}
	return len(live)
}

const hint = `the call to DynamoDB failed; check .*: `

const runAgain = "some sessions may be left, run it again: .*"

// TestChangesInterrupted interrupts disable, set and delete after each of their
// steps. The steps are done in the right order, the error says what was done, and
// running the command again does the rest.
func TestChangesInterrupted(t *testing.T) {
	const users, sessions = "USERS_TABLE", "SESSIONS_TABLE"
	for _, test := range []struct {
		name, args, call, want string
		changed, signedOut     bool // the state after the first run
	}{
		{"disable", "disable alice", "UpdateItem " + users, hint + `disabling user "alice", run it again: .*`, false, false},
		{"disable, sessions not listed", "disable alice", "Query " + sessions, hint + `user "alice" is disabled: ` + runAgain, true, false},
		{"disable, session not deleted", "disable alice", "DeleteItem " + sessions, hint + `user "alice" is disabled: ` + runAgain, true, false},
		{"set", "set alice --no-roles", "UpdateItem " + users, hint + `changing user "alice": .*`, false, false},
		{"set, sessions not listed", "set alice --no-roles", "Query " + sessions, hint + `user "alice" is changed: ` + runAgain, true, false},
		{"set, session not deleted", "set alice --no-roles", "DeleteItem " + sessions, hint + `user "alice" is changed: ` + runAgain, true, false},
		{"delete", "delete alice", "UpdateItem " + users, hint + `disabling user "alice", run it again: .*`, false, false},
		{"delete, sessions not listed", "delete alice", "Query " + sessions, hint + `user "alice" is disabled: ` + runAgain, true, false},
		{"delete, session not deleted", "delete alice", "DeleteItem " + sessions, hint + `user "alice" is disabled: ` + runAgain, true, false},
		{"delete, user not deleted", "delete alice", "DeleteItem " + users, hint + `user "alice" is disabled and signed out, but may not be deleted; run it again: .*`, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFaultyShell(t)
			f.outage(test.call, dynamotest.Refuse, 0)
			f.through.fails(1, test.want, "", strings.Fields("users "+test.args)...)
			now := f.stored("alice")
			if changed := now.Version != f.alice.Version; changed != test.changed || (f.sessions() == 0) != test.signedOut {
				t.Errorf("after the outage %+v, with %d sessions", now, f.sessions())
			}
			if test.changed && !strings.HasPrefix(test.args, "set") && !now.Disabled {
				t.Error("the user may still sign in")
			}

			f.through.ok("", strings.Fields("users "+test.args)...)
			now, err := f.users().Get(t.Context(), "alice")
			if f.sessions() != 0 {
				t.Errorf("%d sessions are left", f.sessions())
			}
			switch {
			case strings.HasPrefix(test.args, "delete"):
				if !errors.Is(err, accounts.ErrNotFound) {
					t.Errorf("the user is left: %+v, %v", now, err)
				}
			case strings.HasPrefix(test.args, "disable"):
				if err != nil || !now.Disabled {
					t.Errorf("the user may still sign in: %+v, %v", now, err)
				}
			default:
				if err != nil || len(now.Roles) != 0 {
					t.Errorf("the roles are left: %+v, %v", now, err)
				}
			}
		})
	}
}

// TestChangesWithLostAnswers: if the answer to a write is lost, the second try
// recognises the write.
func TestChangesWithLostAnswers(t *testing.T) {
	f := newFaultyShell(t)
	for _, call := range []string{"UpdateItem", "DeleteItem"} {
		f.proxy.Fail(call, dynamotest.LoseAnswer)
	}
	f.through.ok("", "users", "disable", "alice")
	f.proxy.Fail("DeleteItem "+f.env["USERS_TABLE"], dynamotest.LoseAnswer)
	f.through.ok("", "users", "delete", "alice")
	if _, err := f.users().Get(t.Context(), "alice"); !errors.Is(err, accounts.ErrNotFound) || f.sessions() != 0 {
		t.Errorf("the user is left: %v, with %d sessions", err, f.sessions())
	}
}

// TestPasswdInterrupted interrupts passwd after each of its steps. The old password
// stays valid until the sessions are ended, and running the command again does the
// rest.
func TestPasswdInterrupted(t *testing.T) {
	const prefix = hint + `the password of user "alice" may still be the old one; run it again in 15 seconds: `
	for _, test := range []struct {
		name, call     string
		after          int
		fault          dynamotest.Fault
		want           string
		frozen, signed bool
	}{
		{"not frozen", "UpdateItem USERS_TABLE", 0, dynamotest.Refuse, prefix + ".*", false, true},
		{"frozen, and the answer lost", "UpdateItem USERS_TABLE", 0, dynamotest.LoseAnswer, "", false, false}, // the second try recognises it
		{"sessions not listed", "Query SESSIONS_TABLE", 0, dynamotest.Refuse, prefix + runAgain, false, true},
		{"session not deleted", "DeleteItem SESSIONS_TABLE", 0, dynamotest.Refuse, prefix + runAgain, false, true},
		{"not thawed", "UpdateItem USERS_TABLE", 1, dynamotest.Refuse, prefix + ".*", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFaultyShell(t)
			if test.fault == dynamotest.LoseAnswer {
				f.proxy.Fail("UpdateItem "+f.env["USERS_TABLE"], test.fault)
				f.through.ok(better, "users", "passwd", "alice")
				f.signsIn("alice", better)
				return
			}
			f.outage(test.call, test.fault, test.after)
			f.through.fails(1, test.want, better, "users", "passwd", "alice")
			now := f.stored("alice")
			if now.PasswordHash != f.alice.PasswordHash || (f.sessions() == 1) != test.signed || now.FrozenUntil.IsZero() == test.frozen {
				t.Errorf("after the outage %+v, with %d sessions", now, f.sessions())
			}
			if test.frozen {
				f.freezeUntil(now, time.Now().Add(time.Hour)) // so that the freeze outlasts the next command
				f.through.fails(1, `user "alice" is being changed by somebody else, or by a change that was interrupted; run it again in 15 seconds`, better, "users", "passwd", "alice")
				f.freezeUntil(f.stored("alice"), time.Now().Add(-time.Second)) // as if 15 seconds had passed
			}
			f.signsIn("alice", phrase)
			f.through.ok(better, "users", "passwd", "alice")
			f.signsIn("alice", better)
			if f.sessions() != 0 {
				t.Errorf("%d sessions are left", f.sessions())
			}
		})
	}
}

// freezeUntil moves the end of a freeze.
func (f *faultyShell) freezeUntil(a *accounts.Account, end time.Time) {
	f.Helper()
	a.FrozenUntil = end.Truncate(time.Second)
	if err := f.users().Update(f.Context(), a, "until "+end.String()); err != nil {
		f.Fatal(err)
	}
}

// TestOrderOfWrites: a command changes the account before it lists the sessions. In
// the other order, a sign-in between the two steps would keep its session.
func TestOrderOfWrites(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"disable alice", "UpdateItem Query DeleteItem"},
		{"set alice --role=other", "UpdateItem Query DeleteItem"},
		{"delete alice", "UpdateItem Query DeleteItem BatchGetItem PutItem PutItem UpdateItem DeleteItem DeleteItem"},
		{"passwd alice", "UpdateItem Query DeleteItem UpdateItem"},
		{"set alice --display-name=A", "UpdateItem"},
		{"enable alice", "UpdateItem"},
	} {
		f := newFaultyShell(t)
		f.through.ok(better, strings.Fields("users "+test.args)...)
		var actions []string
		for _, call := range f.proxy.Take() {
			if call.Action != "GetItem" {
				actions = append(actions, call.Action)
			}
		}
		if got := strings.Join(actions, " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.args, got, test.want)
		}
	}
}
