package markup

import (
	"slices"
	"strings"
)

// openForm is a form whose end has not been seen.
type openForm struct {
	at     int
	route  *Form // nil if the route is none that is known
	fields []string
}

// fields looks at forms and at what they send.
func (c *checker) fields(tag *Tag) {
	if tag.Name == "form" {
		c.beginForm(tag)
	}
	if action, ok := tag.value("formaction"); ok && leaves(action) {
		c.report("<%s> has the formaction %s, and the policy forbids forms to other sites; write a path", tag.Name, short(action))
	}
	name, named := tag.value("name")
	if c.form != nil && named && slices.Contains([]string{"input", "select", "textarea", "button"}, tag.Name) {
		c.form.fields = append(c.form.fields, name)
	}
}

func (c *checker) beginForm(tag *Tag) {
	action, ok := tag.value("action")
	method, _ := tag.value("method")
	enctype, _ := tag.value("enctype")
	c.form = &openForm{at: c.at}
	switch {
	case !ok || action == "":
		c.report("a <form> has no action; write the path of its route")
		return
	case leaves(action):
		c.report("a <form> leads to %s, and the policy forbids forms to other sites; write a path, and lead on from there by signin.Redirect", short(action))
		return
	}
	path, _, _ := strings.Cut(strings.NewReplacer(Hole, "{}", Seam, "").Replace(action), "?")
	i := slices.IndexFunc(c.forms, func(f Form) bool { return f.Action == path })
	if i < 0 {
		return
	}
	c.form.route = &c.forms[i]
	if want := c.form.route.Method; !strings.EqualFold(method, want) {
		c.report("the form to %s has the method %s; write method=%q, or its fields would not arrive", path, short(method), want)
	}
	if enctype != "" && !strings.EqualFold(enctype, "application/x-www-form-urlencoded") {
		c.report("the form to %s has the enctype %s, which its route does not read; take the attribute out", path, short(enctype))
	}
}

// endForm compares the fields of a form with what its route takes.
func (c *checker) endForm() {
	form := c.form
	c.form = nil
	if form == nil || form.route == nil || len(form.route.Needed)+len(form.route.More) == 0 {
		return
	}
	if slices.ContainsFunc(form.fields, func(name string) bool { return strings.ContainsAny(name, Hole+Seam) }) {
		return
	}
	c.at = form.at
	route := form.route
	for _, name := range route.Needed {
		if !slices.Contains(form.fields, name) {
			c.report("the form to %s has no field %q, which its route needs", route.Action, name)
		}
	}
	for _, name := range form.fields {
		if !slices.Contains(route.Needed, name) && !slices.Contains(route.More, name) {
			c.report("the form to %s has the field %q, which its route refuses; take out the field, or its name", route.Action, name)
		}
	}
}
