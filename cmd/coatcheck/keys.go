package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/term"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/deployed"
	"example.com/coatcheck/pkg/config/storeconfig"
)

// keyring is a value of SESSION_KEYS: the first key signs, all verify.
type keyring []string

// maxKeyring is the maximum size of a value, in bytes. AWS allows 64 KB for a secret.
const maxKeyring = 64 << 10

// readKeyring reads the current value from standard input.
func readKeyring() (keyring, error) {
	text, err := io.ReadAll(io.LimitReader(os.Stdin, maxKeyring+1))
	switch value := strings.TrimSpace(string(text)); {
	case err != nil:
		return nil, fmt.Errorf("reading standard input: %w", err)
	case len(text) > maxKeyring:
		return nil, fmt.Errorf("standard input is longer than %d bytes; it must be the value of %s", maxKeyring, config.SessionKeys)
	case value == "":
		return nil, fmt.Errorf("standard input is empty; it must be the value of %s", config.SessionKeys)
	default:
		if err := checkSecret("standard input", value); err != nil {
			return nil, err
		}
		if _, err := config.ParseKeys("standard input", value); err != nil {
			return nil, err
		}
		keys := strings.Split(value, ",")
		for i, key := range keys {
			keys[i] = strings.TrimSpace(key)
			if same := slices.Index(keys[:i], keys[i]); same >= 0 {
				return nil, fmt.Errorf("standard input: key %d is the same as key %d; leave one of them out", i+1, same+1)
			}
		}
		return keys, nil
	}
}

// write writes the next value to standard output, without a line end. It refuses a
// terminal, which would show the keys and remember them.
func (k keyring) write() error {
	if term.IsTerminal(int(os.Stdout.Fd())) {
		return errors.New("the keys would be shown on the terminal; send the output to a file or to another program")
	}
	_, err := io.WriteString(os.Stdout, strings.Join(k, ","))
	return err
}

// replace writes the next value in place of k, and tells it.
func (k keyring) replace(ctx context.Context, at address, next keyring) (err error) {
	if at == storeconfig.Memory || at == storeconfig.DynamoDB && os.Getenv(deployed.AuditTable) == "" {
		return next.write() // there is no trail, so the keys need no store
	}
	opened, err := at.open(ctx)
	if err != nil {
		return fmt.Errorf("the store is needed for its audit trail; AUDIT_DAYS=0 does it without a record: %w", err)
	}
	defer opened.Close()
	o, err := newOperations(opened, at)
	if err != nil {
		return err
	}
	if err := o.identify(ctx); err != nil {
		return err
	}
	if err := next.write(); err != nil {
		return err
	}
	o.tell(ctx, "keys_changed", audit.Everybody, inJSON(k.names()), inJSON(next.names()))
	return o.err()
}

// without returns the other keys.
func (k keyring) without(place int) keyring { return slices.Delete(slices.Clone(k), place, place+1) }

// names returns the names of the keys, in their order.
func (k keyring) names() (all []string) {
	for _, key := range k {
		all = append(all, keyName(key))
	}
	return all
}

// readKey reads the keys, and returns them with the place of the key with that name.
func readKey(name string) (keys keyring, place int, err error) {
	if keys, err = readKeyring(); err != nil {
		return nil, 0, err
	}
	if place = slices.IndexFunc(keys, func(key string) bool { return keyName(key) == name }); place < 0 {
		if !keyNameShape.MatchString(name) { // it may be a key
			name = notShown
		}
		return nil, 0, fmt.Errorf("no key has the name %s; coatcheck keys list shows the names", name)
	}
	return keys, place, nil
}

// keyNameShape matches what keyName returns.
var keyNameShape = regexp.MustCompile(`^[0-9a-f]{8}$`)

// keyName returns the name by which operators tell keys apart: 8 characters of a hash.
// It can be shown and logged.
func keyName(key string) string {
	sum := sha256.Sum256([]byte("coatcheck key name v1\x00" + key))
	return hex.EncodeToString(sum[:4])
}

const keysHelp = `It reads the current value of SESSION_KEYS on standard input and writes the next one to standard output, or nothing if it fails.
The page on operating has the steps of a rotation.`

type listKeys struct{}

// Help implements [kong.HelpProvider].
func (listKeys) Help() string { return `It reads the value of SESSION_KEYS on standard input.` }

// Run implements the command.
func (listKeys) Run() error {
	keys, err := readKeyring()
	if err != nil {
		return err
	}
	for i, key := range keys {
		does := "verifies"
		if i == 0 {
			does = "signs and verifies"
		}
		fmt.Println(keyName(key), does)
	}
	return nil
}

type appendKey struct{}

// Help implements [kong.HelpProvider].
func (appendKey) Help() string { return keysHelp }

// Run implements the command.
func (appendKey) Run(ctx context.Context, at address) error {
	keys, err := readKeyring()
	if err != nil {
		return err
	}
	if len(keys) > 1 {
		return fmt.Errorf("there are %d keys already, so a rotation is under way; finish it with: coatcheck keys remove", len(keys))
	}
	var key [32]byte
	rand.Read(key[:]) // never fails
	return keys.replace(ctx, at, append(slices.Clone(keys), base64.StdEncoding.EncodeToString(key[:])))
}

type promoteKey struct {
	Name string `arg:"" help:"Name of the key that is to sign, as keys list shows it."`
}

// Help implements [kong.HelpProvider].
func (promoteKey) Help() string { return keysHelp }

// Run implements the command.
func (c *promoteKey) Run(ctx context.Context, at address) error {
	keys, place, err := readKey(c.Name)
	if err != nil {
		return err
	}
	return keys.replace(ctx, at, slices.Insert(keys.without(place), 0, keys[place]))
}

type removeKey struct {
	Name string `arg:"" help:"Name of the key that no session needs any more, as keys list shows it."`
}

// Help implements [kong.HelpProvider].
func (removeKey) Help() string { return keysHelp }

// Run implements the command.
func (c *removeKey) Run(ctx context.Context, at address) error {
	keys, place, err := readKey(c.Name)
	if err != nil {
		return err
	}
	if place == 0 {
		return fmt.Errorf("the key %s signs; let another one sign first, with: coatcheck keys promote", c.Name)
	}
	return keys.replace(ctx, at, keys.without(place))
}
