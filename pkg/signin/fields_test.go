package signin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	missingName     = `The field "username" is missing.`
	missingPassword = `The field "password" is missing.`
	unknownField    = `There is a field that does not belong here; expected: ["username" "password" "stay_signed_in"].`
	noFlag          = `The field "stay_signed_in" must be one of ["true" "false"].`
	notOneObject    = "The body must be one JSON object whose values are strings, with no name twice."
	nullValue       = "A value is null; it must be a string."
	badForm         = "The form is not correctly encoded."
	doubled         = "A field came twice."
	notUTF8         = "The form is not in UTF-8."
	otherType       = "Send application/json or application/x-www-form-urlencoded, in UTF-8."
	tooLarge        = "The request is larger than 8 KB."
)

// TestBodies sends login bodies that contain the right name and password. An empty
// detail means that the body is accepted. For the other bodies no store is called.
func TestBodies(t *testing.T) {
	const p = `"password":"correct horse battery staple"`
	for _, tt := range []struct{ name, kind, body, detail string }{
		{"JSON", asJSON, rightJSON, ""},
		{"JSON in another order", asJSON, `{` + p + `,"username":"alice"}`, ""},
		{"JSON with white space", asJSON, " \r\n\t" + strings.ReplaceAll(rightJSON, ",", " , \n") + "\n", ""},
		{"JSON with escapes", asJSON, strings.Replace(rightJSON, "alice", `\u0061lic\u0065`, 1), ""},
		{"JSON with an escaped name", asJSON, strings.Replace(rightJSON, `"username"`, `"\u0075sername"`, 1), ""},
		{"nothing", asJSON, "", notOneObject},
		{"white space", asJSON, "  ", notOneObject},
		{"null", asJSON, "null", notOneObject},
		{"true", asJSON, "true", notOneObject},
		{"a number", asJSON, "1", notOneObject},
		{"a string", asJSON, `"alice"`, notOneObject},
		{"a list", asJSON, "[" + rightJSON + "]", notOneObject},
		{"an empty object", asJSON, "{}", missingName},
		{"no name", asJSON, "{" + p + "}", missingName},
		{"no password", asJSON, `{"username":"alice"}`, missingPassword},
		{"null name", asJSON, `{"username":null,` + p + `}`, nullValue},
		{"null password", asJSON, `{"username":"alice","password":null}`, nullValue},
		{"number", asJSON, `{"username":1,` + p + `}`, notOneObject},
		{"boolean", asJSON, `{"username":true,` + p + `}`, notOneObject},
		{"object", asJSON, `{"username":{"$ne":null},` + p + `}`, notOneObject},
		{"list", asJSON, `{"username":["alice"],` + p + `}`, notOneObject},
		{"unknown name", asJSON, `{"username":"alice","admin":"1",` + p + `}`, unknownField},
		{"empty name", asJSON, `{"username":"alice","":"",` + p + `}`, unknownField},
		{"next", asJSON, `{"username":"alice","next":"/",` + p + `}`, unknownField},
		{"null unknown name", asJSON, `{"username":"alice","admin":null,` + p + `}`, nullValue},
		{"name twice", asJSON, `{"username":"mallory","username":"alice",` + p + `}`, notOneObject},
		{"name twice, equal", asJSON, `{"username":"alice","username":"alice",` + p + `}`, notOneObject},
		{"name twice, once escaped", asJSON, `{"username":"mallory","\u0075sername":"alice",` + p + `}`, notOneObject},
		{"name twice, in another case", asJSON, `{"username":"alice","USERNAME":"mallory",` + p + `}`, unknownField},
		{"name in another case", asJSON, `{"Username":"alice",` + p + `}`, unknownField},
		{"name with a long s", asJSON, `{"uſername":"alice",` + p + `}`, unknownField},
		{"chosen to stay", asJSON, `{"username":"alice","stay_signed_in":true,` + p + `}`, ""},
		{"not chosen to stay", asJSON, `{"username":"alice","stay_signed_in":false,` + p + `}`, ""},
		{"chosen in a string", asJSON, `{"username":"alice","stay_signed_in":"true",` + p + `}`, noFlag},
		{"chosen as a number", asJSON, `{"username":"alice","stay_signed_in":1,` + p + `}`, noFlag},
		{"chosen as null", asJSON, `{"username":"alice","stay_signed_in":null,` + p + `}`, noFlag},
		{"chosen as a list", asJSON, `{"username":"alice","stay_signed_in":[true],` + p + `}`, noFlag},
		{"chosen twice", asJSON, `{"username":"alice","stay_signed_in":true,"stay_signed_in":false,` + p + `}`, notOneObject},
		{"nothing but chosen", asJSON, `{"stay_signed_in":true}`, missingName},
		{"two mistakes", asJSON, `{"username":1,"admin":null,` + p + `}`, nullValue},
		{"boolean password", asJSON, `{"username":"alice","password":true}`, notOneObject},
		{"trailing object", asJSON, rightJSON + rightJSON, notOneObject},
		{"trailing letter", asJSON, rightJSON + "x", notOneObject},
		{"trailing comma", asJSON, strings.Replace(rightJSON, "}", ",}", 1), notOneObject},
		{"trailing NUL", asJSON, rightJSON + "\x00", notOneObject},
		{"cut off", asJSON, rightJSON[:len(rightJSON)-1], notOneObject},
		{"comment", asJSON, rightJSON + "// x", notOneObject},
		{"single quotes", asJSON, strings.ReplaceAll(rightJSON, `"`, "'"), notOneObject},
		{"byte order mark", asJSON, "\xef\xbb\xbf" + rightJSON, notOneObject},
		{"invalid UTF-8", asJSON, strings.Replace(rightJSON, "alice", "alice\xff", 1), notOneObject},
		{"invalid UTF-8 in a name", asJSON, strings.Replace(rightJSON, "username", "username\xff", 1), notOneObject},
		{"overlong UTF-8", asJSON, strings.Replace(rightJSON, "alice", "\xc1\xa1lice", 1), notOneObject},
		{"lone surrogate", asJSON, strings.Replace(rightJSON, "alice", `alice\ud800`, 1), notOneObject},
		{"raw control character", asJSON, strings.Replace(rightJSON, "alice", "alice\n", 1), notOneObject},
		{"UTF-16", asJSON, "\xff\xfe{\x00}\x00", notOneObject},
		{"deep lists", asJSON, strings.Repeat("[", 8000), notOneObject},
		{"deep objects", asJSON, strings.Repeat(`{"a":`, 1600), notOneObject},
		{"a form called JSON", asJSON, rightForm, notOneObject},

		{"form", asForm, rightForm, ""},
		{"form in another order", asForm, "password=correct+horse+battery+staple&username=alice", ""},
		{"form with empty pairs", asForm, "&" + strings.Replace(rightForm, "&", "&&", 1) + "&", ""},
		{"form with next", asForm, rightForm + "&next=/", ""},
		{"form, chosen to stay", asForm, rightForm + "&stay_signed_in=true", ""},
		{"form, chosen without a value", asForm, rightForm + "&stay_signed_in=on", ""},
		{"form, not chosen", asForm, rightForm + "&stay_signed_in=false", ""},
		{"form, empty choice", asForm, rightForm + "&stay_signed_in=", ""},
		{"form, no choice", asForm, rightForm + "&stay_signed_in=maybe", noFlag},
		{"form, chosen twice", asForm, rightForm + "&stay_signed_in=true&stay_signed_in=true", doubled},
		{"empty form", asForm, "", missingName},
		{"form without a password", asForm, "username=alice", missingPassword},
		{"unknown field", asForm, rightForm + "&admin=1", unknownField},
		{"method override", asForm, rightForm + "&_method=PUT", unknownField},
		{"unnamed field", asForm, rightForm + "&=x", unknownField},
		{"field twice", asForm, "username=mallory&" + rightForm, doubled},
		{"field twice, equal", asForm, "username=alice&" + rightForm, doubled},
		{"field twice, once escaped", asForm, "%75sername=mallory&" + rightForm, doubled},
		{"next twice", asForm, rightForm + "&next=/&next=//evil.example", doubled},
		{"unknown field twice", asForm, rightForm + "&x=1&x=1", doubled},
		{"field twice, in another case", asForm, "USERNAME=mallory&" + rightForm, unknownField},
		{"field in another case", asForm, strings.Replace(rightForm, "username", "Username", 1), unknownField},
		{"field as a list", asForm, strings.Replace(rightForm, "username", "username[]", 1), unknownField},
		{"broken escape", asForm, rightForm + "%", badForm},
		{"broken escape in a name", asForm, "%zz=1&" + rightForm, badForm},
		{"semicolon", asForm, strings.Replace(rightForm, "&", ";", 1), badForm},
		{"form of invalid UTF-8", asForm, strings.Replace(rightForm, "alice", "alice%ff", 1), notUTF8},
		{"form of raw invalid UTF-8", asForm, strings.Replace(rightForm, "alice", "alice\xff", 1), notUTF8},
		{"field name of invalid UTF-8", asForm, rightForm + "&%ff=1", notUTF8},
		{"JSON called a form", asForm, rightJSON, unknownField},
	} {
		t.Run(tt.kind[len("application/"):]+", "+tt.name, func(t *testing.T) {
			r := newFixture(t)
			resp := r.do(post("/login", tt.kind, tt.body))
			if tt.detail == "" {
				if resp.status != 200 {
					t.Errorf("%d %s", resp.status, resp.body)
				}
				return
			}
			same(t, resp, problemAnswer(400, tt.detail))
			if calls := r.recordedCalls(); calls != "" {
				t.Errorf("calls: %s", calls)
			}
		})
	}
}

