package site

import (
	"regexp"
	"strings"
	"testing"
)

// in returns a logo around the shapes.
func in(shapes string) string { return `<svg viewBox="0 0 32 32">` + shapes + `</svg>` }

func TestParseLogo(t *testing.T) {
	const start = `<svg aria-hidden="true" viewBox="0 0 32 32">`
	for name, tt := range map[string]struct{ text, want string }{
		"none":     {"", ""},
		"a circle": {in(`<circle cx="16" cy="16" r="15.5"/>`), start + `<circle cx="16" cy="16" r="15.5"></circle></svg>`},
		"as an editor writes it": {`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 32 32">` +
			"\n\t<path d=\"M1,2\n l-3.5e2 4z\" fill='#0b5394' fill-rule=\"evenodd\"/>\n</svg>\n",
			start + `<path d="M1,2` + "\n" + ` l-3.5e2 4z" fill="#0b5394" fill-rule="evenodd"></path></svg>`},
		"a gradient of its own": {in(`<defs><linearGradient id="username"><stop offset="50%" stop-color="rgb(1, 2, 3)"/></linearGradient></defs><g fill="url(#username)"><rect width="9" height="9"/></g>`),
			start + `<defs><linearGradient id="logo-username"><stop offset="50%" stop-color="rgb(1, 2, 3)"></stop></linearGradient></defs>` +
				`<g fill="url(#logo-username)"><rect width="9" height="9"></rect></g></svg>`},
		"a box of other numbers": {`<svg viewBox="-1.5,-2 10 0.5"/>`, `<svg aria-hidden="true" viewBox="-1.5,-2 10 0.5"></svg>`},
		"written by references":  {in(`<path fill="&#110;one"/>`), start + `<path fill="none"></path></svg>`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := ParseLogo(tt.text); got.SVG() != tt.want || err != nil {
				t.Errorf("got  %s, %v\nwant %s", got.SVG(), err, tt.want)
			}
		})
	}
}

// hostile are texts that are no logo, each with a part of the error.
var hostile = map[string]struct{ text, says string }{
	"a script":                    {in(`<script>alert(1)</script>`), "<script> is not allowed"},
	"a script in its namespace":   {in(`<s:script xmlns:s="http://www.w3.org/2000/svg">alert(1)</s:script>`), "<script> is not allowed"},
	"a script in capitals":        {in(`<SCRIPT>alert(1)</SCRIPT>`), "<SCRIPT> is not allowed"},
	"a handler":                   {`<svg viewBox="0 0 32 32" onload="alert(1)"></svg>`, "onload of <svg> is not allowed"},
	"a handler on a shape":        {in(`<path onclick="alert(1)"/>`), "onclick of <path> is not allowed"},
	"a style":                     {in(`<path style="fill:red"/>`), "style of <path> is not allowed"},
	"a style sheet":               {in(`<style>*{display:none}</style>`), "<style> is not allowed"},
	"a class":                     {in(`<path class="unseen"/>`), "class of <path> is not allowed"},
	"HTML inside":                 {in(`<foreignObject><iframe src="/"/></foreignObject>`), "<foreignObject> is not allowed"},
	"another namespace":           {`<svg xmlns="http://www.w3.org/1999/xhtml" viewBox="0 0 32 32"/>`, `the namespace or prefix "http://www.w3.org/1999/xhtml"`},
	"a prefix":                    {`<html:svg xmlns:html="http://www.w3.org/1999/xhtml" viewBox="0 0 32 32"/>`, `the namespace or prefix "http://www.w3.org/1999/xhtml"`},
	"a prefix nobody knows":       {`<s:svg viewBox="0 0 32 32"/>`, `the namespace or prefix "s"`},
	"an image":                    {in(`<image href="https://evil.example/x.png"/>`), "<image> is not allowed"},
	"a use":                       {in(`<use href="#a"/>`), "<use> is not allowed"},
	"a link":                      {in(`<a href="javascript:alert(1)"><path/></a>`), "<a> is not allowed"},
	"an XLink":                    {`<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 32 32"/>`, "xlink of <svg> is not allowed"},
	"an animation":                {in(`<animate attributeName="href" to="javascript:alert(1)"/>`), "<animate> is not allowed"},
	"a URL elsewhere":             {in(`<path fill="url(https://evil.example/x#a)"/>`), "is not allowed in a logo"},
	"a URL without a scheme":      {in(`<path fill="url(evil)"/>`), "is not allowed in a logo"},
	"a URL in capitals":           {in(`<path fill="URL(evil)"/>`), "is not allowed in a logo"},
	"a URL and a color":           {in(`<path fill="url(#a) url(evil)"/>`), "is not allowed in a logo"},
	"a URL hidden by CSS":         {in(`<path fill="u\72l(evil)"/>`), "is not allowed in a logo"},
	"a quote in a value":          {in(`<path d='M0"/><script>alert(1)</script>'/>`), "not one whole SVG element"},
	"a quote as a reference":      {in(`<path d="M0&quot; onload=&quot;alert(1)"/>`), "is not allowed in a logo"},
	"a bracket as a reference":    {in(`<path d="&lt;script>"/>`), "is not allowed in a logo"},
	"an ID that ends the tag":     {in(`<path id="a&gt;b"/>`), "is not allowed in a logo"},
	"an attribute twice":          {in(`<path d="M0" d="M1"/>`), "has the attribute d twice"},
	"text":                        {in(`Shop`), `the text "Shop"`},
	"text in CDATA":               {in(`<![CDATA[<script>alert(1)</script>]]>`), "the text"},
	"a text element":              {in(`<text>Shop</text>`), "<text> is not allowed"},
	"a title":                     {in(`<title>Shop</title>`), "<title> is not allowed"},
	"entities":                    {`<!DOCTYPE svg [<!ENTITY a "b">]>` + in(``), "<!DOCTYPE"},
	"an entity nobody knows":      {in(`<path d="&a;"/>`), "not one whole SVG element"},
	"a comment for HTML":          {in(`<!-- --!><script>alert(1)</script> -->`), "not one whole SVG element"},
	"a comment for XML":           {in(`<!--><script>alert(1)</script>-->`), ""}, // the comment is left out
	"not closed":                  {`<svg viewBox="0 0 32 32"><path>`, "not one whole SVG element"},
	"closed in another order":     {in(`<g><path></g></path>`), "not one whole SVG element"},
	"nothing but blanks":          {" ", "not one whole SVG element"},
	"words":                       {"logo.svg", `the text "logo.svg"`},
	"two":                         {in(``) + in(``), "stands where it must not"},
	"one in the other":            {in(in(``)), "stands where it must not"},
	"a shape alone":               {`<path d="M0"/>`, "stands where it must not"},
	"text behind it":              {in(``) + `x`, `the text "x"`},
	"no box":                      {`<svg width="32" height="32"/>`, "has no viewBox"},
	"a box of nothing":            {`<svg viewBox="0 0 0 32"/>`, "must be four numbers"},
	"a box of words":              {`<svg viewBox="none"/>`, "must be four numbers"},
	"bytes that are no UTF-8":     {in("<path d='\xff'/>"), "not one whole SVG element"},
	"a NUL":                       {in("<path d='\x00'/>"), "not one whole SVG element"},
	"another encoding":            {`<?xml version="1.0" encoding="UTF-7"?>` + in(``), "not one whole SVG element"},
	"a byte more than is allowed": {in(strings.Repeat(" ", MaxLogo+1-len(in(``)))), "901 bytes are too many"},
}

