package signin

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"text/template/parse"
)

// fold makes a parsed page ready to be shown. html/template escapes it, and then each part that
// depends on nothing but the parts of the view that are always the same, such as
// {{$.T "login.title"}}, the style sheet or the menu, is executed once and replaced by what it
// prints. So an answer shows what it would show without fold, escaped in the same way, but
// most of it is text already. fixed has the parts of the view that always names.
func fold(page *template.Template, fixed *view, always []string) *template.Template {
	// The first execution escapes the templates, whatever its data.
	if unsafe := (*template.Error)(nil); errors.As(page.Execute(io.Discard, nil), &unsafe) {
		panic(fmt.Errorf("signin: %w", unsafe)) // NewPages has refused such a template
	}
	f := folder{page: page, fixed: fixed, always: always, getsView: map[string]bool{}}
	f.mark(page.Name(), true)
	for name, all := range f.getsView {
		if all && !f.redefined {
			f.fold(page.Lookup(name).Tree.Root, true)
		}
	}
	return page
}

// folder folds the templates of one page.
type folder struct {
	page      *template.Template
	fixed     *view           // has what is always the same
	always    []string        // the names of its fields and methods
	getsView  map[string]bool // the templates that are called, and whether each call gives them the view
	redefined bool            // whether a template gives $ another meaning
}

// mark notes what the template with the name is called with, and so on for those that it calls.
// A template that is called inside of an attribute or a style has a copy there, whose name
// html/template makes of the name and this sign, and which nobody else can look up. The copy is
// not folded, but it calls what the template calls.
func (f *folder) mark(name string, view bool) {
	name, _, _ = strings.Cut(name, "$htmltemplate_")
	if before, known := f.getsView[name]; known && (before == view || !before) {
		return
	}
	t := f.page.Lookup(name)
	if t == nil || t.Tree == nil {
		return
	}
	f.getsView[name] = view
	f.markList(t.Tree.Root, view, view)
}

// markList looks for calls. view says whether $ is the view, and dot whether . is.
func (f *folder) markList(l *parse.ListNode, view, dot bool) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			f.markPipe(n.Pipe)
		case *parse.TemplateNode:
			f.markPipe(n.Pipe)
			f.mark(n.Name, view && passes(n.Pipe, "$") || dot && passes(n.Pipe, "."))
		default:
			if b := branchOf(n); b != nil {
				f.markPipe(b.Pipe)
				f.markList(b.List, view, dot && b.NodeType == parse.NodeIf)
				f.markList(b.ElseList, view, dot)
			}
		}
	}
}

func (f *folder) markPipe(p *parse.PipeNode) {
	f.redefined = f.redefined || p != nil && slices.ContainsFunc(p.Decl, func(v *parse.VariableNode) bool { return v.Ident[0] == "$" })
}

// passes reports whether a pipeline is nothing but what is named.
func passes(p *parse.PipeNode, name string) bool { return p != nil && p.String() == name }

// branchOf returns what if, with and range have in common, and nil for all else.
func branchOf(n parse.Node) *parse.BranchNode {
	switch n := n.(type) {
	case *parse.IfNode:
		return &n.BranchNode
	case *parse.WithNode:
		return &n.BranchNode
	case *parse.RangeNode:
		return &n.BranchNode
	}
	return nil
}

// fold folds the nodes of a list whose $ is the view, and joins the texts that it then has. dot
// says whether . is the view too.
func (f *folder) fold(l *parse.ListNode, dot bool) {
	if l == nil {
		return
	}
	var folded []parse.Node
	for _, n := range l.Nodes {
		if text, ok := f.text(n, dot); ok {
			folded = appendText(folded, n.Position(), text)
			continue
		}
		if b := branchOf(n); b != nil {
			f.fold(b.List, dot && b.NodeType == parse.NodeIf)
			f.fold(b.ElseList, dot)
		}
		folded = append(folded, n)
	}
	l.Nodes = folded
}

// appendText appends a text to nodes, or to the text that is the last of them.
func appendText(nodes []parse.Node, at parse.Pos, text []byte) []parse.Node {
	if len(nodes) > 0 {
		if last, ok := nodes[len(nodes)-1].(*parse.TextNode); ok {
			last.Text = append(last.Text, text...)
			return nodes
		}
	}
	if len(text) == 0 {
		return nodes
	}
	return append(nodes, &parse.TextNode{NodeType: parse.NodeText, Pos: at, Text: slices.Clone(text)})
}

// text returns what a node prints, if that is always the same. It executes the node alone, in
// the place of the whole page. A node that fails is left for an answer that needs it.
func (f *folder) text(n parse.Node, dot bool) ([]byte, bool) {
	if text, ok := n.(*parse.TextNode); ok {
		return text.Text, true
	}
	meaning := other
	if dot {
		meaning = page
	}
	if !f.fixedNode(n, meaning) {
		return nil, false
	}
	root := f.page.Tree.Root
	whole := root.Nodes
	defer func() { root.Nodes = whole }()
	root.Nodes = []parse.Node{n}
	var out bytes.Buffer
	err := f.page.Execute(&out, f.fixed)
	return out.Bytes(), err == nil
}

// meaning is what . means in a part of a template.
type meaning int

const (
	other meaning = iota
	page          // the view
	fixed         // something that is always the same
)

// fixedNode reports whether a node always prints the same.
func (f *folder) fixedNode(n parse.Node, dot meaning) bool {
	if b := branchOf(n); b != nil {
		inner := fixed
		if b.NodeType == parse.NodeIf {
			inner = dot
		}
		return f.fixedPipe(b.Pipe, dot) && f.fixedList(b.List, inner) && f.fixedList(b.ElseList, dot)
	}
	switch n := n.(type) {
	case *parse.TextNode:
		return true
	case *parse.ActionNode:
		return f.fixedPipe(n.Pipe, dot)
	}
	return false
}

func (f *folder) fixedList(l *parse.ListNode, dot meaning) bool {
	return l == nil || !slices.ContainsFunc(l.Nodes, func(n parse.Node) bool { return !f.fixedNode(n, dot) })
}

func (f *folder) fixedPipe(p *parse.PipeNode, dot meaning) bool {
	return len(p.Decl) == 0 && !slices.ContainsFunc(p.Cmds, func(c *parse.CommandNode) bool {
		return slices.ContainsFunc(c.Args, func(n parse.Node) bool { return !f.fixedArg(n, dot) })
	})
}

// fixedArg reports whether a part of a command is always the same. An identifier is a function of
// html/template, and each of these depends on its arguments alone.
func (f *folder) fixedArg(n parse.Node, dot meaning) bool {
	switch n := n.(type) {
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.IdentifierNode:
		return true
	case *parse.DotNode:
		return dot == fixed
	case *parse.FieldNode:
		return dot == fixed || dot == page && slices.Contains(f.always, n.Ident[0])
	case *parse.VariableNode:
		return n.Ident[0] == "$" && len(n.Ident) > 1 && slices.Contains(f.always, n.Ident[1])
	case *parse.PipeNode:
		return f.fixedPipe(n, dot)
	}
	return false
}
