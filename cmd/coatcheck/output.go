package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/accounts/throttle"
)

// output prints the result of a command on users. Stored text is quoted on a
// terminal, because it could contain control sequences for the terminal. No command
// prints a password hash.
type output struct {
	JSON bool `name:"json" help:"Write JSON, for scripts, and nothing else."`
}

// user is an account in the JSON for scripts.
type user struct {
	Name           string            `json:"name"`
	Username       string            `json:"username"`
	UserID         string            `json:"user_id"`
	DisplayName    string            `json:"display_name"`
	Roles          []string          `json:"roles"`
	Preferences    map[string]string `json:"preferences"`
	Disabled       bool              `json:"disabled"`
	FrozenUntil    time.Time         `json:"frozen_until,omitzero"`
	CreatedAt      time.Time         `json:"created_at,omitzero"`   // absent: not known
	LastUsedAt     time.Time         `json:"last_used_at,omitzero"` // absent: never since created_at, or not known if that is absent too
	PasswordScheme string            `json:"password_scheme"`
	Refused        []refusal         `json:"refused,omitempty"` // only in users show and users list
}

// refusal is a limit of failed attempts in the JSON for scripts.
type refusal struct {
	By       string    `json:"by"` // "name": on unknown devices; "device": on known ones; "user": in sessions of the user
	Failures int       `json:"failures"`
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until,omitzero"` // absent: until users unlock
}

// printResult reports that a user was changed. In JSON it prints the changed user.
func (o output) printResult(a *accounts.Account, format string, args ...any) error {
	if o.JSON {
		return o.printUserJSON(limitedUser{Account: a})
	}
	_, err := fmt.Printf(format+"\n", args...)
	return err
}

// printUser prints everything about one user.
func (o output) printUser(a limitedUser) error {
	if o.JSON {
		return o.printUserJSON(a)
	}
	_, err := fmt.Printf("Name          %q\nSigns in as   %q\nDisplay name  %q\nUser ID       %q\nRoles         %q\nPreferences   %q\nMade          %s\nLast sign-in  %s\nState         %s\nAttempts      %s\nPassword      %s\n",
		a.Name, a.Username, a.DisplayName, a.UserID, a.Roles, a.Preferences, made(a.Account), used(a.Account), state(a), cmp.Or(describe(a.stops), "allowed"), password.Scheme(a.PasswordHash))
	return err
}

// listFormat is the format of a line of the list. The names come last, because they can
// be long.
const listFormat = "%-24s  %-8s  %-22s  %-12s  %s\n"

// printRow prints a line of the list, and a header before the first line.
func (o output) printRow(a limitedUser, first bool) error {
	if o.JSON {
		return o.printUserJSON(a)
	}
	if first {
		fmt.Printf(listFormat, "USER ID", "STATE", "PASSWORD", "LAST SIGN-IN", "NAME, DISPLAY NAME, ROLES, REFUSED ATTEMPTS")
	}
	_, err := fmt.Printf(listFormat, fmt.Sprintf("%q", a.UserID), state(a), password.Scheme(a.PasswordHash), used(a.Account),
		strings.TrimSpace(fmt.Sprintf("%q %q %q %s", a.Name, a.DisplayName, a.Roles, describe(a.stops))))
	return err
}

func state(a limitedUser) string {
	switch {
	case a.RenamedFrom != "":
		return "renaming" // a run of users rename was interrupted
	case a.Disabled:
		return "disabled"
	case time.Now().Before(a.FrozenUntil):
		return "frozen"
	case slices.ContainsFunc(a.stops, func(s throttle.Stop) bool { return s.Until.IsZero() }):
		return "locked"
	case slices.ContainsFunc(a.stops, func(s throttle.Stop) bool { return s.By != "device" }):
		return "waits"
	}
	return "active"
}

func (o output) printUserJSON(a limitedUser) error {
	u := user{
		Name: a.Name, Username: a.Username, UserID: a.UserID, DisplayName: a.DisplayName, Roles: a.Roles, Preferences: a.Preferences,
		Disabled: a.Disabled, FrozenUntil: a.FrozenUntil, CreatedAt: a.CreatedAt, LastUsedAt: a.LastUsedAt, PasswordScheme: password.Scheme(a.PasswordHash),
	}
	for _, stop := range a.stops {
		u.Refused = append(u.Refused, refusal(stop))
	}
	if u.Roles == nil {
		u.Roles = []string{}
	}
	if u.Preferences == nil {
		u.Preferences = map[string]string{}
	}
	return o.printJSON(u)
}

// member is one account of a pair in the JSON for scripts.
type member struct {
	Name   string `json:"name"`
	UserID string `json:"user_id"`
}

// printPair prints two accounts whose names are one.
func (o output) printPair(pair accounts.Pair) error {
	a, b := pair.Account, pair.Other
	if o.JSON {
		return o.printJSON(struct {
			Pair [2]member `json:"pair"`
		}{[2]member{{a.Name, a.UserID}, {b.Name, b.UserID}}})
	}
	_, err := fmt.Printf("One name: %q with the user ID %q, and %q with the user ID %q.\n", a.Name, a.UserID, b.Name, b.UserID)
	return err
}

// printChecked prints the summary of a check.
func (o output) printChecked(users, pairs int, complete bool) error {
	if o.JSON {
		return o.printJSON(struct {
			Users    int  `json:"users"`
			Pairs    int  `json:"pairs"`
			Complete bool `json:"complete"`
		}{users, pairs, complete})
	}
	_, err := fmt.Printf("Users: %d. Pairs with one name: %d.\n", users, pairs)
	return err
}

// printJSON prints one document in one line. It escapes characters that could control
// a terminal. JSON itself requires this only for the first 32 characters.
func (o output) printJSON(document any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	var line strings.Builder
	for _, r := range string(text) {
		if r < 0x7f || unicode.IsPrint(r) {
			line.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&line, `\u%04x`, unit)
		}
	}
	_, err = fmt.Println(line.String())
	return err
}
