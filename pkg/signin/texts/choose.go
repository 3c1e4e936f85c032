package texts

import (
	"slices"
	"strconv"
	"strings"
)

// Choose returns the language of a page. That is the user's preference if the site offers it.
// Otherwise it is the language that the values of the header Accept-Language like best
// (RFC 9110, section 12.5.4) among those that the site offers, and the first of these if they
// name none. A preference is a tag, and so is a part of the header: see [Catalogue.Find].
func (c *Catalogue) Choose(preference string, accept []string) *Language {
	if l := c.Find(preference); l != nil {
		return l
	}
	ranges := parse(strings.Join(accept, ","))
	refused := map[*Language]bool{}
	for _, r := range ranges {
		if l := c.Find(r.tag); r.quality == 0 && l != nil && strings.EqualFold(r.tag, l.Tag) {
			refused[l] = true
		}
	}
	for _, r := range ranges {
		if l := c.best(r.tag, refused); l != nil && r.quality > 0 {
			return l
		}
	}
	return c.languages[0]
}

// Find returns the language that pages have for a tag, or nil. de-AT gets de, by the lookup
// of RFC 4647, section 3.4, or de-AT if there is that too. If nothing else fits, pt gets
// pt-BR.
func (c *Catalogue) Find(tag string) *Language {
	if tag == "*" {
		return nil
	}
	return c.best(tag, nil)
}

// best returns the best language for a range that is not refused.
func (c *Catalogue) best(tag string, refused map[*Language]bool) (best *Language) {
	for _, l := range c.languages {
		if !refused[l] && l.matches(tag) && (best == nil || len(l.Tag) > len(best.Tag)) {
			best = l
		}
	}
	if best != nil || tag == "" {
		return best
	}
	for _, l := range c.languages {
		if !refused[l] && (tag == "*" || within(l.Tag, tag)) {
			return l
		}
	}
	return nil
}

// matches reports whether tag is the language's own, or begins with it.
func (l *Language) matches(tag string) bool { return within(tag, l.Tag) }

// within reports whether tag is prefix, or has it and more subtags.
func within(tag, prefix string) bool {
	n := len(prefix)
	return strings.EqualFold(tag, prefix) || len(tag) > n && tag[n] == '-' && strings.EqualFold(tag[:n], prefix)
}

// languageRange is an element of the header Accept-Language.
type languageRange struct {
	tag     string
	quality float64 // from 0, which means never, to 1
}

// parse returns the elements of the header, the best one first. It leaves out what is
// no element.
func parse(header string) (ranges []languageRange) {
	for element := range strings.SplitSeq(header, ",") {
		tag, weight, weighted := strings.Cut(element, ";")
		r := languageRange{strings.Trim(tag, " \t"), 1}
		if weighted {
			var ok bool
			if r.quality, ok = quality(weight); !ok {
				continue
			}
		}
		if r.tag != "" {
			ranges = append(ranges, r)
		}
	}
	slices.SortStableFunc(ranges, func(a, b languageRange) int {
		switch {
		case a.quality > b.quality:
			return -1
		case a.quality < b.quality:
			return 1
		}
		return 0
	})
	return ranges
}

// quality reads a weight, such as q=0.8.
func quality(weight string) (float64, bool) {
	name, value, _ := strings.Cut(strings.Trim(weight, " \t"), "=")
	q, err := strconv.ParseFloat(value, 64)
	return q, strings.EqualFold(name, "q") && err == nil && q >= 0 && q <= 1
}
