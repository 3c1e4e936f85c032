package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/session"
)

// migration is how far users and sessions of another system have come, in the JSON for scripts.
type migration struct {
	Users struct {
		All      int `json:"all"`
		Imported int `json:"imported"`
		WereHere int `json:"imported_and_were_here"`
		SignIn   int `json:"came_by_sign_in"`
		Here     int `json:"made_here"`
		Disabled int `json:"disabled"`
	} `json:"users"`
	Bridge   *bridgeWindow `json:"bridge,omitempty"` // absent: there is none, or BRIDGE_TABLE is not set
	Sessions []arrivals    `json:"sessions"`
	Left     []string      `json:"left"`     // names of imported users who may sign in and were never here
	NoAccess []string      `json:"no_hash"`  // names of imported users who may sign in, and have no password that could be right
	Changed  int           `json:"changed"`  // came from there, and since then the password was changed here, or they were disabled
	Against  []string      `json:"against"`  // what speaks against switching the other system off
	Complete bool          `json:"complete"` // whether every user could be read

	read bool            // whether the records of the bridge were read
	open bool            // whether sessions come over
	came map[string]bool // owners of sessions that came over
}

type bridgeWindow struct {
	EndsAt time.Time `json:"ends_at"`
	Closed bool      `json:"closed"`
}

// arrivals are the sessions of one source on one day.
type arrivals struct {
	Source string `json:"source"`
	Day    string `json:"day"`
	Came   int    `json:"came_over"`
	Ended  int    `json:"ended"` // by a logout, before or after they came over
}

func newMigration() *migration {
	return &migration{Sessions: []arrivals{}, Left: []string{}, NoAccess: []string{}, Against: []string{}, came: map[string]bool{}}
}

// addBridge reads all records of the bridge.
func (m *migration) addBridge(ctx context.Context, records bridge.Store) error {
	m.read = true
	window, err := records.GetWindow(ctx)
	if errors.Is(err, bridge.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m.Bridge = &bridgeWindow{window.EndsAt, window.Closed}
	days := map[[2]string]*arrivals{}
	for link, err := range records.Links(ctx) {
		if err != nil {
			return err
		}
		at := [2]string{link.At.Format(time.DateOnly), link.Source}
		if days[at] == nil {
			days[at] = &arrivals{Source: link.Source, Day: at[0]}
		}
		if link.Session != (session.Key{}) {
			days[at].Came++
			m.came[link.Session.Owner] = true
		}
		if link.Ended {
			days[at].Ended++
		}
	}
	for _, day := range days {
		m.Sessions = append(m.Sessions, *day)
	}
	slices.SortFunc(m.Sessions, func(a, b arrivals) int {
		return cmp.Or(strings.Compare(a.Day, b.Day), strings.Compare(a.Source, b.Source))
	})
	return nil
}

func (m *migration) addUser(user *accounts.Account) {
	m.Users.All++
	if user.Disabled {
		m.Users.Disabled++
	}
	imported, bySignIn := user.FromImport(), user.Origin == accounts.OriginSignIn
	switch {
	case bySignIn:
		m.Users.SignIn++
	case !imported:
		m.Users.Here++
	default:
		m.Users.Imported++
	}
	cameDisabled := user.Disabled && user.Version == 1 // the version grows when anybody enables or disables
	if user.IsClosed() && !cameDisabled && (imported || bySignIn) {
		m.Changed++
	}
	if !imported {
		return
	}
	here := user.HasSignedIn() || m.came[(&session.Session{UserID: user.UserID}).Key().Owner]
	switch {
	case here:
		m.Users.WereHere++
	case !user.Disabled:
		m.Left = append(m.Left, user.Name)
	}
	if !user.Disabled && strings.HasPrefix(user.PasswordHash, "!") {
		m.NoAccess = append(m.NoAccess, user.Name)
	}
}

// judge says what speaks against switching the other system off.
func (m *migration) judge(now time.Time, complete bool) {
	m.Complete = complete
	slices.Sort(m.Left)
	slices.Sort(m.NoAccess)
	against := func(format string, args ...any) { m.Against = append(m.Against, fmt.Sprintf(format, args...)) }
	if !complete {
		against("some users could not be read, so these numbers are too small")
	}
	if m.Users.Imported+m.Users.SignIn == 0 {
		against("nobody has come over")
	}
	if m.open = m.Bridge != nil && !m.Bridge.Closed && now.Before(m.Bridge.EndsAt); m.open {
		against("sessions come over until %s; wait, or take convert away and then close the bridge by: coatcheck migrate close", m.Bridge.EndsAt.Format(time.RFC3339))
	}
	if n := len(m.Left); n > 0 {
		against("%d imported users were never here; each can sign in by the password of the last import, so run it once more just before", n)
	}
	if n := len(m.NoAccess); n > 0 {
		against("%d users have no password here and cannot sign in; give them one by: coatcheck users passwd", n)
	}
	if n := m.Users.SignIn; n > 0 {
		against("%d users came at their first sign-in; who has not signed in since then is not here, so import the others before", n)
	}
}

// namesShown is how many names a list of people shows. The JSON has all of them.
const namesShown = 20

func (o output) printMigration(m *migration) error {
	if o.JSON {
		return o.printJSON(m)
	}
	u := m.Users
	fmt.Printf("Users: %d. Imported: %d, of whom %d were here. Came at a first sign-in: %d. Made here: %d. Disabled: %d.\n",
		u.All, u.Imported, u.WereHere, u.SignIn, u.Here, u.Disabled)
	m.printBridge()
	printNames("Imported, and never here", m.Left)
	printNames("Without a password", m.NoAccess)
	fmt.Printf("What would not go back: %d users made here, and %d whose password was changed here, or who were disabled, since they came.\n", u.Here, m.Changed)
	if len(m.Against) == 0 {
		_, err := fmt.Println("Nothing that is known here speaks against switching the other system off.")
		return err
	}
	fmt.Println("Before the other system is switched off:")
	for _, reason := range m.Against {
		fmt.Println("- " + reason)
	}
	return nil
}

func (m *migration) printBridge() {
	switch {
	case !m.read:
		fmt.Println("BRIDGE_TABLE is not set, so nothing is known of sessions that came over. Set it if there is or was a bridge.")
	case m.Bridge == nil:
		fmt.Println("No bridge was ever open on these records, so no session came over.")
	case m.Bridge.Closed:
		fmt.Println("The bridge is closed.")
	case !m.open:
		fmt.Printf("The bridge ended at %s.\n", m.Bridge.EndsAt.Format(time.RFC3339))
	default:
		fmt.Printf("The bridge is open until %s.\n", m.Bridge.EndsAt.Format(time.RFC3339))
	}
	if len(m.Sessions) == 0 {
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "DAY\tSOURCE\tCAME OVER\tENDED")
	for _, day := range m.Sessions {
		fmt.Fprintf(table, "%s\t%q\t%d\t%d\n", day.Day, day.Source, day.Came, day.Ended)
	}
	table.Flush()
}

// printNames prints names, quoted like all stored text, and only the first of many.
func printNames(what string, names []string) {
	if len(names) == 0 {
		return
	}
	more := ""
	if len(names) > namesShown {
		more = fmt.Sprintf(" and %d more, which --json lists", len(names)-namesShown)
	}
	quoted := fmt.Sprintf("%q", names[:min(len(names), namesShown)])
	fmt.Printf("%s: %s%s.\n", what, strings.Trim(quoted, "[]"), more)
}
