package storeconfig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/coatcheck/pkg/session"
)

// escapeAll writes every byte of text percent-encoded.
func escapeAll(text string) (escaped string) {
	for _, b := range []byte(text) {
		escaped += fmt.Sprintf("%%%02X", b)
	}
	return escaped
}

// FuzzSecret puts any text around a password into addresses, escaped and as it is. No
// error of opening or using the stores may quote the password. Nor may the rest of the
// password ever become a host, to which it would be sent: every connection goes to
// 127.0.0.1, where nobody listens.
func FuzzSecret(f *testing.F) {
	const canary = "c4nary"
	f.Fuzz(func(t *testing.T, before, after string) {
		t.Setenv("PGPASSWORD", "")
		text := before + canary + after
		for _, password := range []string{text, url.QueryEscape(text), escapeAll(text)} {
			for _, address := range []string{
				"postgres://u:" + password + "@127.0.0.1:1/x",
				"postgres://" + password + "@127.0.0.1:1/x?sslmode=disable",
				"postgresql://127.0.0.1:1/x?user=u&password=" + password,
				"postgres:host=127.0.0.1 port=1 user=u password=" + password,
				"postgres:host=127.0.0.1 port=1 user=u password='" + password + "'",
				"host=127.0.0.1 port=1 user=u password=" + password,
				"redis://u:" + password + "@127.0.0.1:1",
				"redis://:" + password + "@127.0.0.1:1/0",
				"rediss://" + password + "@127.0.0.1:1/0",
				password + "@127.0.0.1:1",
			} {
				err := use(t, address)
				said := err.Error()
				if strings.Contains(said, canary) || strings.Contains(said, escapeAll(canary)) {
					t.Errorf("%q: the error quotes the password: %v", address, err)
				}
				if strings.Contains(said, "name of its host") {
					t.Errorf("%q: something of it was taken for a host: %v", address, err)
				}
			}
		}
	})
}

// use opens the stores at the address and makes a call. It returns an error, because
// there is no server.
func use(t *testing.T, address string) error {
	s, err := Open(t.Context(), address)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // go-redis tries for seconds
	defer cancel()
	checked := s.Check(ctx)
	sessions, err := s.Sessions()
	if err != nil {
		t.Fatal(err)
	}
	_, used := sessions.Get(ctx, session.Key{Owner: "nobody", ID: "none"})
	if checked == nil || used == nil {
		t.Fatalf("%q leads to a server", address)
	}
	return errors.Join(checked, used)
}

// A connection that breaks later says how, and not between which addresses.
func TestBrokenConnectionTellsNoAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := quiet((&net.Dialer{}).DialContext)(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := conn.(syscall.Conn); !ok {
		t.Error("go-redis cannot check it while it is idle")
	}
	conn.Close()
	for call, use := range map[string]func([]byte) (int, error){"read": conn.Read, "write": conn.Write} {
		_, err := use(make([]byte, 1))
		if err == nil || err.Error() != call+" tcp: use of closed network connection" || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", call, err)
		}
	}
	conn, err = quiet((&net.Dialer{}).DialContext)(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err = conn.Read(make([]byte, 1))
	if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("a deadline that is over: %v", err)
	}
}
