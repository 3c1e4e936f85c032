package functions_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const firstKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// fakeAWS stands for the command aws: the stack has one secret, which is a file.
const fakeAWS = `#!/bin/sh
case "$1 $2" in
"cloudformation describe-stacks") echo arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys ;;
"secretsmanager get-secret-value") cat "$FOLDER/secret"; echo ;;
"secretsmanager put-secret-value") cat > "$FOLDER/secret"; echo 7f1d0c1e-0000-4000-8000-000000000001 ;;
*) exit 1 ;;
esac
`

// fakeSAM stands for the command sam.
const fakeSAM = `#!/bin/sh
echo "sam $*" >> "$FOLDER/sam.log"
`

// operator rotates keys with the script, on the stand-ins for aws and sam.
type operator struct {
	*testing.T
	folder string
}

func newOperator(t *testing.T) operator {
	o := operator{t, t.TempDir()}
	for name, text := range map[string]string{"aws": fakeAWS, "sam": fakeSAM, "secret": firstKey} {
		if err := os.WriteFile(filepath.Join(o.folder, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// rotate runs the script, and returns what it printed and whether it succeeded.
func (o operator) rotate(args ...string) (string, error) {
	cmd := exec.CommandContext(o.Context(), "../.ci/rotate", args...)
	cmd.Env = append(os.Environ(), "FOLDER="+o.folder, "PATH="+o.folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	for key := range strings.SplitSeq(o.read("secret"), ",") {
		if strings.Contains(string(out), key) {
			o.Errorf(".ci/rotate %q shows a key", args)
		}
	}
	return string(out), err
}

// step runs the script, which must succeed, and returns the value that it stored.
func (o operator) step(args ...string) string {
	o.Helper()
	if out, err := o.rotate(args...); err != nil {
		o.Fatalf(".ci/rotate %q: %v\n%s", args, err, out)
	}
	return o.read("secret")
}

// names returns the names of the keys, the one that signs first.
func (o operator) names() []string {
	o.Helper()
	out, err := o.rotate("list")
	if err != nil {
		o.Fatal(err, out)
	}
	var names []string
	for line := range strings.Lines(out) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

func (o operator) read(file string) string {
	text, err := os.ReadFile(filepath.Join(o.folder, file))
	if err != nil {
		o.Fatal(err)
	}
	return string(text)
}

// rotation returns the values of SESSION_KEYS in the order of a rotation: before it, and
// after each of its three steps.
func rotation(t *testing.T) []string {
	t.Helper()
	o := newOperator(t)
	appended := o.step("append")
	names := o.names()
	return []string{firstKey, appended, o.step("promote", names[1]), o.step("remove", names[0])}
}

// Each step builds what it deploys, and deploys the value that it stored. A step that is
// refused stores and deploys nothing.
func TestRotateScript(t *testing.T) {
	o := newOperator(t)
	if out, err := o.rotate("remove", o.names()[0]); err == nil || !strings.Contains(out, "signs") {
		t.Errorf("removing the only key: %v\n%s", err, out)
	}
	if out, err := o.rotate(); err == nil {
		t.Errorf("without a step:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(o.folder, "sam.log")); err == nil || o.read("secret") != firstKey {
		t.Fatal("a step that was refused changed something")
	}
	o.step("append")
	const want = "sam build --parameter-overrides Architecture=arm64\n" +
		"sam deploy --stack-name coatcheck --parameter-overrides Architecture=arm64 SessionKeysVersion=7f1d0c1e-0000-4000-8000-000000000001\n"
	if got := o.read("sam.log"); got != want {
		t.Errorf("called\n%swant\n%s", got, want)
	}
}

func withKeys(keys string) map[string]string { return map[string]string{"SESSION_KEYS": keys} }

// TestKeyRotation rotates the signing keys. In each step functions of two ages run
// side by side, those with the old value and those with the new one. A user who meets
// now the ones and now the others is never signed out, and a logout ends the session
// for all of them.
func TestKeyRotation(t *testing.T) {
	ages := rotation(t)
	old := newStack(t, withKeys(ages[0]))
	first := old.signIn(t) // the first key signs it
	for step, keys := range ages[1:] {
		fresh := old.again(t, withKeys(keys))
		for _, side := range [][2]*stack{{old, fresh}, {fresh, old}} {
			cookie := side[0].signIn(t)
			signInAndOut(t, side[0], side[1])
			for _, cookie := range []string{cookie, first} {
				if step == 2 && cookie == first {
					continue // the third step waits until no session is left that the first key signed
				}
				wantStatus(t, side[0].do(t, profile(cookie)), http.StatusOK)
				wantStatus(t, side[1].do(t, profile(cookie)), http.StatusOK)
			}
		}
		old = fresh
	}
	wantStatus(t, old.do(t, profile(first)), http.StatusUnauthorized)
}

// signInAndOut takes a user through both ages: the sign-in at one, all else at the other.
func signInAndOut(t *testing.T, one, other *stack) {
	t.Helper()
	cookie := one.signIn(t)
	wantStatus(t, other.do(t, profile(cookie)), http.StatusOK)
	r := other.do(t, request{method: "POST", path: "/reauthenticate", cookie: cookie, contentType: "application/json", body: `{"password":"` + password + `"}`})
	wantStatus(t, r, http.StatusNoContent)
	renewed := r.cookie()
	wantStatus(t, one.do(t, profile(renewed)), http.StatusOK)
	wantStatus(t, one.do(t, request{method: "POST", path: "/preferences", cookie: renewed, contentType: "application/json", body: `{"theme":"dark"}`}), http.StatusNoContent)
	wantStatus(t, other.do(t, request{method: "GET", path: "/whoami", cookie: renewed}), http.StatusOK)
	for _, ending := range []*stack{one, other} {
		cookie := one.signIn(t)
		wantStatus(t, ending.do(t, request{method: "POST", path: "/logout", cookie: cookie}), http.StatusNoContent)
		for _, s := range []*stack{one, other} {
			wantStatus(t, s.do(t, profile(cookie)), http.StatusUnauthorized)
		}
	}
}

// If a new key is put in front in one step, whoever signs in at a function that has it
// is signed out at one that has it not. This is why a rotation has two steps.
func TestKeyRotationInOneStepSignsOut(t *testing.T) {
	promoted := rotation(t)[2]
	old := newStack(t, withKeys(firstKey))
	fresh := old.again(t, withKeys(promoted))
	cookie := fresh.signIn(t)
	wantStatus(t, fresh.do(t, profile(cookie)), http.StatusOK)
	wantStatus(t, old.do(t, profile(cookie)), http.StatusUnauthorized)
}
