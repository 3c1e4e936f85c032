package site

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

func TestParseLegacyCookies(t *testing.T) {
	for text, want := range map[string][]LegacyCookie{
		"":                         nil,
		"session":                  {{Name: "session", Path: "/"}},
		" session , session.sig ":  {{Name: "session", Path: "/"}, {Name: "session.sig", Path: "/"}},
		"session;Stateless":        {{Name: "session", Path: "/", Stateless: true}},
		"a;Path=/x;Domain=b.org":   {{Name: "a", Path: "/x", Domain: "b.org"}},
		"a; domain=.b.org; path=/": {{Name: "a", Path: "/", Domain: "b.org"}},
		"a,a;Domain=b.org,a;Path=/x": {
			{Name: "a", Path: "/"}, {Name: "a", Path: "/", Domain: "b.org"}, {Name: "a", Path: "/x"}},
		"__Host-session":                        {{Name: "__Host-session", Path: "/"}},
		"__Secure-s;Domain=b.org;stateless":     {{Name: "__Secure-s", Path: "/", Domain: "b.org", Stateless: true}},
		"connect.sid,laravel_session,PHPSESSID": {{Name: "connect.sid", Path: "/"}, {Name: "laravel_session", Path: "/"}, {Name: "PHPSESSID", Path: "/"}},
	} {
		got, err := ParseLegacyCookies(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		" ":                      "no name of a cookie",
		"a,":                     "no name of a cookie",
		"a b":                    `"a b" is no name of a cookie`,
		"a=b":                    `"a=b" is no name of a cookie`,
		"a\r\nSet-Cookie: x=y":   "no name of a cookie",
		strings.Repeat("a", 65):  "no name of a cookie",
		"__Host-SESSIONID":       "is a cookie of this product",
		"__host-device":          "is a cookie of this product",
		"__Host-PROVIDER":        "is a cookie of this product",
		"__Host-SSO-x":           "is a cookie of this product",
		"__HOST-sso-":            "is a cookie of this product",
		"a;":                     `"" is not understood`,
		"a;Secure":               `the cookie a: "Secure" is not understood; after a name may come Path=/…, Domain=… and Stateless`,
		"a;Stateless=1":          "not understood",
		"a;Path=x":               `the Path is "x"`,
		"a;Path=":                `the Path is ""`,
		"a;Path=/x;Path=/y":      "Path is there twice",
		"a;Domain=":              `the Domain is ""`,
		"a;Domain=B.org":         `the Domain is "B.org"; it must be a host name such as example.org, in lower case`,
		"a;Domain=https://b.org": "the Domain is",
		"a;Domain=b.org:443":     "the Domain is",
		"a;Stateless;stateless":  "Stateless is there twice",
		"__Host-a;Domain=b.org":  "the cookie __Host-a has a Path or a Domain",
		"__host-a;Path=/x":       "the cookie __host-a has a Path or a Domain",
		"a;Path=/x y":            "the Path is",
	} {
		if got, err := ParseLegacyCookies(text); err == nil || !strings.Contains(err.Error(), says) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%q: %+v, %v; want an error with %q", text, got, err, says)
		}
	}
}

func TestHasLegacyCookie(t *testing.T) {
	s := Site{LegacyCookies: []LegacyCookie{{Name: "session", Path: "/"}, {Name: "session.sig", Path: "/"}}}
	for header, want := range map[string]bool{
		"":                              false,
		"session=":                      false,
		"session":                       false,
		"SESSION=a":                     false,
		"xsession=a; sessions=b":        false,
		"x=session=a":                   false,
		"session=a":                     true,
		"session=\"a b\", not a cookie": true, // net/http drops it
		"x=y;session.sig=a":             true,
		"session=; session=a":           true,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Cookie"] = []string{"other=1", header}
		if got := s.HasLegacyCookie(r); got != want {
			t.Errorf("%q: %t, want %t", header, got, want)
		}
		if (&Site{}).HasLegacyCookie(r) {
			t.Errorf("%q is a cookie of the monolith where there is none", header)
		}
	}
}

// A browser removes a cookie only by the name, the path and the domain that it has, and
// takes a name with a prefix only if the header is Secure.
func TestClearLegacyCookies(t *testing.T) {
	cookies, err := ParseLegacyCookies("session,sid;Path=/shop;Domain=example.org,__Host-a,__secure-b;Stateless")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	(&Site{LegacyCookies: cookies}).ClearLegacyCookies(w)
	const rest = "Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; HttpOnly"
	want := []string{
		"session=; Path=/; " + rest + "; SameSite=Lax",
		"sid=; Path=/shop; Domain=example.org; " + rest + "; SameSite=Lax",
		"__Host-a=; Path=/; " + rest + "; Secure; SameSite=Lax",
		"__secure-b=; Path=/; " + rest + "; Secure; SameSite=Lax",
	}
	if got := w.Header()["Set-Cookie"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, line := range want {
		if c, err := http.ParseSetCookie(line); err != nil || c.MaxAge >= 0 || c.Valid() != nil {
			t.Errorf("%q: %+v, %v", line, c, err)
		}
	}
}

func TestHasStateless(t *testing.T) {
	for text, want := range map[string]bool{"": true, "a,b": false, "a,b;Stateless": true} {
		cookies, err := ParseLegacyCookies(text)
		if got := (&Site{LegacyCookies: cookies}).HasStateless(); got != want || err != nil {
			t.Errorf("%q: %t, %v; want %t", text, got, err, want)
		}
	}
}
