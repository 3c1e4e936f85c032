package legacylogin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"example.com/coatcheck/pkg/accounts/legacylogin"
	"example.com/coatcheck/pkg/signin/authn"
)

const key = "invented-key-invented-key-invented"

// serve starts another system that answers with handler.
func serve(t *testing.T, handler http.HandlerFunc) *legacylogin.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := legacylogin.New(server.URL+"/login?c4nary", key)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// The question is one POST with the key and with the name and the password as they were typed.
func TestQuestion(t *testing.T) {
	var asked []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), body))
		fmt.Fprint(w, `{"user_id": 17, "username": "Alice", "display_name": "Alice A.", "roles": ["a", "b"], "more": {}}`)
	})
	who, err := client.Ask(t.Context(), ` Al"ice`, "<ü ☕&>")
	if got := fmt.Sprintf("%+v", who); err != nil || got != "{UserID:17 Username:Alice DisplayName:Alice A. Roles:[a b]}" {
		t.Errorf("%s, %v", got, err)
	}
	want := `POST /login?c4nary Bearer ` + key + ` application/json {"username":" Al\"ice","password":"<ü ☕&>"}`
	if len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
	if _, err := client.Ask(t.Context(), "alice", "\xff"); !errors.Is(err, authn.ErrRefused) || len(asked) != 1 {
		t.Errorf("a password that JSON cannot carry: %v, asked %d times", err, len(asked))
	}
}

// The status decides between no and an outage. Only one means no: a path that is missing
// (404), or a check of forms or an access list before it (403), is nobody's wrong password. No redirect is followed: the password goes
// to no other address.
func TestStatus(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204, 206, 226, 300, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 407, 408, 409, 410, 418, 422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 511, 599} {
		calls := 0
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			calls++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			if status != 204 && status != 304 {
				fmt.Fprint(w, `{"user_id": "17", "username": "alice"}`)
			}
		})
		who, err := client.Ask(t.Context(), "alice", "c4nary")
		refused, outage := errors.Is(err, authn.ErrRefused), err != nil && !errors.Is(err, authn.ErrRefused)
		switch status {
		case 200:
			if err != nil || who.UserID != "17" {
				t.Errorf("200: %+v, %v", who, err)
			}
		case 401:
			if !refused {
				t.Errorf("401: %v, want ErrRefused", err)
			}
		default:
			if !outage || who.UserID != "" {
				t.Errorf("%d: %+v, %v; want an outage", status, who, err)
			}
		}
		if calls != 1 {
			t.Errorf("%d: asked %d times", status, calls)
		}
		wantNoSecret(t, err)
	}
}

// A yes that is not as it must be is an outage. A user ID is a text, byte for byte, or a
// whole number in plain digits.
func TestAnswers(t *testing.T) {
	const name = `,"username":"a"}`
	for answer, id := range map[string]string{
		`{"user_id":"017"` + name: "017", `{"user_id":17` + name: "17", `{"user_id":-5` + name: "-5", `{"user_id":0` + name: "0",
		`{"user_id":9007199254740993` + name: "9007199254740993", `{"user_id":" \u00e9"` + name: " é", `{"user_id":"1e3","roles":null,"display_name":null` + name: "1e3",
		`{"user_id":"x","roles":[` + strings.TrimSuffix(strings.Repeat(`"r",`, 1000), ",") + `]` + name: "x",

		`{"user_id":1.0` + name: "", `{"user_id":1e3` + name: "", `{"user_id":-0` + name: "", `{"user_id":0x1` + name: "", `{"user_id":null` + name: "", `{"user_id":""` + name: "",
		`{"user_id":true` + name: "", `{"user_id":["17"]` + name: "", `{"user_id":"\ud800"` + name: "", `{"user_id":"` + "\xff" + `"` + name: "", `{"username":"a"}`: "",
		`{"user_id":"17"}`: "", `{"user_id":"17","username":null}`: "", `{"user_id":"17","username":1}`: "", `{"user_id":"17","user_id":"18"` + name: "", `{"User_ID":"17"` + name: "",
		`{"user_id":"17","roles":"admin"` + name: "", `{"user_id":"17","roles":[1]` + name: "", `{"user_id":"17","display_name":1` + name: "",
		`{"user_id":"17"` + name + `{}`: "", `[]`: "", ``: "", `"17"`: "", `<html>`: "", `{"user_id":"17","x":"` + strings.Repeat("x", 64<<10) + `"` + name: "",
	} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, answer) })
		who, err := client.Ask(t.Context(), "alice", "c4nary")
		if who.UserID != id || (err != nil) != (id == "") || errors.Is(err, authn.ErrRefused) {
			t.Errorf("%.80s: user ID %q, %v; want %q", answer, who.UserID, err, id)
		}
		wantNoSecret(t, err)
	}
}

// An other system that is away, or answers late or in part, is an outage.
func TestOutages(t *testing.T) {
	away, err := legacylogin.New("http://127.0.0.1:1/c4nary", key)
	if err != nil {
		t.Fatal(err)
	}
	halves := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, `{"user_id": 17,`)
	})
	for name, client := range map[string]*legacylogin.Client{"away": away, "half an answer": halves} {
		_, err := client.Ask(t.Context(), "alice", "c4nary")
		if err == nil || errors.Is(err, authn.ErrRefused) {
			t.Errorf("%s: %v, want an outage", name, err)
		}
		wantNoSecret(t, err)
	}

	asked, hang := make(chan struct{}), make(chan struct{})
	client := serve(t, func(w http.ResponseWriter, r *http.Request) { close(asked); <-hang })
	defer close(hang)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := client.Ask(ctx, "alice", "c4nary"); !errors.Is(err, context.Canceled) {
		t.Errorf("the request has ended: %v", err)
	}
}

// Nobody waits longer than five seconds.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := legacylogin.New("https://www.example.com/login", key)
		if err != nil {
			t.Fatal(err)
		}
		client.SetTransport(hanging{})
		_, err = client.Ask(t.Context(), "alice", "c4nary")
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want a deadline", err)
		}
		wantNoSecret(t, err)
	})
}

type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestNew(t *testing.T) {
	for address, good := range map[string]bool{
		"https://www.example.com/login": true, "https://www.example.com:8443": true, "http://localhost:5000/x": true, "http://127.8.9.1/x": true, "http://[::1]:80/x": true,
		"http://www.example.com/c4nary": false, "http://localhost.example.com/": false, "http://10.0.0.1/c4nary": false, "www.example.com": false, "": false, "https://": false,
		"ftp://localhost/": false, "https://u:c4nary@www.example.com/": false, "https://www.example.com/#c4nary": false, "https://www.example.com/%zz": false, "file:///c4nary": false,
	} {
		_, err := legacylogin.New(address, key)
		if (err == nil) != good {
			t.Errorf("New(%q) = %v", address, err)
		}
		wantNoSecret(t, err)
	}
	for _, bad := range []string{"", "c4nary", strings.Repeat("c4nary ", 10), strings.Repeat("c4naryü", 10), strings.Repeat("c4nary\n", 10)} {
		_, err := legacylogin.New("https://www.example.com/", bad)
		if err == nil {
			t.Errorf("the key %q is taken", bad)
		}
		wantNoSecret(t, err)
	}
}

// wantNoSecret reports an error if err quotes the key, or the canary that stands in the
// addresses and passwords.
func wantNoSecret(t *testing.T, err error) {
	t.Helper()
	if err != nil && (strings.Contains(err.Error(), "c4nary") || strings.Contains(err.Error(), key)) {
		t.Errorf("the error tells a secret: %v", err)
	}
}
