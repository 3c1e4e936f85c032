package throttle_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/accounts/throttle"
)

// While strangers make many attempts for a name, and even if they lock it, the owner
// can sign in on a known device. That does not clear the strangers' failures.
func TestKnownDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}, Name: throttle.Ladder{Free: 10, First: time.Second, Longest: time.Second, Lock: 20}})
		for range 20 {
			r.fail(alice, 1)
			time.Sleep(time.Second)
		}
		r.wantRefused(alice, "name", time.Second)
		admission := r.wantAdmitted(r.device(alice))
		if !admission.KnownDevice || admission.Failures != 0 {
			t.Errorf("%+v, want a known device without failures", admission)
		}
		admission.Succeed(t.Context())
		r.wantRefused(alice, "name", time.Second)
	})
}

// All known devices of a name have one counter together, with a lower limit. So many
// cookies allow no more guesses than one. When the counter locks, the devices are
// strangers.
func TestDeviceLadder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}})
		var cookies []throttle.Attempt
		for range 40 { // the owner's own sign-ins, or forged
			cookies = append(cookies, r.device(alice))
		}
		known := func() throttle.Attempt {
			next := cookies[0]
			cookies = append(cookies[1:], next)
			return next
		}
		for range 5 {
			r.fail(known(), 1)
		}
		r.wantRefused(known(), "device", 30*time.Second)
		r.wantAdmitted(alice).Withdraw(t.Context()) // the name has no failures
		for range 15 {
			time.Sleep(time.Hour)
			r.fail(known(), 1)
		}
		admission := r.wantAdmitted(known())
		if admission.KnownDevice || admission.Failures != 0 {
			t.Errorf("%+v, want a stranger's first", admission)
		}
		for range 9 {
			r.fail(known(), 1)
		}
		r.wantRefused(known(), "name", 30*time.Second)

		// The owner's success makes the devices known again, if it comes with a cookie.
		time.Sleep(30 * time.Second)
		r.wantAdmitted(alice).Succeed(t.Context())
		if r.wantAdmitted(known()).KnownDevice {
			t.Error("a success without a cookie made the devices known")
		}
		r.wantAdmitted(known()).Succeed(t.Context())
		if !r.wantAdmitted(known()).KnownDevice {
			t.Error("after a success the devices are strangers still")
		}
	})
}

// A changed password, a disabled account and a deleted account make strangers of the
// devices that were known. A key does not forge a cookie for a name whose owner's ID is
// not known to whoever has it.
func TestDevicesBecomeStrangers(t *testing.T) {
	r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}})
	known := r.device(alice)
	r.owners["alice"] = throttle.Owner{UserID: "alice-id", CredentialVersion: 1}
	if r.wantAdmitted(known).KnownDevice {
		t.Error("after a change of password the device is known")
	}
	if !r.wantAdmitted(r.device(alice)).KnownDevice {
		t.Error("the device that changed the password is a stranger")
	}
	r.owners["alice"] = throttle.Owner{UserID: "another alice"}
	if r.wantAdmitted(known).KnownDevice {
		t.Error("the device of a deleted account is known to the next account of that name")
	}
	delete(r.owners, "alice")
	for name, device := range map[string]throttle.Attempt{"of a deleted account": known, "forged for nobody": r.device(alice)} {
		if r.wantAdmitted(device).KnownDevice {
			t.Errorf("a cookie %s makes a known device", name)
		}
	}
}

// The devices that are known since a change of the password meet a fresh counter,
// whatever was tried with a cookie from before it.
func TestDevicesAfterAChangeStartAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}})
		r.fail(r.device(alice), 5)
		r.wantRefused(r.device(alice), "device", 30*time.Second)
		r.owners["alice"] = throttle.Owner{UserID: "alice-id", CredentialVersion: 1}
		if admission := r.wantAdmitted(r.device(alice)); !admission.KnownDevice || admission.Failures != 0 {
			t.Errorf("after the change: %+v, want a known device without failures", admission)
		}
		r.owners["alice"] = throttle.Owner{UserID: "another alice", CredentialVersion: 1}
		if admission := r.wantAdmitted(r.device(alice)); !admission.KnownDevice || admission.Failures != 0 {
			t.Errorf("the next account of the name: %+v, want a known device without failures", admission)
		}
	})
}