func TestHostileLogos(t *testing.T) {
	for name, tt := range hostile {
		t.Run(name, func(t *testing.T) {
			got, err := ParseLogo(tt.text)
			if tt.says == "" {
				if err != nil || strings.Contains(got.SVG(), "script") {
					t.Errorf("got %s, %v", got.SVG(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) || got != (Logo{}) {
				t.Errorf("got %s, %v; want an error with %q", got.SVG(), err, tt.says)
			}
		})
	}
	if _, err := ParseLogo(in(strings.Repeat(" ", MaxLogo-len(in(``))))); err != nil {
		t.Errorf("a logo of exactly the maximum size: %v", err)
	}
}

// Whatever ParseLogo takes, the page gets only tags of shapes, whose attributes say
// nothing but numbers, words, colors and the IDs of the logo. This is written anew here
// and not taken from the code. What ParseLogo has written it takes again and writes in
// the same way, but for the IDs and the mark that hides it from screen readers.
func FuzzParseLogo(f *testing.F) {
	for _, tt := range hostile {
		f.Add(tt.text)
	}
	tag := regexp.MustCompile(`^(</?(svg|g|defs|path|rect|circle|ellipse|line|polyline|polygon|linearGradient|radialGradient|stop|clipPath)` +
		`( [a-z][A-Za-z0-9-]*="([A-Za-z0-9 \t\r\n.,#%()+-]*|url\(#logo-[A-Za-z0-9_-]+\)|logo-[A-Za-z0-9_-]+)")*>)+$`)
	harmful := regexp.MustCompile(`(?i) (on[a-z]*|style|class|href|src|xmlns|name|data-[a-z-]*)=|url\([^#]`)
	f.Fuzz(func(t *testing.T, text string) {
		logo, err := ParseLogo(text)
		svg := logo.SVG()
		if err != nil || text == "" {
			if svg != "" {
				t.Errorf("%s is returned with %v", svg, err)
			}
			return
		}
		if !tag.MatchString(svg) || harmful.MatchString(svg) || !strings.HasPrefix(svg, "<svg ") {
			t.Errorf("%q became %s", text, svg)
		}
		again, err := ParseLogo(strings.Replace(svg, ` aria-hidden="true"`, "", 1))
		if len(svg) <= MaxLogo && (err != nil || strings.ReplaceAll(again.SVG(), "logo-logo-", "logo-") != svg) {
			t.Errorf("%s became %s, %v", svg, again.SVG(), err)
		}
	})
}
