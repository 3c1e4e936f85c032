package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"example.com/coatcheck/pkg/accounts/password"
)

// readPassword asks for a new password twice. If standard input is not a terminal, it
// reads the first line of standard input instead.
func readPassword(ctx context.Context) (string, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		line, err := readLine(os.Stdin)
		if err != nil || len(line) > password.MaxBytes { // a longer one is refused as that, and may be cut within a character
			return line, err
		}
		return line, checkSecret("standard input", line)
	}
	first, err := prompt(ctx, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := prompt(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	return first, checkSecret("the password", first)
}

func readLine(from io.Reader) (string, error) {
	const limit = password.MaxBytes + 3 // room for one byte too many and a line end
	line, err := bufio.NewReader(io.LimitReader(from, limit)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if line == "" {
		return "", errors.New("standard input is empty; write the password to it as one line")
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), nil
}

// prompt reads one line from the terminal without showing it. When ctx ends, it
// restores the terminal. Otherwise the terminal would stay without echo.
func prompt(ctx context.Context, text string) (string, error) {
	terminal := int(os.Stdin.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	fmt.Fprint(os.Stderr, text)
	defer fmt.Fprintln(os.Stderr)
	var line []byte
	done := make(chan error, 1)
	go func() {
		var err error
		line, err = term.ReadPassword(terminal)
		done <- err
	}()
	select {
	case err := <-done:
		return string(line), err
	case <-ctx.Done():
		term.Restore(terminal, before)
		return "", errors.New("interrupted; nothing was changed")
	}
}
