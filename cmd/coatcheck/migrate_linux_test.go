package main

import (
	"syscall"
	"testing"
	"time"
)

// TestMigrateCloseAsks: at a terminal only yes closes the bridge.
func TestMigrateCloseAsks(t *testing.T) {
	sh, records := withBridge(t)
	if _, err := records.OpenWindow(t.Context(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		keys, shows string
		closed      bool
	}{
		{"\n", "coatcheck: nothing was changed", false},
		{"no\n", "coatcheck: nothing was changed", false},
		{"\x04", "coatcheck: nothing was changed", false},
		{"\x03", "coatcheck: interrupted; nothing was changed", false},
		{"Y\n", "The bridge is closed for ever.", true},
	} {
		screen, tty := openTerminal(t)
		cmd := sh.command("migrate", "close")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		screen.shows("The bridge ends at 2100-01-01T00:00:00Z. Closing it now cannot be undone: whoever has not come over since signs in by password. Take convert away before: it does not start again, and logouts with a cookie of the other system need it. Close it? [y/N] ")
		if _, err := screen.keyboard.WriteString(test.keys); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		screen.shows(test.shows)
		if window, err := records.GetWindow(t.Context()); err != nil || window.Closed != test.closed || (cmd.ProcessState.ExitCode() == 0) != test.closed {
			t.Errorf("after %q: %+v, %v, exit code %d", test.keys, window, err, cmd.ProcessState.ExitCode())
		}
	}
}
