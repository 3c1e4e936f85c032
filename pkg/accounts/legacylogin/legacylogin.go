// Package legacylogin asks another system, over https, whether it knows a name and a
// password: a monolith whose users move here one by one, each at the first sign-in.
//
// # What is asked and answered
//
// One POST to a fixed address, with the header "Authorization: Bearer KEY" and JSON:
//
//	{"username": "…", "password": "…"}
//
// The name is as the user typed it. The other system answers with the status 200 and JSON
// if the two are right, and with 401 if they are not:
//
//	{"user_id": 17, "username": "alice", "display_name": "Alice A.", "roles": ["member"]}
//
// user_id is a text or a whole number in plain digits; display_name and roles may be
// absent, and other members are ignored. Everything else is an outage: another status,
// such as the 403 or 404 of a path that is not open to us or not there, a redirect, an answer
// that is too late, over 64 KB, or not as said here.
//
// This package may still change in ways that break programs.
package legacylogin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"example.com/coatcheck/internal/lazily"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/signin/authn"
)

const (
	timeout   = 5 * time.Second // of a question and its answer
	maxAnswer = 64 << 10        // bytes
)

// MinKey is the minimum length of a key, in characters.
const MinKey = 32

// Client is an [accounts.Elsewhere]. It is safe for concurrent use.
type Client struct {
	address, key string
	http         *http.Client
}

// New returns a client that asks at an address such as
// https://www.example.com/internal/login. It makes no call. The address begins with
// https://, or with http:// where its host is this machine: localhost or a loopback
// address. The key has at least MinKey visible ASCII characters. The errors quote
// neither of the two.
func New(address, key string) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the address is not a URL such as https://www.example.com/internal/login, without a user and a fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("the address begins with http://, and passwords would be sent in the clear; use https://, which only localhost and loopback addresses do without")
	case len(key) < MinKey:
		return nil, fmt.Errorf("the key has %d characters; at least %d are needed", len(key), MinKey)
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the key has characters other than visible ASCII; make one with: openssl rand -hex 32")
	}
	return &Client{address, key, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Ask implements [accounts.Elsewhere] by one POST, which is not sent again. It waits five
// seconds at most, and less if ctx ends before. No error quotes the address, the key, the
// name or the password.
func (c *Client) Ask(ctx context.Context, username, password string) (accounts.Person, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := c.post(ctx, username, password)
	if err != nil {
		return accounts.Person{}, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return read(answer.Body)
	case http.StatusUnauthorized:
		return accounts.Person{}, authn.ErrRefused
	}
	return accounts.Person{}, fmt.Errorf("the other system answered %d; it must answer 200 or 401", answer.StatusCode)
}

func (c *Client) post(ctx context.Context, username, password string) (*http.Response, error) {
	question, err := json.Marshal(struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}{username, password})
	if err != nil {
		return nil, authn.ErrRefused // it is not UTF-8, and JSON cannot carry it as it is
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(question))
	if err != nil {
		return nil, errors.New("the address of the other system cannot be used")
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	answer, err := c.http.Do(r)
	if quoting, ok := errors.AsType[*url.Error](err); ok {
		err = quoting.Err // without the address
	}
	if err != nil {
		return nil, fmt.Errorf("asking the other system: %w", err)
	}
	return answer, nil
}

var errAnswer = errors.New(`the other system's answer is not as it must be: {"user_id": a text or a whole number in plain digits, "username": a text, "display_name": a text or absent, "roles": a list of texts or absent}`)

// read reads a yes.
func read(body io.Reader) (who accounts.Person, err error) {
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return who, fmt.Errorf("reading the other system's answer: %w", err)
	}
	if len(text) > maxAnswer {
		return who, fmt.Errorf("the other system's answer is longer than %d bytes", maxAnswer)
	}
	var yes struct {
		UserID      jsontext.Value `json:"user_id"`
		Username    *string        `json:"username"`
		DisplayName string         `json:"display_name"`
		Roles       []string       `json:"roles"`
	}
	if err := json.Unmarshal(text, &yes); err != nil || yes.Username == nil {
		return who, errAnswer
	}
	id, ok := userID(yes.UserID)
	if !ok {
		return who, errAnswer
	}
	return accounts.Person{UserID: id, Username: *yes.Username, DisplayName: yes.DisplayName, Roles: yes.Roles}, nil
}

// plainInteger is a whole number in the only spelling that every program writes.
var plainInteger = lazily.Regexp(`^(0|-?[1-9][0-9]*)$`)

// userID returns a text byte for byte, and a whole number in its digits.
func userID(value jsontext.Value) (id string, ok bool) {
	if plainInteger().Match(value) {
		return string(value), true
	}
	err := json.Unmarshal(value, &id)
	return id, err == nil && id != ""
}
