// Package contract sends what docs/openapi.yaml allows, and more, to a running server. It is run
// by make contract, and not by make test.
package contract

import (
	"bufio"
	"bytes"
	"cmp"
	crand "crypto/rand"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/openapi"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

const (
	root     = "../.."
	phrase   = "correct horse battery staple"
	flaskKey = "an example of a key of Flask"
	users    = 300 // of each kind
)

// unreached are the successes that no case can get from cmd/server, with the reason.
var unreached = map[string]string{
	"GET /caller 200 application/json": "it is a function behind the authorizer of API Gateway, and cmd/server has none",
}

// TestContract runs schemathesis against the server of this tree for as many minutes as
// MINUTES says. Then each success that the document has was seen, with each of its types.
func TestContract(t *testing.T) {
	python := os.Getenv("CONTRACT_PYTHON")
	if python == "" {
		t.Fatal("CONTRACT_PYTHON is not set; run make contract, which installs schemathesis first")
	}
	document, here := absolute(t, root+"/docs/openapi.yaml"), absolute(t, ".")
	run(t, filepath.Join(python, "openapi-spec-validator"), document)

	at := "http://localhost:" + testenv.FreePort(t)
	provider := newProvider(t, at)
	serve(t, at, provider)
	report := filepath.Join(t.TempDir(), "report")
	seed := cmp.Or(os.Getenv("SEED"), strconv.Itoa(rand.IntN(1_000_000)))
	t.Logf("SEED=%s begins with the same cases", seed)
	err := try(t.TempDir(), []string{ // it leaves files where it runs
		"SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH=" + here, "PYTHONDONTWRITEBYTECODE=1", "CONTRACT_SERVER=" + at, "CONTRACT_PROVIDER=" + provider.URL, "CONTRACT_FLASK_KEY=" + flaskKey,
		"CONTRACT_PASSWORD=" + phrase, "CONTRACT_USERS=" + strconv.Itoa(users), "CONTRACT_REPORT=" + report,
	}, filepath.Join(python, "schemathesis"), "--config-file", filepath.Join(here, "schemathesis.toml"), "--no-color", "run", document, "--url", at, "--seed", seed, "--max-time", seconds(t),
		"--phases", "examples,coverage,fuzzing", "--exclude-tag", "operators", "--exclude-tag", "lambda", "--continue-on-failure", "--generation-database", "none",
		"--suppress-health-check", "all", "--warnings", "off", "--workers", "2")
	if err != nil {
		t.Error(err)
	}
	compare(t, document, report)
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// seconds returns how long the run takes: MINUTES, or three of them.
func seconds(t *testing.T) string {
	t.Helper()
	minutes, err := strconv.ParseFloat(cmp.Or(os.Getenv("MINUTES"), "3"), 64)
	if err != nil || minutes <= 0 {
		t.Fatalf("MINUTES is %q; it must be a number above 0, such as 3", os.Getenv("MINUTES"))
	}
	return strconv.Itoa(int(math.Ceil(minutes * 60)))
}

// run runs a program in this folder, which has to succeed.
func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if err := try(".", nil, program, args...); err != nil {
		t.Fatal(err)
	}
}

// try runs a program in the folder. What it prints is shown.
func try(folder string, env []string, program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(program), err)
	}
	return nil
}

// newProvider returns an OpenID provider at which one user is signed in always. At /notice it
// gives away notices that a session has ended, for the server at that address.
func newProvider(t *testing.T, at string) *httptest.Server {
	t.Helper()
	issuer := oidctest.NewIssuer(t)
	mux := http.NewServeMux()
	mux.Handle("/", issuer)
	mux.HandleFunc("/notice", func(w http.ResponseWriter, _ *http.Request) {
		io.Copy(w, issuer.Notice(at+"/sso/ended", map[string]any{"sid": crand.Text()}).Body)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	issuer.URL = server.URL
	issuer.User = map[string]any{"sub": "user-1", "name": "Carol Canetti", "sid": "first"}
	return server
}

// serve starts the server of this tree at the address, with every route that it can have, and
// with so many users that each case has one for itself. No attempt to sign in is throttled.
func serve(t *testing.T, at string, provider *httptest.Server) {
	t.Helper()
	folder := t.TempDir()
	for _, program := range []string{"server", "coatcheck"} {
		run(t, "go", "build", "-C", root, "-o", filepath.Join(folder, program), "./cmd/"+program)
	}
	store := "sqlite:" + filepath.Join(folder, "store.db")
	people := filepath.Join(folder, "people.csv")
	if err := os.WriteFile(people, list(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, filepath.Join(folder, "coatcheck"), "tables", "create", "--store", store)
	run(t, filepath.Join(folder, "coatcheck"), "users", "import", people, "--store", store)

	cmd := exec.Command(filepath.Join(folder, "server"), "-tables")
	cmd.Env = []string{
		"ADDR=" + strings.TrimPrefix(at, "http://"), "STORE=" + store, "PUBLIC_ORIGIN=" + at,
		"ATTEMPTS_LADDER=1000000000,1s,1s,1000000001", "ATTEMPTS_PER_NETWORK=1000000000,10m",
		"LEGACY_COOKIES=session;Stateless", "BRIDGE_TABLE=on", "BRIDGE_ENDS_AT=2199-01-01T00:00:00Z", `LEGACY_SOURCES=[{"kind": "flask", "keys": ["` + flaskKey + `"]}]`,
		"OIDC_NAME=Example ID", "OIDC_ISSUER=" + provider.URL, "OIDC_CLIENT_ID=shop", "OIDC_CLIENT_SECRET=invented-secret-of-the-shop", "OIDC_KEYS=AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
	}
	log := testenv.NewLogFile(t)
	cmd.Stderr = log.File
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		checkLog(t, log.String())
	})
	if line, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatalf("the server ended: %v %q\n%s", err, line, log)
	}
	go io.Copy(io.Discard, said)
}

// list returns the users of the monolith: who signs in, who changes the password, and who comes
// with the monolith's cookie.
func list() []byte {
	var b bytes.Buffer
	hash := password.Hasher{}.Hash(phrase)
	fmt.Fprintln(&b, "name;user_id;password_hash;roles")
	for _, kind := range []string{"user", "changer", "moved"} {
		for i := range users {
			fmt.Fprintf(&b, "%s-%d;%s-%d;%s;member\n", kind, i, kind, i, hash)
		}
	}
	return b.Bytes()
}

// checkLog fails the test if the server has logged that it was wrong, or what is no event.
func checkLog(t *testing.T, log string) {
	t.Helper()
	testenv.CheckEvents(t, log)
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("the server has logged %s", line)
		}
	}
}

// compare fails the test unless each success that the document has was seen.
func compare(t *testing.T, document, report string) {
	t.Helper()
	file, err := os.Open(report)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	seen := map[string]int{} // how often, by the method, the path, the status and the type
	for lines := bufio.NewScanner(file); lines.Scan(); {
		seen[lines.Text()]++
	}
	for _, answer := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s", seen[answer], answer)
	}
	d, err := openapi.Read(document)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range d.Operations() {
		if slices.Contains(op.Tags, "operators") {
			continue // they are at another address, and the tests of cmd/server have them
		}
		for _, answer := range op.Answers() {
			name := op.Method + " " + op.Path + " " + answer
			if why, ok := unreached[name]; strings.HasPrefix(answer, "2") && ok == (seen[name] > 0) {
				t.Errorf("%s: %d times; %s", name, seen[name], cmp.Or(why, "no case has reached it"))
			}
		}
	}
}
