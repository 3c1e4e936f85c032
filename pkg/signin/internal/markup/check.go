package markup

import (
	"fmt"
	"slices"
	"strings"

	"example.com/coatcheck/internal/lazily"
)

// Needs is what the Content-Security-Policy must allow a page, beside its forms.
type Needs struct {
	Styles []string // the texts of its style elements
	Images bool     // images of the site itself
	Fonts  bool     // fonts of the site itself
}

// Problem is something that does not work, and what to do about it. It stands at a place of
// the text.
type Problem struct {
	At   int
	Text string
}

// Form is a route that takes a form. A form to it that has other fields gets an error.
type Form struct {
	Action       string   // the path, with {} for each part that is known only when the page is sent
	Method       string   // get or post
	Needed, More []string // if there are none, the route does not look at the fields
}

// Check looks at the whole text of a page. The forms are those whose route is known.
func Check(text string, forms []Form) (Needs, []Problem) {
	c := checker{forms: forms}
	for tag := range Tags(text) {
		c.at = tag.At
		c.see(&tag)
	}
	return c.needs, c.problems
}

type checker struct {
	forms    []Form
	needs    Needs
	problems []Problem
	at       int
	form     *openForm
	svg      bool // whether an SVG picture has begun and not ended
}

func (c *checker) report(format string, args ...any) {
	c.problems = append(c.problems, Problem{c.at, fmt.Sprintf(format, args...)})
}

func (c *checker) see(tag *Tag) {
	if tag.Name == "svg" {
		c.svg = !tag.End
	}
	if tag.End {
		if tag.Name == "form" {
			c.endForm()
		}
		return
	}
	c.element(tag)
	for _, a := range tag.Attrs {
		c.attribute(tag, a)
	}
	c.images(tag)
	c.fields(tag)
}

// element looks at what a whole element does.
func (c *checker) element(tag *Tag) {
	switch tag.Name {
	case "script":
		c.report("there is a <script>, and the policy allows none; take it out")
	case "iframe", "frame", "frameset", "object", "embed", "applet", "audio", "video", "track", "portal", "fencedframe":
		c.report("there is a <%s>, and the policy lets a page load nothing of that kind; write a link to it", tag.Name)
	case "base":
		c.report("there is a <base>, and the policy allows none; write whole paths")
	case "link":
		c.link(tag)
	case "style":
		c.style(tag.Text)
	}
}

func (c *checker) link(tag *Tag) {
	rel, _ := tag.value("rel")
	for kind := range strings.FieldsSeq(strings.ToLower(rel)) {
		switch kind {
		case "stylesheet":
			c.report("there is a <link rel=%q>, and the policy allows only style sheets in the page itself; put its rules into style.css", kind)
		case "preload", "modulepreload", "prefetch", "prerender", "manifest":
			c.report("there is a <link rel=%q>, and the policy lets a page load nothing of that kind; take it out", kind)
		}
	}
}

var (
	cssImport = lazily.Regexp(`(?i)@import\b`)
	cssFont   = lazily.Regexp(`(?is)@font-face\s*\{[^}]*\}`)
	cssURL    = lazily.Regexp(`(?is)\burl\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))|\bimage-set\(\s*(?:"([^"]*)"|'([^']*)')`)
	scheme    = lazily.Regexp(`^[A-Za-z][A-Za-z0-9+.-]*:`)
)

// style looks at the text of a style element. The policy allows it by its hash, so it must
// be the same in every answer.
func (c *checker) style(text string) {
	if strings.ContainsAny(text, Hole+Seam) {
		c.report("a <style> has {{…}} in it, other than {{.Look.Style}}; the policy allows only a text that is the same in every answer: move it to a class or to a data-… attribute")
		return
	}
	if c.svg && strings.ContainsAny(text, "<&") { // it is no text only there (HTML Standard, section 13.2.6.5)
		c.report("a <style> in an <svg> has a < or an &, such as that of <![CDATA[, which browsers read there as markup; put its rules into style.css")
	}
	if !slices.Contains(c.needs.Styles, text) {
		c.needs.Styles = append(c.needs.Styles, text)
	}
	if cssImport().MatchString(text) {
		c.report("a style sheet has @import, which the policy forbids; put the rules into style.css")
	}
	for _, font := range cssFont().FindAllString(text, -1) {
		c.styleURLs(font, "font", &c.needs.Fonts)
	}
	c.styleURLs(cssFont().ReplaceAllString(text, ""), "image", &c.needs.Images)
}

