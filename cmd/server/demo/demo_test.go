package demo

import (
	"errors"
	"net"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/password"
)

func TestCheckListener(t *testing.T) {
	for _, test := range []struct {
		addr    net.Addr
		origin  string
		proxied bool
		want    bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}, "", false, true},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 8080}, "", false, true},
		{&net.TCPAddr{IP: net.ParseIP("::ffff:127.0.0.1"), Port: 8080}, "", false, true},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 8080}, "", false, false}, // ":8080"
		{&net.TCPAddr{IP: net.IPv4zero, Port: 8080}, "", false, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8080}, "", false, false},
		{&net.TCPAddr{Port: 8080}, "", false, false},
		{&net.UDPAddr{IP: net.IPv6loopback}, "", false, false},

		{&net.TCPAddr{IP: net.IPv6loopback}, "", true, false},
		{&net.TCPAddr{IP: net.IPv6loopback}, "http://localhost:3000", true, false},
		{&net.TCPAddr{IP: net.IPv6loopback}, "http://localhost:3000", false, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, "https://127.0.0.1", false, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, "http://[::1]:8080", false, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, "https://app.example.com", false, false},
		{&net.TCPAddr{IP: net.IPv6loopback}, "https://localhost.example.com", false, false},
		{&net.TCPAddr{IP: net.IPv4zero}, "http://localhost:3000", false, false},
	} {
		if err := CheckListener(test.addr, test.origin, test.proxied); (err == nil) != test.want {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// The demo user can be made, twice too, and signs in. But nobody can choose this
// password, because it is public.
func TestAddUser(t *testing.T) {
	store := memaccounts.New()
	directory := accounts.NewRegistrar(store, accounts.Config{})
	for range 2 {
		if err := AddUser(t.Context(), directory, store.All(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	alice, err := store.Get(t.Context(), Username)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := (password.Hasher{}).Verify(alice.PasswordHash, Password); !ok || err != nil {
		t.Errorf("the demo password: %t, %v", ok, err)
	}
	if found, err := SignsIn(t.Context(), directory.Directory, password.Hasher{}); !found || err != nil {
		t.Errorf("she signs in: %t, %v", found, err)
	}
	if _, err := directory.Register(t.Context(), "bob", "", nil, Password); err == nil {
		t.Error("somebody else can choose the demo password")
	}
}

// TestAddUserBesideEarlierUsers: a store from before the check of names needs it only if
// she is not there yet.
func TestAddUserBesideEarlierUsers(t *testing.T) {
	for name, want := range map[string]error{Username: nil, "bob": accounts.ErrUnchecked} {
		store := memaccounts.New()
		if err := store.Create(t.Context(), &accounts.Account{Name: name, UserID: "1"}); err != nil {
			t.Fatal(err)
		}
		if err := AddUser(t.Context(), accounts.NewRegistrar(store, accounts.Config{}), store.All(t.Context())); !errors.Is(err, want) {
			t.Errorf("%s is there: %v, want %v", name, err, want)
		}
	}
}

// TestCheckAbsent: only an account that can sign in with the public password is refused.
func TestCheckAbsent(t *testing.T) {
	pepper := password.Hasher{Peppers: []password.Pepper{{ID: "1", Key: make([]byte, 32)}}}
	for name, test := range map[string]struct {
		account *accounts.Account // nil for none
		refused bool
	}{
		"no user":           {nil, false},
		"her":               {&accounts.Account{PasswordHash: password.Hasher{}.Hash(Password)}, true},
		"with a pepper":     {&accounts.Account{PasswordHash: pepper.Hash(Password)}, true},
		"disabled":          {&accounts.Account{PasswordHash: password.Hasher{}.Hash(Password), Disabled: true}, false},
		"another password":  {&accounts.Account{PasswordHash: password.Hasher{}.Hash("another one")}, false},
		"an imported hash":  {&accounts.Account{PasswordHash: "{noop}" + Password}, true},
		"a hash of no kind": {&accounts.Account{PasswordHash: "-"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			store := memaccounts.New()
			if test.account != nil {
				test.account.Name, test.account.UserID = Username, "1"
				if err := store.Create(t.Context(), test.account); err != nil {
					t.Fatal(err)
				}
			}
			err := CheckAbsent(t.Context(), accounts.NewDirectory(store, accounts.Config{Hasher: pepper}), pepper)
			if (err != nil) != test.refused {
				t.Errorf("%v, want refused %t", err, test.refused)
			}
			if err != nil && strings.Contains(err.Error(), Password) {
				t.Errorf("it quotes the password: %v", err)
			}
		})
	}
}
