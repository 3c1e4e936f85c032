package markup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// show returns the tags as text, so that tests can be read.
func show(text string) string {
	var all []string
	for tag := range Tags(text) {
		name := tag.Name
		if tag.End {
			name = "/" + name
		}
		for _, a := range tag.Attrs {
			name += fmt.Sprintf(" %s=%q", a.Name, a.Value)
		}
		if tag.Text != "" {
			name += fmt.Sprintf(" [%s]", tag.Text)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

func TestTags(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "",
		"1 < 2 <3 </ <!doctype html><?x?>":    "",
		"<p>a</p>":                            "p, /p",
		`<A HREF="/x?a=b&amp;c" checked b=c>`: `a href="/x?a=b&c" checked="" b="c"`,
		`<a href = '"' / x=/y/>`:              `a href="\"" x="/y/"`,
		`<a =b c==d>`:                         `a =b="" c="=d"`,
		`<img src=a.png/><br/>`:               `img src="a.png/", br`,
		"<!-- <p> --><b>":                     "b",
		"<!-- <p>":                            "",
		"<style>a > b { content: '<p>' }</STYLE><p>":        "style [a > b { content: '<p>' }], /style, p",
		"<title><p></title>":                                "title [<p>], /title",
		"<textarea><p>":                                     "textarea [<p>]",
		"<style>a</styl></style":                            "style [a</styl>], /style",
		"<p " + Seam + "onclick" + Seam + "=x" + Hole + ">": `p onclick="x\x00"`,
		"<h" + Hole + ">":                                   "h",
		"<p":                                                "p",
		"<p a":                                              `p a=""`,
		"<p a='b":                                           `p a="b"`,
		"<p a=":                                             `p a=""`,
	} {
		if got := show(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := Clean("a\r\nb\rc\n" + Hole + Seam); got != "a\nb\nc\n" {
		t.Errorf("%q", got)
	}
}

// FuzzTags: no text makes Check fail, and every tag is where it says it is.
func FuzzTags(f *testing.F) {
	for _, seed := range []string{"<p a='b'>", "<style>x</style>", "<form action=/login><input name=a></form>", "</", "<a ="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		last := -1
		for tag := range Tags(text) {
			if tag.At <= last || text[tag.At] != '<' {
				t.Fatalf("%q: a tag at %d after %d", text, tag.At, last)
			}
			last = tag.At
		}
		Check(text, nil)
	})
}

func TestCheck(t *testing.T) {
	forms := []Form{
		{Action: "/login", Method: "post", Needed: []string{"name"}, More: []string{"next"}},
		{Action: "/end/{}", Method: "post"},
	}
	for text, want := range map[string]string{
		`<p class="a" data-b="javascript"><a href="https://example.com/">x</a><a href="mailto:a@example.com">`: "",
		`<img src="/a.png"><img src="a.png"><img src="` + Hole + `">`:                                          "",
		`<svg><use href="#a"/><path fill="url(#a)"/></svg><meta http-equiv="refresh" content="1">`:             "",
		`<style>p { background: url(#a), url("/x.png") }</style><link rel="next license" href="/2">`:           "",
		`<form action="/login?a=b" method="POST"><input name="name"><input><button>Go</button></form>`:         "",
		`<form action="/login" method="post"><input name="` + Hole + `"></form>`:                               "",
		`<form action="/end/` + Hole + `" method="post"><button name="x">x</button></form>`:                    "",
		`<form action="` + Hole + `"></form><form action="/search"></form>`:                                    "",

		`<SCRIPT>`: "0: there is a <script>",
		`<iframe src="/x"></iframe><BASE href="/">`:                            "0: there is a <iframe>; 26: there is a <base>",
		`<button formaction="https://b.example/">`:                             "0: <button> has the formaction",
		`<p><object data="/x">`:                                                "3: there is a <object>",
		`<p ONLOAD=x>`:                                                         "0: <p> has onload",
		`<p style>`:                                                            "0: <p> has a style attribute",
		`<a href="java` + "\n" + `script:x">`:                                  `0: <a> has href="java\nscript:x"`,
		`<a xlink:href="` + Seam + "/x" + Seam + `VBScript:x">`:                "0: <a> has xlink:href=",
		`<video src="/x">`:                                                     "0: there is a <video>",
		`<link rel="preload STYLESHEET" href="/x">`:                            `0: there is a <link rel="preload">; 0: there is a <link rel="stylesheet">`,
		`<source srcset="/a 1x,\\b.example/c 2x">`:                             "0: <source> loads the image",
		`<input type=IMAGE src="//b.example/c">`:                               "0: <input> loads the image",
		`<td background="blob:x">`:                                             "0: <td> loads the image",
		`<style>@IMPORT "x"</style>`:                                           "0: a style sheet has @import",
		`<style>p { background: image-set("https://b.example/c" 1x) }</style>`: "0: a style sheet loads the image",
		`<style>` + Seam + `</style>`:                                          "0: a <style> has {{…}} in it",
		`<form action="` + Seam + `/a` + Seam + `https://b.example/">`:         "0: a <form> leads to",
		`<form>`: "0: a <form> has no action",
		`<form action="/login" method="post"></form>`:                                      `0: the form to /login has no field "name"`,
		`<svg><style>a &gt; b {}</style></svg><style>a { & b {} }</style>`:                 "5: a <style> in an <svg>",
		`<p><form action="/login" method="get"><input name="name"><input name="b"></form>`: `3: the form to /login has the method "get"; 3: the form to /login has the field "b"`,
		`<form action="/end/` + Hole + `">`:                                                `0: the form to /end/{} has the method ""`,
	} {
		_, problems := Check(text, forms)
		var got []string
		for _, p := range problems {
			got = append(got, fmt.Sprintf("%d: %s", p.At, p.Text))
		}
		wants := strings.Split(want, "; ")
		if want == "" {
			wants = nil
		}
		if !slices.EqualFunc(got, wants, strings.HasPrefix) {
			t.Errorf("%q:\n%q, want\n%q", text, got, wants)
		}
	}
}

func TestNeeds(t *testing.T) {
	needs, problems := Check(`<style>a</style><style>b</style><style>a</style><style>@font-face { src: url(/x) } p {}</style><svg><style>c</style></svg>`, nil)
	if want := []string{"a", "b", "@font-face { src: url(/x) } p {}", "c"}; problems != nil || !slices.Equal(needs.Styles, want) || !needs.Fonts || needs.Images {
		t.Errorf("%+v, %v", needs, problems)
	}
	needs, problems = Check(`<img alt="x" src="/a.png">`, nil)
	if problems != nil || needs.Styles != nil || needs.Fonts || !needs.Images {
		t.Errorf("%+v, %v", needs, problems)
	}
}
