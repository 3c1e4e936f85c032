// Command coatcheck is a command-line tool for operators. It adds, changes and
// imports users, shows and ends sessions, says how far a move from another system has
// come, rotates signing keys, reads the audit trail, and makes tables, in any store of the
// server but its memory.
//
// It exits with 0 on success, 1 on failure and 2 if it was called with wrong
// arguments. It writes results to standard output, and errors to standard error, each
// in one line.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/aws/smithy-go"

	"example.com/coatcheck/pkg/config/storeconfig"
)

const description = `Adds, changes and imports users, shows and ends sessions, rotates signing keys, reads the audit trail, and makes tables.

The store is that of --store, else of the environment variable STORE, as for the server. The default is dynamodb, the deployed tables:
they are named by USERS_TABLE, SESSIONS_TABLE and ATTEMPTS_TABLE. AWS is configured as for every
other tool: AWS_REGION, AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for a local DynamoDB
AWS_ENDPOINT_URL_DYNAMODB. SESSION_IDLE_TIMEOUT, SESSION_LIFETIME, SESSION_PERSISTENT_IDLE_TIMEOUT,
SESSION_PERSISTENT_LIFETIME and SESSIONS_NOT_BEFORE, if the functions have them, decide which sessions are alive; PASSWORD_PEPPERS, if the
login function has it, goes into the hashes of new passwords. While sessions of another system come over, the commands that
end sessions need BRIDGE_TABLE too, and LEGACY_COOKIES if the functions have it.

What a command changes stands in the audit trail, with who did it: on AWS the caller's ARN, elsewhere the user of the system. In
DynamoDB AUDIT_TABLE names its table; without it there is no trail. In other stores it is there. AUDIT_DAYS says how long an entry
is kept, 400 days by default; with 0 there is no trail. A change that is made and cannot be written there is told, and the command
exits with 1.`

type commands struct {
	Store string `placeholder:"ADDRESS" help:"${store}"`

	Users struct {
		Add     addUser        `cmd:"" help:"Add a user."`
		List    listUsers      `cmd:"" help:"List all users."`
		Show    showUser       `cmd:"" help:"Show one user."`
		Set     setUser        `cmd:"" help:"Set the display name or the roles of a user."`
		Passwd  changePassword `cmd:"" help:"Set the password of a user."`
		Disable disableUser    `cmd:"" help:"Keep a user from signing in."`
		Enable  enableUser     `cmd:"" help:"Let a user sign in again."`
		Unlock  unlockName     `cmd:"" help:"Forget failed attempts to sign in to a name."`
		Rename  renameUser     `cmd:"" help:"Give a user another name."`
		Export  exportUser     `cmd:"" help:"Write all that is kept of a user, as JSON."`
		Delete  deleteUser     `cmd:"" help:"Delete a user."`
		Import  importUsers    `cmd:"" help:"Add the users of another system, with the hashes they have there."`
		Check   checkUsers     `cmd:"" help:"Claim the names and IDs of all users, and list the pairs that share a name."`
	} `cmd:"" help:"Who may sign in."`

	Sessions struct {
		List      listSessions      `cmd:"" help:"List the live sessions of a user, oldest first."`
		Revoke    revokeSessions    `cmd:"" help:"End one session of a user, or all of them."`
		EndBefore endSessionsBefore `cmd:"" help:"End every session that began before a time, of all users."`
	} `cmd:"" help:"Who is signed in."`

	Migrate struct {
		Status migrateStatus  `cmd:"" help:"Say who came over from another system, and what speaks against switching it off."`
		Close  closeMigration `cmd:"" help:"Let no session of another system come over any more."`
		Forget forgetHashes   `cmd:"" help:"Remove imported hashes of users who have a hash of ours."`
	} `cmd:"" help:"How far users and sessions of another system have come."`

	Keys struct {
		List    listKeys   `cmd:"" help:"Show the names of the keys, the one that signs first."`
		Append  appendKey  `cmd:"" help:"Make a new key, which does not sign yet."`
		Promote promoteKey `cmd:"" help:"Let a key sign."`
		Remove  removeKey  `cmd:"" help:"Remove a key, which ends the sessions that it signed."`
	} `cmd:"" help:"The keys that sign session tokens: the next value of SESSION_KEYS."`

	Audit readAudit `cmd:"" help:"Show what has happened to a user, or to all, newest first."`

	Tables struct {
		Create createTables `cmd:"" help:"Create the tables of a SQL store or of a local DynamoDB, and update SQL tables of an older release."`
		SQL    printSQL     `cmd:"" name:"sql" help:"Print the SQL that makes the tables of PostgreSQL or SQLite."`
	} `cmd:"" help:"The tables of sessions, users and attempts to sign in."`

	Version showVersion `cmd:"" help:"Print the version."`
}

