// Package legacytest tests a [legacy.Source] with vectors: cookies, rows and answers of the
// framework whose sessions it reads.
//
// A vectors file is a JSON object with "cases", and whatever else its source wants to know.
// A case has "cookie" or "cookie_raw" (one cookie as a browser sends it) or "cookies" (by
// name), "now" in seconds since 1970, the "store" or the "row" that the monolith keeps the
// session in, "user_password_column", and "expect".
//
// This package may still change in ways that break programs.
package legacytest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"strconv"
	"testing"
	"time"

	"example.com/coatcheck/pkg/legacy"
)

// Case is one case of a vectors file.
type Case struct {
	Name           string            // what the case is about; the name of its subtest
	Cookie         string            // the one cookie, as a browser sends it; or "", and there are Cookies
	Cookies        map[string]string // by name
	Now            time.Time         // the time at which the cookie is looked at
	Store          *Entry            // in a key-value store; nil if there is none
	Row            map[string]any    // in a table; nil if there is none
	PasswordColumn string            // the password's hash as the monolith has it now; "" if it does not matter
	Expect         Expect            // what the source should say
	Accepted       *bool             // whether the framework itself has accepted the cookie; nil if the case does not say

	raw  json.RawMessage
	down func() // makes an outage of the stores that the source has; nil if it has none
}

// Entry is a value in a key-value store.
type Entry struct {
	Key     string // as the framework writes it, with its prefix
	Value   []byte // as the framework writes it
	Seconds int    // after which the store forgets the value; negative means never
}

// Expect is what a source should say of a case.
type Expect struct {
	OK         bool           `json:"ok"`           // whether the cookie proves a session; false means legacy.ErrRejected
	UserID     string         `json:"user_id"`      // of the session
	Anonymous  bool           `json:"anonymous"`    // whether nobody is signed in with the session
	Data       map[string]any `json:"data"`         // some of what [legacy.Claim.Data] has
	Identity   *string        `json:"identity"`     // nil if the case does not say
	SignedInAt *int64         `json:"signed_in_at"` // seconds since 1970, 0 for unknown; nil if the case does not say
	ExpiresAt  *int64         `json:"expires_at"`   // the same
}

// Decode reads what else the case has, such as keys, into v.
func (c *Case) Decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(c.raw, v); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
}

// cookies returns the case's cookies by name, for a source.
func (c *Case) cookies(source legacy.Source) map[string]string {
	if c.Cookie != "" {
		return map[string]string{source.Cookies()[0]: c.Cookie}
	}
	return maps.Clone(c.Cookies)
}

// stored reports whether the monolith has a row for the case.
func (c *Case) stored() bool { return c.Store != nil || c.Row != nil }

// Config reads what a vectors file has beside its cases, such as keys, into v.
func Config(t testing.TB, file string, v any) {
	t.Helper()
	if err := json.Unmarshal(read(t, file), v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Cases returns the cases of a vectors file.
func Cases(t testing.TB, file string) (cases []*Case) {
	t.Helper()
	var parsed struct{ Cases []json.RawMessage }
	Config(t, file, &parsed)
	if len(parsed.Cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	for i, raw := range parsed.Cases {
		cases = append(cases, parseCase(t, i, raw))
	}
	return cases
}

func parseCase(t testing.TB, number int, raw json.RawMessage) *Case {
	t.Helper()
	var f struct {
		Name, Cookie string
		CookieRaw    string `json:"cookie_raw"`
		Cookies      map[string]string
		Now          int64
		Row          map[string]any
		Store        *struct {
			Key, Value  string
			ValueBase64 string `json:"value_base64"`
			TTL         int
		}
		Column   string `json:"user_password_column"`
		Devise   string `json:"user_encrypted_password"`
		Accepted *bool  `json:"framework_accepts"`
		Expect   struct {
			Expect
			DataSubset map[string]any `json:"data_subset"` // another name of data
			SessionID  *string        `json:"session_id"`  // another name of identity
		}
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatalf("case %d: %v", number, err)
	}
	c := &Case{
		Name: strconv.Itoa(number) + "_" + f.Name, Cookie: cmp.Or(f.Cookie, f.CookieRaw), Cookies: f.Cookies,
		Now: time.Unix(cmp.Or(f.Now, 1760000060), 0).UTC(), Row: f.Row, PasswordColumn: cmp.Or(f.Column, f.Devise),
		Expect: f.Expect.Expect, Accepted: f.Accepted, raw: raw,
	}
	if c.Expect.Data == nil {
		c.Expect.Data = f.Expect.DataSubset
	}
	c.Expect.Identity = cmp.Or(c.Expect.Identity, f.Expect.SessionID)
	if f.Store != nil {
		value, err := base64.StdEncoding.DecodeString(f.Store.ValueBase64)
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if f.Store.ValueBase64 == "" {
			value = []byte(f.Store.Value)
		}
		c.Store = &Entry{Key: f.Store.Key, Value: value, Seconds: f.Store.TTL}
	}
	return c
}