func (c *checker) styleURLs(text, kind string, needed *bool) {
	for _, match := range cssURL().FindAllStringSubmatch(text, -1) {
		if address := strings.Join(match[1:], ""); !strings.HasPrefix(address, "#") {
			c.load("a style sheet", address, kind, needed)
		}
	}
}

// load notes that a page loads something from an address, which must be on the site itself.
func (c *checker) load(who, address, kind string, needed *bool) {
	*needed = true
	if leaves(address) {
		c.report("%s loads the %s %s, and the policy allows only those of the site itself: serve it by a route of your own, and write its path, such as /brand/logo.png", who, kind, short(address))
	}
}

// attribute looks at what any element may have.
func (c *checker) attribute(tag *Tag, a Attr) {
	switch {
	case strings.HasPrefix(a.Name, "on"):
		c.report("<%s> has %s, and the policy allows no script; take it out", tag.Name, a.Name)
	case a.Name == "style":
		c.report("<%s> has a style attribute, which the policy forbids; give it a class, and put the rule into style.css", tag.Name)
	case slices.ContainsFunc(strings.Split(a.Value, Seam), isScript):
		c.report("<%s> has %s=%s, and the policy allows no script; write a path or an https:// URL", tag.Name, a.Name, short(a.Value))
	}
}

// isScript reports whether a browser would take the value for a URL that is a script.
func isScript(value string) bool {
	scheme, _, ok := strings.Cut(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, value), ":")
	return ok && (strings.EqualFold(scheme, "javascript") || strings.EqualFold(scheme, "vbscript"))
}

// images looks at the images that an element shows.
func (c *checker) images(tag *Tag) {
	who := "<" + tag.Name + ">"
	for _, name := range imageAttrs(tag) {
		value, ok := tag.value(name)
		if !ok {
			continue
		}
		addresses := []string{value}
		if strings.HasSuffix(name, "srcset") {
			addresses = candidates(value)
		}
		for _, address := range addresses {
			if strings.HasPrefix(address, "#") {
				continue // a part of the page itself
			}
			c.load(who, address, "image", &c.needs.Images)
		}
	}
}

// imageAttrs returns the attributes of the element that name images.
func imageAttrs(tag *Tag) []string {
	kind, _ := tag.value("type")
	rel, _ := tag.value("rel")
	switch {
	case tag.Name == "img", tag.Name == "source":
		return []string{"src", "srcset"}
	case tag.Name == "input" && strings.EqualFold(kind, "image"):
		return []string{"src"}
	case tag.Name == "link" && strings.Contains(strings.ToLower(rel), "icon"):
		return []string{"href", "imagesrcset"}
	case tag.Name == "image", tag.Name == "use", tag.Name == "feimage":
		return []string{"href", "xlink:href"}
	}
	return []string{"background"}
}

// candidates returns the addresses of a srcset.
func candidates(value string) (addresses []string) {
	for candidate := range strings.SplitSeq(value, ",") {
		if words := strings.Fields(candidate); len(words) > 0 {
			addresses = append(addresses, words[0])
		}
	}
	return addresses
}

// leaves reports whether an address, or one of the addresses that it may be, is on another
// site, or is no address, such as data:.
func leaves(address string) bool {
	return slices.ContainsFunc(strings.Split(address, Seam), func(part string) bool {
		part = strings.ReplaceAll(strings.TrimLeft(part, blanks), `\`, "/")
		return scheme().MatchString(part) || strings.HasPrefix(part, "//")
	})
}

// short returns a value as an error shows it.
func short(value string) string {
	value = strings.NewReplacer(Hole, "{{…}}", Seam, "").Replace(value)
	if len(value) > 60 {
		value = value[:60] + "…"
	}
	return fmt.Sprintf("%q", value)
}
