package functions_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const firstKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// firstVersion is the version of the secret that a new stack has.
const firstVersion = "7f1d0c1e-0000-4000-8000-000000000000"

// fakeAWS stands for the command aws: the stack has one secret, which is a file. The file
// versions lists its versions, the current one last.
const fakeAWS = `#!/bin/sh
cd "$FOLDER"
case "$*" in
"cloudformation describe-stacks "*SessionKeysArn*) echo arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys ;;
"cloudformation describe-stacks "*_COMPLETE*SessionKeysVersion*) case $(cat status) in *_COMPLETE) cat deployed ;; esac ;;
"secretsmanager list-secret-version-ids "*) echo $(tail -n 2 versions) ;;
"secretsmanager get-secret-value "*"--query VersionId "*) tail -n 1 versions ;;
"secretsmanager get-secret-value "*"--version-id $(tail -n 1 versions) "*) cat secret; echo ;;
"secretsmanager put-secret-value "*)
	cat > secret
	echo "7f1d0c1e-0000-4000-8000-00000000000$(($(wc -l < versions)))" >> versions
	tail -n 1 versions ;;
*) exit 1 ;;
esac
`

// fakeSAM stands for the command sam. The file fault says what goes wrong with it.
const fakeSAM = `#!/bin/sh
cd "$FOLDER"
echo "sam $*" >> sam.log
for last; do :; done
case "$1, $(cat fault)" in
"build, the build fails" | "deploy, the deployment fails") exit 1 ;;
"build, "* | "deploy, nothing is changed") exit ;;
"deploy, it is stopped") echo UPDATE_IN_PROGRESS > status; echo "${last#SessionKeysVersion=}" > deployed; exit 130 ;;
esac
echo UPDATE_COMPLETE > status
echo "${last#SessionKeysVersion=}" > deployed
`

// fakeGo stands for the command go. Instead of coatcheck's source it runs the program, which was
// built from it: go itself takes longer to find that nothing has changed.
const fakeGo = `#!/bin/sh
case "$*" in
"run ./cmd/coatcheck "*) shift 2; exec "$COATCHECK" "$@" ;;
*) exit 1 ;;
esac
`

// coatcheck returns the path of the program coatcheck. The first call builds it.
var coatcheck = sync.OnceValues(func() (string, error) {
	folder, err := kept()
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "rotation", "coatcheck")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/coatcheck").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building coatcheck: %w\n%s", err, out)
	}
	return program, nil
})

// operator rotates keys with the script, on the stand-ins for aws, sam and go.
type operator struct {
	*testing.T
	folder string
}

func newOperator(t *testing.T) operator {
	o := operator{t, t.TempDir()}
	for name, text := range map[string]string{
		"aws": fakeAWS, "sam": fakeSAM, "go": fakeGo, "secret": firstKey, "versions": firstVersion + "\n", "deployed": "\n", "status": "CREATE_COMPLETE\n", "sam.log": "", "fault": "",
	} {
		o.write(name, text)
	}
	return o
}

func (o operator) write(file, text string) {
	o.Helper()
	if err := os.WriteFile(filepath.Join(o.folder, file), []byte(text), 0o700); err != nil {
		o.Fatal(err)
	}
}

// rotate runs the script, and returns what it printed and whether it succeeded.
func (o operator) rotate(args ...string) (string, error) {
	program, err := coatcheck()
	if err != nil {
		o.Fatal(err)
	}
	cmd := exec.CommandContext(o.Context(), "../.ci/rotate", args...)
	cmd.Env = append(os.Environ(), "FOLDER="+o.folder, "COATCHECK="+program, "PATH="+o.folder+string(os.PathListSeparator)+os.Getenv("PATH"))
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
// refused stores and deploys nothing. This test alone calls the real go.
func TestRotateScript(t *testing.T) {
	o := newOperator(t)
	if err := os.Remove(filepath.Join(o.folder, "go")); err != nil {
		t.Fatal(err)
	}
	if out, err := o.rotate("remove", o.names()[0]); err == nil || !strings.Contains(out, "signs") {
		t.Errorf("removing the only key: %v\n%s", err, out)
	}
	if out, err := o.rotate(); err == nil {
		t.Errorf("without a step:\n%s", out)
	}
	if o.read("sam.log") != "" || o.read("secret") != firstKey {
		t.Fatal("a step that was refused changed something")
	}
	o.step("append")
	const want = "sam build --parameter-overrides Architecture=arm64\n" +
		"sam deploy --stack-name coatcheck --no-confirm-changeset --no-fail-on-empty-changeset --parameter-overrides Architecture=arm64 SessionKeysVersion=7f1d0c1e-0000-4000-8000-000000000001\n"
	if got := o.read("sam.log"); got != want {
		t.Errorf("called\n%swant\n%s", got, want)
	}
}

// A step that is stored and not deployed is deployed before the next one: functions that
// have not met a new key yet would not know what it signs. Until then no step changes
// anything, however often it is tried, and each answer says what to do.
func TestRotationInterrupted(t *testing.T) {
	for _, c := range []struct {
		step  int // 0 is append, 1 promote, 2 remove
		fault string
	}{
		{0, "the build fails"}, {0, "the deployment fails"}, {0, "nothing is changed"}, {0, "it is stopped"},
		{1, "nothing is changed"}, {1, "it is stopped"}, {2, "the deployment fails"},
	} {
		t.Run(strconv.Itoa(c.step)+", "+c.fault, func(t *testing.T) {
			t.Parallel()
			o := newOperator(t)
			names := o.names()
			steps := [][]string{{"append"}, {"promote", "the new key"}, {"remove", names[0]}}
			for i, step := range steps[:c.step] {
				o.step(step...)
				if i == 0 {
					steps[1][1] = o.names()[1]
				}
			}
			before := o.read("secret")
			o.write("fault", c.fault)
			wantDeploy(o, steps[c.step]...)
			stored := o.read("secret")
			if stored == before {
				t.Fatal("the step stored nothing")
			}
			if c.step == 0 {
				steps[1][1] = o.names()[1]
			}
			log := o.read("sam.log")
			for _, step := range steps {
				wantDeploy(o, step...)
			}
			if o.read("secret") != stored || o.read("sam.log") != log {
				t.Error("a step after one that was not deployed changed something")
			}
			wantDeploy(o, "deploy")
			o.write("fault", "")
			if got := o.step("deploy"); got != stored {
				t.Error("deploy changed the value")
			}
			if versions := strings.Fields(o.read("versions")); strings.TrimSpace(o.read("deployed")) != versions[len(versions)-1] {
				t.Errorf("deployed %q of %q", o.read("deployed"), versions)
			}
			switch names := o.names(); c.step {
			case 0:
				o.step("promote", names[1])
			case 1:
				o.step("remove", names[1])
			case 2:
				o.step("append")
			}
		})
	}
}

// wantDeploy runs the script, which must fail and name the command that mends it.
func wantDeploy(o operator, args ...string) {
	o.Helper()
	if out, err := o.rotate(args...); err == nil || !strings.Contains(out, "un: .ci/rotate deploy\n") {
		o.Errorf(".ci/rotate %q: %v\n%s", args, err, out)
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
	wantStatus(t, other.do(t, request{method: "GET", path: "/caller", cookie: renewed}), http.StatusOK)
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
