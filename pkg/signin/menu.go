package signin

import (
	"fmt"
	"slices"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin/texts"
)

// MenuItem is an entry of the menu that signed-in users see on their pages.
type MenuItem struct {
	Path string // where it leads: a path of this site, such as /orders
	Text string // the key of its text
}

// ownMenu lists our pages for signed-in users.
func ownMenu(hasActivity bool) []MenuItem {
	menu := []MenuItem{{homePath, "menu.profile"}, {devicesPath, "menu.devices"}}
	if hasActivity {
		menu = append(menu, MenuItem{activityPath, "menu.activity"})
	}
	return append(menu, MenuItem{passwordPath, "menu.password"})
}

// menuWith returns our menu with the items of [Config.Menu].
func menuWith(menu, items []MenuItem, languages []*texts.Language) ([]MenuItem, error) {
	for _, item := range items {
		i := slices.IndexFunc(menu, func(m MenuItem) bool { return m.Path == item.Path })
		if err := item.check(i >= 0, languages); err != nil {
			return nil, fmt.Errorf("signin: Config.Menu: %w", err)
		}
		switch {
		case i < 0:
			menu = append(menu, item)
		case item.Text == "":
			menu = slices.Delete(menu, i, i+1)
		default:
			menu[i] = item
		}
	}
	return menu, nil
}

// check returns an error if the item leads to no page of this site, or has no text in one
// of the languages. An item that replaces another one may have none.
func (m MenuItem) check(replaces bool, languages []*texts.Language) error {
	if LocalPath(m.Path) != m.Path {
		return fmt.Errorf("the path %q leads to no page of this site; write one such as /orders", m.Path)
	}
	if replaces && m.Text == "" {
		return nil
	}
	for _, l := range languages {
		if _, ok := textOf(l, m.Text); !ok {
			return fmt.Errorf("%s has the text %q, which the catalogue does not have in %s; add it, or take another", m.Path, m.Text, l.Tag)
		}
	}
	return nil
}

// textOf returns the text with that key, and whether the language has it. The arguments are
// those of [texts.Language.Text].
func textOf(l *texts.Language, key string, args ...any) (text string, ok bool) {
	defer func() { ok = recover() == nil }()
	return l.Text(key, args...), true
}

// menuOf returns the menu that the user of s sees.
func (p *Pages) menuOf(s *session.Session) []MenuItem {
	if hasPassword(s) {
		return p.menu
	}
	return slices.DeleteFunc(slices.Clone(p.menu), func(m MenuItem) bool { return m.Path == passwordPath })
}
