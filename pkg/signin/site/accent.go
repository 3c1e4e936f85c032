package site

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"example.com/coatcheck/internal/lazily"
)

// Accent is the color of what shall be seen first: one on light pages, one on dark ones.
// The zero Accent is Coatcheck's own. ParseAccent makes others.
type Accent struct{ light, dark color }

// color is a color as #rrggbb.
type color string

// scheme is the colors of style.css that the accent meets in one color scheme. Text in
// the accent stands on the page and on its cards, and the text of buttons stands on the
// accent.
type scheme struct {
	name             string
	page, card, text color
	better           string // the direction in which an accent gets more contrast
}

var (
	lightScheme = scheme{"light", "#f4f1ec", "#fffdfa", "#ffffff", "darker"}
	darkScheme  = scheme{"dark", "#14161a", "#1d2026", "#14161a", "lighter"}
)

var accent = lazily.Regexp(`^(#[0-9A-Fa-f]{6}),(#[0-9A-Fa-f]{6})$`)

// ParseAccent reads two colors, the accent on light pages and that on dark ones, such as
// "#0b5394,#9fc5e8". An empty text is the zero Accent. Text in these colors and on them
// must be readable: the error says which color has too little contrast to what, and in
// which direction to change it.
func ParseAccent(text string) (Accent, error) {
	if text == "" {
		return Accent{}, nil
	}
	match := accent().FindStringSubmatch(text)
	if match == nil {
		return Accent{}, fmt.Errorf("%q must be two colors, for light pages and for dark ones, such as #0b5394,#9fc5e8", text)
	}
	a := Accent{color(match[1]), color(match[2])}
	if err := errors.Join(lightScheme.check(a.light), darkScheme.check(a.dark)); err != nil {
		return Accent{}, err
	}
	return a, nil
}

// enough is the contrast that text of any size needs (WCAG 2.2, success criterion
// 1.4.3).
const enough = 4.5

// check returns an error if the accent has too little contrast to what it meets. The
// ratio in the error is rounded down, so that it is never shown as enough.
func (s scheme) check(accent color) error {
	for _, other := range []struct {
		name string
		color
	}{{"the page", s.page}, {"a card", s.card}, {"the text of buttons", s.text}} {
		if ratio := contrast(accent, other.color); ratio < enough {
			return fmt.Errorf("the color for %[1]s pages, %[2]s, has a contrast of %.2[3]f:1 to %[4]s, %[5]s, and needs %[6]g:1; choose a %[7]s one",
				s.name, accent, math.Floor(ratio*100)/100, other.name, other.color, enough, s.better)
		}
	}
	return nil
}

// contrast returns the contrast ratio of two colors, from 1 to 21, as WCAG 2.2 defines it.
func contrast(a, b color) float64 {
	light, dark := a.luminance(), b.luminance()
	if light < dark {
		light, dark = dark, light
	}
	return (light + 0.05) / (dark + 0.05)
}

// luminance returns the relative luminance, from 0 to 1, as WCAG 2.2 defines it.
func (c color) luminance() (sum float64) {
	for i, share := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(string(c[1+2*i:3+2*i]), 16, 8)
		if err != nil { // cannot happen: every color is written here, or matches accent
			panic(err)
		}
		value := float64(n) / 255
		if value <= 0.04045 {
			value /= 12.92
		} else {
			value = math.Pow((value+0.055)/1.055, 2.4)
		}
		sum += share * value
	}
	return sum
}

// CSS returns the rule that sets the accent, to stand behind style.css, or "" for the
// zero Accent.
func (a Accent) CSS() string {
	if a == (Accent{}) {
		return ""
	}
	return fmt.Sprintf(":root { --accent: light-dark(%s, %s); --on-accent: light-dark(%s, %s); }\n", a.light, a.dark, lightScheme.text, darkScheme.text)
}