// One address may be many people. When its network is stopped, known devices and users
// who are signed in are not. A cookie that is no longer good does not get around it.
func TestManyPeopleOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key}, Network: throttle.Window{Limit: 5, Period: time.Hour}})
		for i := range 5 {
			r.fail(throttle.Attempt{Name: fmt.Sprint(i), Address: alice.Address}, 1)
		}
		left := time.Until(time.Now().Truncate(time.Hour).Add(time.Hour))
		r.wantRefused(alice, "network", left)

		known, stale, signedIn := r.device(alice), alice, alice
		signedIn.UserID = "alice-id"
		stale.Device = r.NewDevice(throttle.Owner{UserID: "alice-id", CredentialVersion: 9})
		r.store.takeCalls()
		for _, test := range []struct {
			name    string
			attempt throttle.Attempt
			calls   string
		}{
			{"known", known, "Count device"}, {"signed in", signedIn, "Count user"},
		} {
			r.fail(test.attempt, 1)
			if got := strings.ReplaceAll(r.store.takeCalls(), "find ", "find"); !strings.Contains(got, test.calls) || strings.Contains(got, "network") {
				t.Errorf("%s: calls %s", test.name, got)
			}
		}
		r.wantRefused(stale, "network", left)
	})
}

// The user's sessions share one counter, on the ladder of a name. It is apart from the
// counter of the name, so strangers who lock the name do not stop the user.
func TestSignedInUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, throttle.Config{})
		signedIn := func(i int) throttle.Attempt {
			return throttle.Attempt{Name: "alice", Address: fmt.Sprintf("192.0.2.%d", i), UserID: "alice-id"}
		}
		r.fail(alice, 10)
		r.wantRefused(alice, "name", 30*time.Second)
		for i := range 10 {
			r.fail(signedIn(i), 1)
		}
		r.wantRefused(signedIn(11), "user", 30*time.Second)
		time.Sleep(30 * time.Second)
		admission := r.wantAdmitted(signedIn(12))
		if admission.Failures != 10 {
			t.Errorf("%d failures, want 10", admission.Failures)
		}
		admission.Succeed(t.Context())
		if got := r.wantAdmitted(alice).Failures; got != 10 {
			t.Errorf("the name has %d failures, want 10: a session must not clear them", got)
		}
	})
}

func TestDeviceCookies(t *testing.T) {
	old := bytes.Repeat([]byte("o"), 32)
	r := newFixture(t, throttle.Config{DeviceKeys: [][]byte{key, old}})
	before, err := throttle.New(memaccounts.NewAttempts(), throttle.Config{DeviceKeys: [][]byte{old}})
	if err != nil {
		t.Fatal(err)
	}
	value := r.device(alice).Device
	dot := strings.LastIndex(value, ".")
	generation, mac := value[:dot], value[dot+1:]
	for name, test := range map[string]struct {
		device string
		known  bool
	}{
		"its own":               {value, true},
		"of the old key":        {before.NewDevice(r.owners["alice"]), true},
		"of an earlier release": {generation + "." + throttle.EarlierDeviceMAC(key, generation, "alice"), true},
		"of that, another's":    {generation + "." + throttle.EarlierDeviceMAC(key, generation, "bob"), false},
		"none":                  {"", false},
		"another user's":        {r.NewDevice(r.owners["bob"]), false},
		"no MAC":                {generation, false},
		"empty MAC":             {generation + ".", false},
		"another generation":    {"1" + value[1:], false},
		"no generation":         {"." + mac, false},
		"cut off":               {value[:len(value)-1], false},
		"more after it":         {value + "A", false},
		"more before it":        {"0" + value, false},
		"a session token":       {strings.Repeat("A", 22) + "." + strings.Repeat("A", 22) + "." + strings.Repeat("A", 43), false},
	} {
		a := alice
		a.Device = test.device
		admission := r.wantAdmitted(a)
		if admission.KnownDevice != test.known {
			t.Errorf("%s: known %v, want %v", name, admission.KnownDevice, test.known)
		}
		admission.Withdraw(t.Context())
	}
	if strings.Contains(value, "alice") {
		t.Errorf("the cookie tells the user: %s", value)
	}
	unkeyed := newFixture(t, throttle.Config{})
	if value := unkeyed.device(alice).Device; value != "" {
		t.Errorf("without keys a device gets %q", value)
	}
	forged := alice
	forged.Device = generation + "." + throttle.DeviceMAC(nil, generation)
	if unkeyed.wantAdmitted(forged).KnownDevice {
		t.Error("without keys a device is known by a MAC of no key")
	}
}