func main() {
	slog.SetLogLoggerLevel(slog.LevelWarn) // the commands report what they did on standard output
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program without waiting
	var c commands
	parser := kong.Must(&c, kong.Name("coatcheck"), kong.Description(description), kong.BindTo(ctx, new(context.Context)),
		kong.Vars{"store": "Where sessions and users are kept: sqlite:PATH, postgres://…, redis://… or dynamodb. Also STORE."})
	call, err := parser.Parse(withUserIDs(likeTheServer(os.Args[1:])))
	if err != nil {
		exit(2, misuse(err)+"; see: "+parsedCommand(err)+" --help")
	}
	if err := call.Run(address(cmp.Or(c.Store, os.Getenv("STORE"), storeconfig.DynamoDB))); err != nil {
		exit(1, explain(err))
	}
}

// What was given in the wrong place may be the address of a store, with a password. These
// match kong's errors that quote it, and keep the rest: what is expected, and the names
// of commands and flags that kong may suggest.
var (
	unexpectedArgument = regexp.MustCompile(`(?s)^unexpected argument .*?(, did you mean (?:one of )?"[a-z", ]+\?)?$`)
	unknownFlag        = regexp.MustCompile(`(?s)^unknown flag .*?(, did you mean (?:one of )?"[a-z", -]+\?)?$`)
	plainUnknownFlag   = regexp.MustCompile(`^unknown flag -[a-z-]*(,|$)`)
	wrongValue         = regexp.MustCompile(`(?s) but got ".*$`)
)

// misuse returns the text of kong's error without what was given.
func misuse(err error) string {
	text := unexpectedArgument.ReplaceAllString(err.Error(), "there is an argument that belongs to nothing$1")
	if !plainUnknownFlag.MatchString(text) {
		text = unknownFlag.ReplaceAllString(text, "unknown flag$1")
	}
	return wrongValue.ReplaceAllString(text, "")
}

// withUserIDs lets a user ID be what comes after --user-id, also if it begins with -, as one of
// 64 does: kong would take it for a flag.
func withUserIDs(args []string) (joined []string) {
	for i := 0; i < len(args); i++ {
		if args[i] == "--" {
			return append(joined, args[i:]...)
		}
		if args[i] == "--user-id" && i+1 < len(args) {
			joined = append(joined, args[i]+"="+args[i+1])
			i++
			continue
		}
		joined = append(joined, args[i])
	}
	return joined
}

// likeTheServer lets -store be written as the server has it, with one dash.
func likeTheServer(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if arg == "-store" || strings.HasPrefix(arg, "-store=") {
			args[i] = "-" + arg
		}
	}
	return args
}

// parsedCommand returns the part of the command that was understood: "coatcheck users".
func parsedCommand(err error) string {
	words := []string{"coatcheck"}
	if parse, ok := errors.AsType[*kong.ParseError](err); ok {
		for _, step := range parse.Context.Path {
			if step.Command != nil {
				words = append(words, step.Command.Name)
			}
		}
	}
	return strings.Join(words, " ")
}

func exit(code int, message string) {
	printError(message)
	os.Exit(code)
}

// printError writes one line on standard error.
func printError(message string) {
	fmt.Fprintln(os.Stderr, "coatcheck:", shown(strings.ReplaceAll(message, "\n", "; ")))
}

// explain adds what the operator should check before the error of the SDK.
func explain(err error) string {
	if _, ok := errors.AsType[*smithy.OperationError](err); ok {
		return "the call to DynamoDB failed; check the table's name, AWS_REGION, the credentials and AWS_ENDPOINT_URL_DYNAMODB: " + err.Error()
	}
	return err.Error()
}