func TestContentType(t *testing.T) {
	for kind, ok := range map[string]bool{
		"application/json":                               true,
		"Application/JSON":                               true,
		"application/json;charset=utf-8":                 true,
		`application/json; charset="UTF-8"`:              true,
		"application/json; charset=Utf-8":                true, // RFC 9110, section 8.3.2: upper and lower case are the same
		"application/json;charset=utf8":                  true,
		"application/json; charset=UTF8":                 true,
		"application/json; charset=us-ascii":             true,
		"application/json; charset=":                     true,
		`application/json; charset=""`:                   true,
		"application/json;charset=;q=1":                  true,
		"application/json; charset=utf-8; charset=utf-7": false,
		"application/json; charset":                      false,
		"application/problem+json":                       false,
		"application/jsonx":                              false,
		"application/json/":                              false,
		"text/json":                                      false,
		"text/plain":                                     false,
		"text/plain; application/json":                   false,
		"multipart/form-data; boundary=x":                false,
		"application/xml":                                false,
		"*/*":                                            false,
		"json":                                           false,
		"":                                               false,
		" ":                                              false,
		"application/x-www-form-urlencoded-x; charset=utf-8": false,
	} {
		r := newFixture(t)
		resp := r.do(post("/login", kind, rightJSON))
		if ok != (resp.status == 200) {
			t.Errorf("%q: %d %s", kind, resp.status, resp.body)
		}
		if !ok {
			same(t, resp, problemAnswer(415, otherType))
			if calls := r.recordedCalls(); calls != "" {
				t.Errorf("%q: calls: %s", kind, calls)
			}
		}
	}
	for _, kind := range []string{"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8", "application/x-www-form-urlencoded;charset=utf8", "application/x-www-form-urlencoded; charset=", "APPLICATION/X-WWW-FORM-URLENCODED"} {
		if resp := newFixture(t).do(post("/login", kind, rightForm)); resp.status != 200 {
			t.Errorf("%q: %d %s", kind, resp.status, resp.body)
		}
	}
	for charset, kind := range map[string]string{
		"latin1":       "application/json; charset=latin1",
		"utf-16":       "application/json; charset=utf-16",
		"utf-7":        `application/json; charset="utf-7"`,
		"windows-1252": "application/x-www-form-urlencoded; charset=windows-1252",
	} {
		r := newFixture(t)
		same(t, r.do(post("/login", kind, rightJSON)), problemAnswer(415, fmt.Sprintf("The charset %q is not known here. Send UTF-8.", charset)))
		if calls := r.recordedCalls(); calls != "" {
			t.Errorf("%q: calls: %s", kind, calls)
		}
	}
	r := newFixture(t)
	req := post("/login", "", rightJSON)
	req.Header["Content-Type"] = []string{""}
	same(t, r.do(req), problemAnswer(415, otherType))
}

