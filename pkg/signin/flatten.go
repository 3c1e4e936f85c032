package signin

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"text/template/parse"

	"example.com/coatcheck/internal/lazily"
	"example.com/coatcheck/pkg/signin/internal/markup"
	"example.com/coatcheck/pkg/signin/texts"
)

// flattener puts together all that a page may show: every part of its templates once, in
// their order, whatever the conditions. So nothing that depends on data is overlooked.
type flattener struct {
	page *template.Template
	look *look

	text      strings.Builder
	files     []fileAt
	open      []string // the templates that are being shown
	texts     []usedText
	showsMain bool
}

// fileAt says from which file the text comes from a place on.
type fileAt struct {
	at   int
	file string
}

// usedText is a text of the catalogue that a template names.
type usedText struct {
	file, key string
	names     []string // of the arguments that it gets
	open      bool     // whether it may get others, whose names are known only when the page is sent
}

// in returns the text in the language with empty arguments, of which one may be a number, and
// whether there is one.
func (u usedText) in(l *texts.Language) (text string, ok bool) {
	var args []any
	for _, name := range u.names {
		args = append(args, name, "")
	}
	if text, ok = textOf(l, u.key, args...); !ok && len(args) > 0 {
		args[1] = 1
		text, ok = textOf(l, u.key, args...)
	}
	return text, ok
}

func (f *flattener) fileAt(at int) string {
	file := ""
	for _, part := range f.files {
		if part.at <= at {
			file = part.file
		}
	}
	return file
}

// call adds the template that another one calls. Of one that stands in a tag, an attribute,
// a title or a style, html/template makes another one, which only it can look up. Its name
// begins with that of the template it is made of.
func (f *flattener) call(name string) {
	original, _, made := strings.Cut(name, "$htmltemplate_")
	if !made {
		f.showsMain = f.showsMain || name == "main"
		f.template(name)
		return
	}
	f.template(original)
	f.text.WriteString(markup.Seam) // its text in a style may be another one
}

// template adds the template with the name. One that calls itself is added once.
func (f *flattener) template(name string) {
	called := f.page.Lookup(name)
	if called == nil || called.Tree == nil || slices.Contains(f.open, name) {
		f.text.WriteString(markup.Hole)
		return
	}
	before := f.fileAt(f.text.Len())
	f.open = append(f.open, name)
	f.enter(called.Tree.ParseName)
	f.list(called.Tree.Root)
	f.open = f.open[:len(f.open)-1]
	f.enter(before)
}

func (f *flattener) enter(file string) { f.files = append(f.files, fileAt{f.text.Len(), file}) }

func (f *flattener) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		f.node(n)
	}
}

func (f *flattener) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.TextNode:
		f.text.Write(n.Text)
	case *parse.ActionNode:
		f.pipe(n.Pipe)
		if len(n.Pipe.Decl) == 0 {
			f.text.WriteString(f.printed(n.Pipe))
		}
	case *parse.IfNode:
		f.branch(&n.BranchNode)
	case *parse.WithNode:
		f.branch(&n.BranchNode)
	case *parse.RangeNode:
		f.branch(&n.BranchNode)
	case *parse.TemplateNode:
		f.pipe(n.Pipe)
		f.call(n.Name)
	}
}

func (f *flattener) branch(n *parse.BranchNode) {
	f.pipe(n.Pipe)
	for _, part := range []*parse.ListNode{n.List, n.ElseList} {
		f.text.WriteString(markup.Seam)
		f.list(part)
	}
	f.text.WriteString(markup.Seam)
}

// printed returns what an action prints: the style sheet and the logo are always the same.
func (f *flattener) printed(p *parse.PipeNode) string {
	if len(p.Cmds) > 0 && len(p.Cmds[0].Args) == 1 {
		switch strings.TrimPrefix(p.Cmds[0].Args[0].String(), "$") {
		case ".Look.Style":
			return string(f.look.Style)
		case ".Look.Logo":
			return string(f.look.Logo)
		}
	}
	return markup.Hole
}

// pipe notes the texts that a pipeline names.
func (f *flattener) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, cmd := range p.Cmds {
		if len(cmd.Args) > 1 && isT(cmd.Args[0]) {
			f.use(cmd.Args[1:])
		}
		for _, arg := range cmd.Args {
			if inner, ok := arg.(*parse.PipeNode); ok {
				f.pipe(inner)
			}
		}
	}
}

// use notes the text that arguments of the method T name.
func (f *flattener) use(args []parse.Node) {
	key, ok := args[0].(*parse.StringNode)
	if !ok {
		return
	}
	used := usedText{file: f.fileAt(f.text.Len()), key: key.Text}
	for i := 1; i < len(args); i += 2 {
		name, ok := args[i].(*parse.StringNode)
		if ok {
			used.names = append(used.names, name.Text)
		} else {
			used.names, used.open = append(used.names, ""), true
		}
	}
	f.texts = append(f.texts, used)
}

// isT reports whether a command begins with the method T of a page.
func isT(n parse.Node) bool {
	name := n.String()
	return name == ".T" || name == "$.T"
}

// missingArgument matches what a page would show of an argument that a text does not get.
var missingArgument = lazily.Regexp(`\{[a-z_]+\}`)

// missingTexts says which texts the catalogue does not have, and which arguments a text does
// not get.
func (f *flattener) missingTexts(languages []*texts.Language, problems *findings) {
	for _, used := range f.texts {
		for _, l := range languages {
			text, ok := used.in(l)
			missing := missingArgument().FindString(text)
			switch {
			case !ok:
				problems.add(fmt.Sprintf("%s: the catalogue has no text %q in %s; add it, or take another", used.file, used.key, l.Tag), "")
			case missing != "" && !used.open:
				problems.add(fmt.Sprintf("%s: the text %q needs the argument %s; write its name without braces, and its value, behind the key", used.file, used.key, missing), "")
			}
		}
	}
}
