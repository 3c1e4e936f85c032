package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

const flaskKey = "an example of a key of Flask"

// bridged are the variables of a server to which the sessions of a monolith in Flask move.
var bridged = []string{
	"LEGACY_COOKIES=session;Stateless", "BRIDGE_TABLE=on", "BRIDGE_ENDS_AT=2199-01-01T00:00:00Z",
	`LEGACY_SOURCES=[{"kind": "flask", "keys": ["` + flaskKey + `"]}]`,
}

// flask returns the cookie that Flask sets, for a user who has just signed in there.
func flask(userID string) *http.Cookie {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha1.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	encode := base64.RawURLEncoding.EncodeToString
	now := time.Now().Unix()
	payload := fmt.Sprintf(`{"_user_id":%q,"coatcheck_stamp":"AAAAAAAAAAAAAAAAAAAAAA.%d"}`, userID, now)
	signed := encode([]byte(payload)) + "." + encode(big.NewInt(now).Bytes())
	return &http.Cookie{Name: "session", Path: "/", Value: signed + "." + encode(mac(mac([]byte(flaskKey), "cookie-session"), signed))}
}

// TestBridge moves the session that a user has at a monolith to the server, and then out: a
// copy of its cookie opens nothing.
func TestBridge(t *testing.T) {
	t.Parallel()
	p := start(t, bridged)
	signedIn, err := http.Post(p.url+"/login", "application/json", strings.NewReader(fmt.Sprintf(`{"username":%q,"password":%q}`, demoUser, demoPassword)))
	if err != nil {
		t.Fatal(err)
	}
	defer signedIn.Body.Close()
	var alice struct {
		User struct {
			UserID string `json:"user_id"`
		} `json:"user"`
	}
	if err := json.NewDecoder(signedIn.Body).Decode(&alice); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	browser := func(cookies ...*http.Cookie) *http.Client {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		jar.SetCookies(at, cookies)
		return &http.Client{Jar: jar}
	}
	load := func(client *http.Client, method, path string) (page, refresh string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %d\n%s", resp.Request.URL.RequestURI(), resp.StatusCode, body), resp.Header.Get("Refresh")
	}
	client, copied := browser(flask(alice.User.UserID)), browser(flask(alice.User.UserID))
	if page, refresh := load(client, "GET", "/profile"); refresh != "0; url=/profile" || !strings.HasPrefix(page, "/convert?next=%2Fprofile 200") {
		t.Fatalf("Refresh %q, %s", refresh, page)
	}
	for _, c := range client.Jar.Cookies(at) {
		if c.Name == "session" {
			t.Error("the browser still has the monolith's cookie")
		}
	}
	// Go's jar keeps a Secure cookie from http, and sends it only to https.
	https := *at
	https.Scheme = "https"
	own := client.Jar.Cookies(&https)
	if len(own) != 1 || own[0].Name != "__Host-SESSIONID" {
		t.Fatalf("the browser has %v", own)
	}
	if status := statusWith(t, p.url, own[0].String()); status != 200 {
		t.Errorf("the new session answers %d", status)
	}
	if page, _ := load(browser(own...), "POST", "/logout"); !strings.HasPrefix(page, "/login 200") {
		t.Errorf("a logout leads to %s", page)
	}
	if page, _ := load(copied, "GET", "/profile"); !strings.HasPrefix(page, "/login?why=again&next=%2Fprofile 200") {
		t.Errorf("a copy of the cookie leads to %s", page)
	}
	if page, _ := load(copied, "POST", "/logout"); !strings.HasPrefix(page, "/login 200") || len(copied.Jar.Cookies(at)) > 0 {
		t.Errorf("a logout with the monolith's cookie alone leads to %s, with %v", page, copied.Jar.Cookies(at))
	}
}

// What is missing is named, and what to do is said.
func TestHalfABridge(t *testing.T) {
	t.Parallel()
	for says, env := range map[string][]string{
		"LEGACY_COOKIES is set, and BRIDGE_TABLE is not; set both, or neither": {"LEGACY_COOKIES=session"},
		"BRIDGE_ENDS_AT is not set": {"LEGACY_COOKIES=session", "BRIDGE_TABLE=on"},
		"LEGACY_SOURCES is not set": {"LEGACY_COOKIES=session", "BRIDGE_TABLE=on", "BRIDGE_ENDS_AT=2199-01-01T00:00:00Z"},
		"LEGACY_COOKIES:":           {"LEGACY_COOKIES=session;Secure"},
	} {
		out, err := command(t.Context(), append([]string{"ADDR=localhost:0"}, env...)).CombinedOutput()
		if err == nil || !strings.Contains(string(out), says) {
			t.Errorf("%q: %v, %s", env, err, out)
		}
	}
	start(t, []string{"BRIDGE_TABLE=on"}) // it only seals
}
