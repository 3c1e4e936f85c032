package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is the keyboard and screen of a pseudo-terminal.
type terminal struct {
	*testing.T
	keyboard *os.File
	mu       sync.Mutex
	screen   strings.Builder
}

// openTerminal returns a terminal, and the file that a program uses as its terminal.
func openTerminal(t *testing.T) (*terminal, *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	term := &terminal{T: t, keyboard: keyboard}
	go term.watch()
	return term, program
}

func (t *terminal) watch() {
	buf := make([]byte, 1024)
	for {
		n, err := t.keyboard.Read(buf)
		if err != nil {
			return
		}
		t.mu.Lock()
		t.screen.Write(buf[:n])
		t.mu.Unlock()
	}
}

func (t *terminal) shown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.String()
}

func (t *terminal) echoes() bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(t.keyboard.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// answer waits until the terminal shows the prompt and does not echo, and then types.
func (t *terminal) answer(prompt, keys string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.HasSuffix(t.shown(), prompt) || t.echoes(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no prompt %q without echo; the screen shows %q", prompt, t.shown())
		}
	}
	if _, err := t.keyboard.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// addAt runs users add at a terminal and types the answers to the two prompts. It
// returns the exit code and the terminal.
func (s *shell) addAt(name string, answers ...string) (int, *terminal) {
	s.Helper()
	screen, tty := openTerminal(s.T)
	cmd := s.command("users", "add", name)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	for i, keys := range answers {
		screen.answer([]string{"Password: ", "The same again: "}[i], keys)
	}
	cmd.Wait()
	return cmd.ProcessState.ExitCode(), screen
}

func TestPrompt(t *testing.T) {
	sh := newShell(t)
	code, screen := sh.addAt("alice", phrase+"\n", phrase+"\n")
	if code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !screen.echoes() {
		t.Error("the terminal was left without echo")
	}
	screen.shows("Password: \r\nThe same again: \r\nAdded user \"alice\" with the user ID ")
	if _, err := sh.authenticate("alice", phrase); err != nil {
		t.Errorf("the user cannot sign in: %v", err)
	}
}

func TestPromptGivesUp(t *testing.T) {
	sh := newShell(t)
	for _, test := range []struct {
		name    string
		answers []string
		want    string
	}{
		{"two passwords", []string{phrase + "\n", phrase + "r\n"}, "Password: \r\nThe same again: \r\ncoatcheck: the two passwords differ; nothing was changed\r\n"},
		{"no UTF-8", []string{"\xfc" + phrase + "\n", "\xfc" + phrase + "\n"}, "coatcheck: the password is not valid UTF-8" + sendUTF8 + "\r\n"},
		{"a mark", []string{"\ufeff" + phrase + "\n", "\ufeff" + phrase + "\n"}, "coatcheck: the password begins with a byte order mark, which nobody can type" + sendUTF8 + "\r\n"},
		{"ctrl-c", []string{phrase + "\x03"}, "coatcheck: interrupted; nothing was changed\r\n"},
		{"ctrl-c at the second", []string{phrase + "\n", "\x03"}, "coatcheck: interrupted; nothing was changed\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sh := &shell{t, sh.env}
			code, screen := sh.addAt("bob", test.answers...)
			if code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if !screen.echoes() {
				t.Error("the terminal was left without echo")
			}
			screen.shows(test.want)
			if _, err := sh.users().Get(t.Context(), "bob"); err == nil {
				t.Error("the user was added")
			}
		})
	}
}

// shows waits until the screen shows text. It checks that the screen never showed the
// password.
func (t *terminal) shows(text string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !strings.Contains(t.shown(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("the screen shows %q, want %q", t.shown(), text)
			return
		}
	}
	if strings.Contains(t.shown(), phrase) {
		t.Errorf("the screen shows the password: %q", t.shown())
	}
}
