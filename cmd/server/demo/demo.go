// Package demo contains the user for trying the product, and decides where she may exist.
// Her password is public, so that is only where nobody else can reach her.
package demo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"strings"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/signin/site"
)

// The demo user.
const (
	Username = "alice"
	Password = "correct horse battery staple"
)

// AddUser adds the demo user to the directory, if it is not there yet. It adds the
// user as an imported one, because nobody may choose a password that is public. The
// sequence is all accounts of the directory. First ask [CheckStore] and [CheckListener]
// whether it may.
func AddUser(ctx context.Context, directory *accounts.Registrar, all iter.Seq2[*accounts.Account, error]) error {
	if err := addUser(ctx, directory, all); err != nil {
		return fmt.Errorf("demo user: %w", err)
	}
	return nil
}

func addUser(ctx context.Context, directory *accounts.Registrar, all iter.Seq2[*accounts.Account, error]) error {
	if _, err := directory.Find(ctx, Username); !errors.Is(err, accounts.ErrNotFound) {
		return err
	}
	if err := directory.Prepare(ctx, all); err != nil {
		return err
	}
	user, err := directory.Imported(Username, "Alice", []string{"member"}, password.Hasher{}.Hash(Password), "")
	if err == nil {
		err = directory.Add(ctx, user)
	}
	if errors.Is(err, accounts.ErrExists) {
		return nil // another process has added her
	}
	return err
}

// SignsIn reports whether the user of her name can sign in with the public password. It
// costs one read and one hash. A hash that the hasher cannot check signs nobody in.
func SignsIn(ctx context.Context, directory *accounts.Directory, hasher password.Hasher) (bool, error) {
	user, err := directory.Find(ctx, Username)
	if errors.Is(err, accounts.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the user %q: %w", Username, err)
	}
	ok, _ := hasher.Verify(user.PasswordHash, Password)
	return ok && !user.Disabled, nil
}

// CheckAbsent returns an error if [SignsIn] is true. It is for a server where she may
// not be, but a demo on the same store may have made her.
func CheckAbsent(ctx context.Context, directory *accounts.Directory, hasher password.Hasher) error {
	found, err := SignsIn(ctx, directory, hasher)
	if err == nil && found {
		err = fmt.Errorf("the store has the demo user %q, whose password is public, and others may reach this server or the store; "+
			"with the same STORE, set another password (go run ./cmd/coatcheck users passwd %[1]s) or delete her (go run ./cmd/coatcheck users delete %[1]s)", Username)
	}
	return err
}

// CheckStore returns an error unless the store is this process's memory, a file, or a
// server on this machine. In any other store the demo user would outlive the demo, and
// others could sign in as her. Nothing overrides this.
func CheckStore(isLocal bool) error {
	if isLocal {
		return nil
	}
	return fmt.Errorf("the demo user %q, whose password is public, is not made in a store that is not on this machine; "+
		"serve without her (go run ./cmd/server), and add users by: go run ./cmd/coatcheck users add NAME", Username)
}

// CheckListener returns an error unless only this machine can reach the listener. It
// must have a loopback address. A proxy in front of it may pass on what others send, so
// there must be no sign of one: no trusted proxy, no secret of a proxy, and a public
// origin only if it is empty or at a host that is the browser's own machine.
func CheckListener(addr net.Addr, origin string, proxied bool) error {
	tcp, ok := addr.(*net.TCPAddr)
	_, host, _ := strings.Cut(origin, "://")
	var where string
	switch {
	case !ok || !tcp.IP.IsLoopback():
		where = "at " + addr.String()
	case proxied:
		where = "behind the proxies of TRUSTED_PROXIES or PROXY_SECRETS"
	case origin != "" && !site.IsLoopback(host):
		where = "at PUBLIC_ORIGIN " + origin
	default:
		return nil
	}
	return fmt.Errorf("the demo user %q, whose password is public, is not made for a server %s, which others may reach; "+
		"listen on localhost without a proxy in front, or keep users in a store and serve without her", Username, where)
}
