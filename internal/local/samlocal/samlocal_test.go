package samlocal

import (
	"archive/tar"
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/testenv"
)

// setPath sets the PATH to one folder, which has only the given shell scripts.
func setPath(t *testing.T, scripts map[string]string) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", folder)
}

func TestCheckExplains(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, takenPort, _ := net.SplitHostPort(taken.Addr().String())
	free := testenv.FreePort(t)
	for _, c := range []struct {
		name, port string
		path       map[string]string
		want       string
	}{
		{"no number", "http", nil, `PORT is "http"; it must be a number from 1 to 65535`},
		{"port 0", "0", nil, `PORT is "0"`},
		{"port too large", "65536", nil, `PORT is "65536"`},
		{"taken", takenPort, nil, "port " + takenPort + " is taken, by another make local or another program"},
		{"no docker", free, nil, "install Docker"},
		{"docker down", free, map[string]string{"docker": "echo Cannot connect >&2; echo to the daemon >&2; exit 1"}, "Docker does not answer; start it (systemctl start docker), or let this user use it: docker version: exit status 1: Cannot connect to the daemon"},
		{"no sam, no python", free, map[string]string{"docker": "exit 0"}, "without Python 3 and its venv it cannot be installed"},
		{"no sam, no venv", free, map[string]string{"docker": "exit 0", "python3": "exit 1"}, "apt-get install python3-venv"},
	} {
		t.Run(c.name, func(t *testing.T) {
			setPath(t, c.path)
			s := &Stack{SAM: "sam", Port: c.port, Folder: t.TempDir()}
			err := s.Check(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\nwant one line with: %s", err, c.want)
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNoDemoUserElsewhere tests that Check refuses a database on another machine, because
// StartDatabase would make the demo user there.
func TestNoDemoUserElsewhere(t *testing.T) {
	for database, refused := range map[string]bool{
		"https://dynamodb.eu-west-1.amazonaws.com": true, "http://localhost.example:8000": true, "http://10.0.0.1:8000": true, "http://dynamodb:8000": true,
		"http://localhost:8000": false, "http://127.0.0.1:8000": false, "": false,
	} {
		s := &Stack{SAM: "sam", Port: "http", Folder: t.TempDir(), Database: database} // the port is what is wrong next
		err := s.Check(t.Context())
		if got := strings.Contains(err.Error(), `the DynamoDB at DYNAMODB_ENDPOINT: the demo user "alice"`); got != refused {
			t.Errorf("%q: %v", database, err)
		}
	}
}

// TestCheckTakesThePort tests that of two Stacks that start at the same time, the
// second gets an error.
func TestCheckTakesThePort(t *testing.T) {
	t.Chdir("../../..")
	setPath(t, map[string]string{"docker": "exit 0", "sam": "exit 0"})
	first := &Stack{SAM: "sam", Port: testenv.FreePort(t), Folder: filepath.Join(t.TempDir(), "new")}
	if err := first.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := &Stack{SAM: "sam", Port: first.Port, Folder: first.Folder}
	if err := second.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Stop(); err != nil {
		t.Error(err)
	}
	if err := second.Check(t.Context()); err != nil {
		t.Errorf("after the first has stopped: %v", err)
	}
	second.Stop()
}

func TestBuildExplains(t *testing.T) {
	setPath(t, map[string]string{"make": "echo building; echo no compiler >&2; exit 2", "sh": `exec /bin/sh "$@"`, "cat": "exec /bin/cat"})
	s := &Stack{Folder: t.TempDir()}
	if err := s.Build(t.Context()); err == nil || !strings.Contains(err.Error(), "make build: exit status 2\nbuilding\nno compiler") {
		t.Errorf("a failing make: %v", err)
	}
}

// TestRemoveContainers tests that only the containers of this folder are removed.
func TestRemoveContainers(t *testing.T) {
	build := t.TempDir()
	log := filepath.Join(t.TempDir(), "log")
	setPath(t, map[string]string{"docker": `case $1 in
ps) echo a1; echo b2; echo c3; echo d4 ;;
inspect) echo "a1 /elsewhere/LoginFunction"; echo "b2 ` + build + `/LoginFunction"; echo "c3"; echo "d4 ` + build + `/Nested/LoginFunction" ;;
rm) echo "$*" >>` + log + ` ;;
esac`})
	if err := removeContainers(t.Context(), build); err != nil {
		t.Fatal(err)
	}
	if removed, err := os.ReadFile(log); string(removed) != "rm --force b2\nrm --force d4\n" {
		t.Errorf("docker was told %q, %v", removed, err)
	}
}

func TestFunctionLogs(t *testing.T) {
	var out bytes.Buffer
	l := &functionLogs{out: &out}
	for _, part := range []string{"START RequestId: 1 Version: $LATEST\n{\"level\":", "\"INFO\"}\nfatal error: ", "all asleep\nEND RequestId: 1\nREPORT RequestId: 1\tDuration: 1 ms\t\n\n"} {
		if n, err := io.WriteString(l, part); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "{\"level\":\"INFO\"}\nfatal error: all asleep\n"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
}

func TestStandInImage(t *testing.T) {
	archive, err := standIn([]byte("a program"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := standIn([]byte("a program"))
	if err != nil || !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Error("two archives of the same busybox differ, so that their names would")
	}
	var names []string
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		if header.Name == "tmp/" && header.Mode != 0o1777 {
			t.Errorf("/tmp has the mode %o", header.Mode)
		}
	}
	for _, want := range []string{"bin/busybox", "bin/sh", "bin/mv", "bin/chmod", "tmp/", "var/rapid/"} {
		if !slices.Contains(names, want) {
			t.Errorf("the image has no %s: %q", want, names)
		}
	}
}

func TestStaticBusybox(t *testing.T) {
	setPath(t, nil)
	if _, err := staticBusybox(); err == nil {
		t.Error("no busybox, no error")
	}
	setPath(t, map[string]string{"busybox": "exit 0"})
	if _, err := staticBusybox(); err == nil {
		t.Error("took a script")
	}
	linked, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "busybox"), linked, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	if _, err := staticBusybox(); err == nil {
		t.Error("took a program that is linked to libc")
	}
}

func TestFromContainers(t *testing.T) {
	for endpoint, want := range map[string]string{
		"http://127.0.0.1:8000":     "http://host.docker.internal:8000",
		"http://localhost:8000":     "http://host.docker.internal:8000",
		"http://dynamo.example:443": "http://dynamo.example:443",
	} {
		if got := fromContainers(endpoint); got != want {
			t.Errorf("%s becomes %s, want %s", endpoint, got, want)
		}
	}
}