// TestBodySize: a body has 8 KB at most, whether or not the request states its
// length.
func TestBodySize(t *testing.T) {
	r := newFixture(t)
	server := httptest.NewServer(r.handler)
	defer server.Close()
	form := rightForm + "&next=/"
	for _, tt := range []struct{ name, kind, start, padding string }{
		{"JSON", asJSON, rightJSON, " "},
		{"form", asForm, form, "x"},
	} {
		for size, status := range map[int]int{8 << 10: 200, 8<<10 + 1: 413, 1 << 20: 413} {
			body := tt.start + strings.Repeat(tt.padding, size-len(tt.start))
			for length, reader := range map[string]io.Reader{
				"announced": strings.NewReader(body),
				"chunked":   io.MultiReader(strings.NewReader(body)),
			} {
				t.Run(strings.Join([]string{tt.name, http.StatusText(status), length}, ", "), func(t *testing.T) {
					req, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/login", reader)
					if err != nil {
						t.Fatal(err)
					}
					req.Host = "example.com"
					req.Header.Set("Content-Type", tt.kind)
					if (req.ContentLength > 0) != (length == "announced") {
						t.Fatalf("the length is %d", req.ContentLength)
					}
					r.startOver()
					resp := roundTrip(t, req)
					r.remember(resp.cookies())
					if status == 200 {
						if resp.status != 200 {
							t.Errorf("%d %s", resp.status, resp.body)
						}
						return
					}
					resp.header.Del("Connection") // the server closes a connection if it did not read the whole body
					same(t, resp, problemAnswer(413, tooLarge))
					if calls := r.recordedCalls(); calls != "" {
						t.Errorf("calls: %s", calls)
					}
				})
			}
		}
	}
}

