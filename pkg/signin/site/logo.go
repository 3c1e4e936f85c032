package site

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/coatcheck/internal/lazily"
)

// MaxLogo is the maximum size of a logo in bytes. A function has 4 KB for all its
// variables, and what the others need fits beside such a logo.
const MaxLogo = 900

// Logo is an SVG image that can stand in a page as it is. The zero Logo is no image.
// ParseLogo makes others.
type Logo struct{ svg string }

// SVG returns the element, or "" if there is no image.
func (l Logo) SVG() string { return l.svg }

// The elements and attributes that a logo may have. They draw, and do nothing else: no
// script, style, text, animation or link, and nothing that loads anything.
var (
	logoElements = strings.Fields("svg g defs path rect circle ellipse line polyline polygon linearGradient radialGradient stop clipPath")

	logoAttributes = strings.Fields(`viewBox xmlns id transform opacity clip-path clip-rule clipPathUnits
		fill fill-opacity fill-rule stroke stroke-opacity stroke-width stroke-linecap stroke-linejoin stroke-miterlimit stroke-dasharray stroke-dashoffset
		d points x y width height rx ry cx cy r x1 y1 x2 y2 fx fy
		offset stop-color stop-opacity gradientUnits gradientTransform spreadMethod`)

	// logoValue matches numbers, colors, paths and transformations. It allows no quote,
	// bracket, ampersand, colon or backslash, so a value cannot end early, name a scheme
	// or hide a character.
	logoValue = lazily.Regexp(`^[A-Za-z0-9 \t\r\n.,#%()+-]*$`)
	logoID    = lazily.Regexp(`^[A-Za-z][A-Za-z0-9_-]*$`)
	logoURL   = lazily.Regexp(`^url\(#([A-Za-z][A-Za-z0-9_-]*)\)$`)
	logoBox   = lazily.Regexp(`^(-?[0-9.]+[ ,]+){2}[0-9.]*[1-9][0-9.]*[ ,]+[0-9.]*[1-9][0-9.]*$`)
)

const svgNamespace = "http://www.w3.org/2000/svg"

// ParseLogo reads an SVG image: one svg element with a viewBox, and what draws. The page
// gets what ParseLogo has understood, written anew, and not the text itself. So a browser
// cannot understand the text in another way. IDs get a prefix, so that they are none of
// the page's. The size of the image and comments are left out. The error says what to
// take out or to change.
//
// What is drawn in currentColor has the accent. Anything else must be seen on light pages
// and on dark ones.
func ParseLogo(text string) (Logo, error) {
	if text == "" {
		return Logo{}, nil
	}
	if len(text) > MaxLogo {
		return Logo{}, fmt.Errorf("%d bytes are too many for a logo; %d are allowed: take out what draws nothing, and decimals", len(text), MaxLogo)
	}
	decoder := xml.NewDecoder(strings.NewReader(text))
	var out strings.Builder
	for depth, done := 0, false; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && done {
			return Logo{out.String()}, nil
		}
		if err != nil {
			return Logo{}, fmt.Errorf("this is not one whole SVG element: %w", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if done || (token.Name.Local == "svg") != (depth == 0) {
				return Logo{}, fmt.Errorf("the element <%s> stands where it must not; a logo is one <svg> with shapes in it", token.Name.Local)
			}
			if err := writeStart(&out, token); err != nil {
				return Logo{}, err
			}
			depth++
		case xml.EndElement:
			fmt.Fprintf(&out, "</%s>", token.Name.Local)
			depth--
			done = depth == 0
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				return Logo{}, fmt.Errorf("there is the text %q; take it out, or make paths of it", strings.TrimSpace(string(token)))
			}
		case xml.Directive:
			return Logo{}, errors.New("there is a <!DOCTYPE> or the like; take it out")
		}
	}
}

// writeStart writes a start tag, if a logo may have it.
func writeStart(out *strings.Builder, start xml.StartElement) error {
	name := start.Name.Local
	if space := start.Name.Space; space != "" && space != svgNamespace {
		return fmt.Errorf("the element <%s> has the namespace or prefix %q; take that out", name, space)
	}
	if !slices.Contains(logoElements, name) {
		return fmt.Errorf("the element <%s> is not allowed in a logo; take it out. Allowed are %s", name, strings.Join(logoElements, ", "))
	}
	out.WriteString("<" + name)
	if name == "svg" {
		out.WriteString(` aria-hidden="true"`) // the name beside it says the same
	}
	seen := map[string]bool{}
	for _, attr := range start.Attr {
		key := attr.Name.Local
		if attr.Name.Space != "" || !slices.Contains(logoAttributes, key) {
			return fmt.Errorf("the attribute %s of <%s> is not allowed in a logo; take it out. Allowed are %s", key, name, strings.Join(logoAttributes, ", "))
		}
		if seen[key] {
			return fmt.Errorf("<%s> has the attribute %s twice; take one out", name, key)
		}
		seen[key] = true
		value, err := logoAttribute(key, attr.Value)
		if err != nil {
			return fmt.Errorf("the attribute %s of <%s>: %w", key, name, err)
		}
		if key == "xmlns" || name == "svg" && slices.Contains([]string{"x", "y", "width", "height"}, key) {
			continue // HTML needs no namespace, and the page sets the size
		}
		fmt.Fprintf(out, ` %s="%s"`, key, value)
	}
	if name == "svg" && !seen["viewBox"] {
		return errors.New("<svg> has no viewBox, so it cannot be scaled; add one, such as viewBox=\"0 0 32 32\"")
	}
	out.WriteString(">")
	return nil
}

// logoAttribute returns the value that the page gets.
func logoAttribute(key, value string) (string, error) {
	reference := logoURL().FindStringSubmatch(value)
	switch {
	case key == "xmlns" && value == svgNamespace:
		return value, nil
	case key == "id" && logoID().MatchString(value):
		return "logo-" + value, nil
	case reference != nil:
		return "url(#logo-" + reference[1] + ")", nil
	case key == "viewBox" && !logoBox().MatchString(value):
		return "", fmt.Errorf("%q must be four numbers such as 0 0 32 32", value)
	case key == "xmlns", key == "id", !logoValue().MatchString(value), strings.Contains(strings.ToLower(value), "url"):
		return "", fmt.Errorf("%q is not allowed in a logo; write numbers, colors, paths, or url(#…) for a gradient of the logo itself", value)
	}
	return value, nil
}
