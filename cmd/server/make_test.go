//go:build unix

package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
)

// makeRun starts make run in its own process group, as a terminal does. It returns the
// command and the address of the server.
func makeRun(t *testing.T) (command *exec.Cmd, address string) {
	t.Helper()
	cmd := exec.Command("make", "--no-print-directory", "-C", "../..", "run", "ADDR=localhost:0")
	// make test may run this test. Its variables must not reach make run, nor what a
	// developer has set for a server.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return regexp.MustCompile(`^(MAKE|MFLAGS|STORE=|ADDR=|SESSION|USERS_|ATTEMPTS_|PASSWORD_|DEVISE_|PUBLIC_|REAUTH|TRUSTED_)`).MatchString(v)
	})
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = write
	if err := childprocess.WithDefaultSignals(cmd.Start); err != nil {
		t.Fatal(err)
	}
	write.Close()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) // make then removes its file in .cache
		cmd.Wait()
		read.Close()
	})
	for lines := bufio.NewReader(read); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("make run does not say where the server is: %v", err)
		}
		if found := regexp.MustCompile(`^Coatcheck is at (http://\S+)`).FindStringSubmatch(line); found != nil {
			u, err := url.Parse(found[1])
			if err != nil {
				t.Fatal(err)
			}
			return cmd, u.Host
		}
	}
}

// TestMakeRunEnds tests that a signal which ends make ends the server too. The signal
// may go to make alone, or to the whole process group, as with Ctrl-C.
func TestMakeRunEnds(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGKILL} {
		for _, to := range []struct {
			name string
			sign int
		}{{"make", 1}, {"all", -1}} {
			if signal == syscall.SIGKILL && to.name == "all" {
				continue // KILL ends all of them anyway
			}
			t.Run(signal.String()+" to "+to.name, func(t *testing.T) {
				cmd, address := makeRun(t)
				if err := syscall.Kill(to.sign*cmd.Process.Pid, signal); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- cmd.Wait() }()
				select {
				case <-ended:
				case <-time.After(testTimeout):
					t.Errorf("make is still there after %v", testTimeout)
				}
				waitUntilClosed(t, address)
				running := fmt.Sprintf("../../.cache/running-%d", cmd.Process.Pid)
				for end := time.Now().Add(testTimeout); ; time.Sleep(10 * time.Millisecond) { // the server removes it last
					if _, err := os.Stat(running); errors.Is(err, os.ErrNotExist) {
						break
					}
					if time.Now().After(end) {
						t.Fatalf("%s is still there", running)
					}
				}
			})
		}
	}
}

// TestMakeRunMakesTablesAndAlice tests the flags of make run. TestStores tests that they
// are enough for a store without tables, and TestNoDemoUserInDeployedTables that they are
// refused where others reach the store.
func TestMakeRunMakesTablesAndAlice(t *testing.T) {
	plan, err := exec.CommandContext(t.Context(), "make", "--no-print-directory", "--dry-run", "-C", "../..", "run", "STORE=sqlite:coatcheck.db").Output()
	if err != nil || !regexp.MustCompile(`exec \S+/server-sqlite -demo -tables -https -while `).Match(plan) {
		t.Errorf("%v: make run does %s", err, plan)
	}
}

// TestMakeRunServes tests that the server which make run has built answers requests, by
// http and by https.
func TestMakeRunServes(t *testing.T) {
	_, address := makeRun(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil || host != "localhost" {
		t.Fatalf("it is at %s: %v", address, err)
	}
	if status := statusWith(t, "http://localhost:"+port, ""); status != 401 {
		t.Errorf("the profile answers %d", status)
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.ConnectionState().PeerCertificates[0].VerifyHostname("localhost"); err != nil {
		t.Error(err)
	}
}