// TestBodySizeEverywhere: the limit is the same on every route, also on routes that
// do not read the body.
func TestBodySizeEverywhere(t *testing.T) {
	r := newFixture(t)
	cookie := r.signIn()
	large := strings.Repeat("x", 8<<10+1)
	for _, target := range []string{"GET /", "GET /profile", "POST /logout", "PUT /login", "POST /nothing"} {
		method, path, _ := strings.Cut(target, " ")
		for length, body := range map[string]io.Reader{"announced": strings.NewReader(large), "chunked": io.MultiReader(strings.NewReader(large))} {
			req := with(httptest.NewRequest(method, path, body), "Cookie", cookie)
			resp := r.do(req)
			resp.header.Del("Connection")
			t.Run(target+", "+length, func(t *testing.T) {
				same(t, resp, problemAnswer(413, tooLarge))
				if calls := r.recordedCalls(); calls != "" {
					t.Errorf("calls: %s", calls)
				}
			})
		}
	}
}

func TestIncompleteBody(t *testing.T) {
	r := newFixture(t)
	req := httptest.NewRequest("POST", "/login", io.MultiReader(strings.NewReader(rightJSON), brokenReader{}))
	req.Header.Set("Content-Type", asJSON)
	same(t, r.do(req), problemAnswer(400, "The body did not arrive whole."))
	if calls := r.recordedCalls(); calls != "" {
		t.Errorf("calls: %s", calls)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// FuzzFields: if a body is accepted, the fields are what the standard library reads
// from it. If it is refused, the status is 400, 413 or 415.
func FuzzFields(f *testing.F) {
	f.Add(asJSON, rightJSON)
	f.Add(asForm, rightForm+"&next=/")
	f.Add(asForm, rightForm+"&stay_signed_in=on")
	f.Add(asJSON, strings.Replace(rightJSON, "{", `{"stay_signed_in":true,`, 1))
	f.Fuzz(func(t *testing.T, kind, body string) {
		req := post("/login", kind, body)
		got, stay, err := loginFields(req)
		if err != nil {
			var known *refusal
			if !errors.As(err, &known) || !slices.Contains([]int{400, 413, 415}, known.status) || got != nil || stay {
				t.Fatalf("got %v, %v, %v", got, stay, err)
			}
			return
		}
		for name, value := range got {
			if !slices.Contains([]string{"username", "password", "next", "stay_signed_in"}, name) || !utf8.ValidString(value) {
				t.Fatalf("got %q = %q", name, value)
			}
		}
		want := map[string]string{}
		if strings.Contains(strings.ToLower(kind), "json") {
			var values map[string]any
			if err := json.Unmarshal([]byte(body), &values); err != nil {
				t.Fatalf("encoding/json refuses it: %v", err)
			}
			for name, value := range values {
				if _, flag := value.(bool); flag != (name == "stay_signed_in") {
					t.Fatalf("%q is a %T", name, value)
				}
				want[name] = fmt.Sprint(value)
			}
		} else {
			values, err := url.ParseQuery(body)
			if err != nil {
				t.Fatal(err)
			}
			for name := range values {
				want[name] = strings.Join(values[name], " and ")
			}
		}
		if choice := got["stay_signed_in"]; stay != (choice == "true" || choice == "on") {
			t.Fatalf("stay is %v for %q", stay, choice)
		}
		if !maps.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
		if _, ok := got["username"]; !ok {
			t.Fatal("no username")
		}
		if _, ok := got["password"]; !ok {
			t.Fatal("no password")
		}
	})
}
