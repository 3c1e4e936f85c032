package runbook_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"testing"
	"time"
)

// TestLeakOfOneUser: each command ends every session of the user, and nobody else's.
func TestLeakOfOneUser(t *testing.T) {
	s := deployed(t, nil)
	s.add("bob", alicesPassword)
	p := s.procedure("Of one user")
	bob := s.browser().signIn("bob", alicesPassword)
	thief := s.browser().signIn("alice", alicesPassword).copied()
	p.run("sessions revoke alice", "")
	thief.wantProfile(http.StatusUnauthorized)

	thief = s.browser().signIn("alice", alicesPassword).copied()
	p.run("users disable alice", "")
	thief.wantProfile(http.StatusUnauthorized)
	if status := s.browser().login("alice", alicesPassword); status != http.StatusUnauthorized {
		t.Errorf("a disabled user: status %d", status)
	}

	p.run("users passwd alice", newPassword+"\n")
	if status := s.browser().login("alice", alicesPassword); status != http.StatusUnauthorized {
		t.Errorf("the password of before: status %d", status)
	}
	s.browser().signIn("alice", newPassword)
	bob.wantProfile(http.StatusOK)
}

// TestLeakOfEverybody: everybody is signed out, signs in again, and stays.
func TestLeakOfEverybody(t *testing.T) {
	s := deployed(t, nil)
	s.add("bob", alicesPassword)
	p := s.procedure("Of everybody")
	alice, bob := s.browser().signIn("alice", alicesPassword), s.browser().signIn("bob", alicesPassword)
	s.nextSecond()
	p.run("SessionsNotBefore", "")
	for _, user := range []*client{alice, bob} {
		user.wantProfile(http.StatusUnauthorized)
	}
	if left := s.count("SessionsTable"); left != 0 {
		t.Errorf("%d sessions are stored after the command", left)
	}
	s.nextSecond()
	s.browser().signIn("alice", alicesPassword).wantProfile(http.StatusOK)
}

// flaskKey signs the sessions of the monolith of TestLeakOfTheMonolithsKeys.
const flaskKey = "an example of a key of Flask"

// TestLeakOfTheMonolithsKeys: after the deployment no session comes over.
func TestLeakOfTheMonolithsKeys(t *testing.T) {
	s := newStack(t)
	arn, err := s.aws("secretsmanager", "create-secret", "--name", "monolith", "--query", "ARN", "--output", "text",
		"--secret-string", `[{"kind": "flask", "keys": ["`+flaskKey+`"]}]`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.deploy(map[string]string{
		"LegacyCookies": "session;Stateless", "LegacySourcesArn": arn, "BridgeEndsAt": "2199-01-01T00:00:00Z", "ConvertEnabled": "true",
	}); err != nil {
		t.Fatal(err)
	}
	s.add("alice", alicesPassword)
	p := s.procedure("Of the monolith's keys")
	var alice struct {
		UserID string `json:"user_id"`
	}
	if err := json.Unmarshal([]byte(s.browser().signIn("alice", alicesPassword).wantProfile(http.StatusOK).body), &alice); err != nil {
		t.Fatal(err)
	}
	if status := s.convert(alice.UserID, 1); status != http.StatusOK {
		t.Errorf("before: status %d", status)
	}
	p.run("ConvertEnabled=false", "")
	if status := s.convert(alice.UserID, 2); status == http.StatusOK {
		t.Errorf("a session comes over after the deployment")
	}
}

// convert forges a session of the monolith for the user, and returns the status with which
// a program is answered at /convert.
func (s *stack) convert(userID string, n int) int {
	s.Helper()
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha1.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	encode := base64.RawURLEncoding.EncodeToString
	session := fmt.Sprintf(`{"_user_id":%q,"coatcheck_stamp":"AAAAAAAAAAAAAAAAAAAA%02d.%d"}`, userID, n, time.Now().Unix())
	signed := encode([]byte(session)) + "." + encode(big.NewInt(time.Now().Unix()).Bytes())
	forger := s.browser()
	forger.cookies["session"] = signed + "." + encode(mac(mac([]byte(flaskKey), "cookie-session"), signed))
	return forger.do("POST", "/convert", "").status
}
