// Package cloudwatch evaluates, for tests, the two languages of CloudWatch in which
// template.yaml says what is counted and what rings: filter patterns for log lines of JSON,
// and metric math. It knows the part of them that the template uses, as AWS documents it,
// and refuses the rest. Where the documentation does not say what happens, the result is
// an error and never a guess.
package cloudwatch

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Pattern is a filter pattern for log lines of JSON, such as { $.message = "sys_failure" }.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
type Pattern struct{ condition condition }

// maxPattern is how many characters CloudWatch Logs takes for a pattern.
const maxPattern = 1024

// ParsePattern reads a pattern. It refuses what CloudWatch refuses, and what it does not
// know: regular expressions, patterns for lines that are no JSON, and a wildcard in the
// middle of a text, which matches only itself.
func ParsePattern(text string) (*Pattern, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("the pattern has %d characters, and CloudWatch takes %d", len(text), maxPattern)
	}
	tokens, err := split(patternToken, text)
	if err != nil {
		return nil, err
	}
	p := &patternParser{tokens}
	c, err := p.whole()
	if err != nil {
		return nil, fmt.Errorf("%w, before %q", err, strings.Join(p.tokens, " "))
	}
	return &Pattern{c}, nil
}

// Match reports whether the pattern matches a line of a log. A line that is no JSON object
// matches no pattern. It is an error if the documentation does not say whether it matches.
func (p *Pattern) Match(line string) (bool, error) {
	var object map[string]any
	if json.Unmarshal([]byte(line), &object) != nil {
		return false, nil
	}
	result, err := p.condition(object)
	switch {
	case errors.Is(err, errNoValue): // the filter is not applied
		return false, nil
	case err != nil:
		return false, err
	case result == unknown:
		return false, fmt.Errorf("whether a field that is not there is unequal to something, is not documented; say NOT EXISTS for it: %s", line)
	}
	return result == yes, nil
}

// truth is the value of a condition.
type truth int

const (
	no truth = iota
	unknown
	yes
)

func is(b bool) truth {
	if b {
		return yes
	}
	return no
}

// condition decides about a line.
type condition func(line map[string]any) (truth, error)

// errNoValue is that of a selector which leads to a list or an object.
var errNoValue = errors.New("the selector leads to no plain value")

// Tokens of both languages. The last alternative takes what is not understood.
var (
	patternToken = regexp.MustCompile(`\$(?:\.[A-Za-z0-9_-]+|\[[0-9]+\])+|"[^"\\]*"|&&|\|\||!=|<=|>=|[{}()=<>]|[A-Za-z0-9*.+-]+|\S`)
	selectorPart = regexp.MustCompile(`[A-Za-z0-9_-]+`)
	plain        = regexp.MustCompile(`^(\*?[A-Za-z0-9.]+\*?|\*)$`)
	number       = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$`)
)

// split returns the tokens of the text.
func split(token *regexp.Regexp, text string) ([]string, error) {
	tokens := token.FindAllString(text, -1)
	if len(tokens) == 0 {
		return nil, errors.New("it is empty")
	}
	return tokens, nil
}

type patternParser struct{ tokens []string }

// peek returns the next token, or "" at the end.
func (p *patternParser) peek() string {
	if len(p.tokens) == 0 {
		return ""
	}
	return p.tokens[0]
}

func (p *patternParser) next() string {
	token := p.peek()
	if token != "" {
		p.tokens = p.tokens[1:]
	}
	return token
}

func (p *patternParser) expect(tokens ...string) error {
	for _, want := range tokens {
		if got := p.peek(); got != want {
			return fmt.Errorf("%q is expected, and %q is there", want, got)
		}
		p.next()
	}
	return nil
}

func (p *patternParser) whole() (condition, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	c, err := p.either()
	if err != nil {
		return nil, err
	}
	if err := p.expect("}"); err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, errors.New("something follows the pattern")
	}
	return c, nil
}

// either reads conditions with || between them, which binds less than &&.
func (p *patternParser) either() (condition, error) {
	return p.joined("||", p.both, func(a, b truth) truth { return max(a, b) })
}

func (p *patternParser) both() (condition, error) {
	return p.joined("&&", p.one, func(a, b truth) truth { return min(a, b) })
}

func (p *patternParser) joined(operator string, part func() (condition, error), join func(a, b truth) truth) (condition, error) {
	left, err := part()
	for err == nil && p.peek() == operator {
		p.next()
		var right condition
		if right, err = part(); err == nil {
			left = join2(left, right, join)
		}
	}
	return left, err
}

func join2(left, right condition, join func(a, b truth) truth) condition {
	return func(line map[string]any) (truth, error) {
		a, errA := left(line)
		b, errB := right(line)
		return join(a, b), errors.Join(errA, errB)
	}
}

// one reads a comparison, or a condition in parentheses.
func (p *patternParser) one() (condition, error) {
	if p.peek() == "(" {
		p.next()
		c, err := p.either()
		if err != nil {
			return nil, err
		}
		return c, p.expect(")")
	}
	selector := p.next()
	if !strings.HasPrefix(selector, "$") {
		return nil, fmt.Errorf("%q is no selector such as $.message", selector)
	}
	path := selectorPart.FindAllString(selector, -1)
	switch operator := p.next(); operator {
	case "NOT":
		return func(line map[string]any) (truth, error) {
			_, found := find(line, path)
			return is(!found), nil
		}, p.expect("EXISTS")
	case "IS":
		return isConstant(path, p.next())
	case "=", "!=", "<", ">", "<=", ">=":
		return comparison(path, operator, p.next())
	default:
		return nil, fmt.Errorf("%q is no operator that is known", operator)
	}
}

// find follows a path of names and of places in lists.
func find(value any, path []string) (any, bool) {
	for _, part := range path {
		switch v := value.(type) {
		case map[string]any:
			inner, found := v[part]
			if !found {
				return nil, false
			}
			value = inner
		case []any:
			place, err := strconv.Atoi(part)
			if err != nil || place >= len(v) {
				return nil, false
			}
			value = v[place]
		default:
			return nil, false
		}
	}
	return value, true
}

func isConstant(path []string, name string) (condition, error) {
	want, known := map[string]any{"NULL": nil, "TRUE": true, "FALSE": false}[name]
	if !known {
		return nil, fmt.Errorf("IS %q is not known", name)
	}
	return func(line map[string]any) (truth, error) {
		got, found := find(line, path)
		return is(found && got == want), nil
	}, nil
}

// comparison compares with a number, or with a text that may begin or end in a wildcard.
func comparison(path []string, operator, operand string) (condition, error) {
	if limit, err := strconv.ParseFloat(operand, 64); err == nil && number.MatchString(operand) {
		return compareNumber(path, operator, limit), nil
	}
	text, quoted := strings.CutPrefix(operand, `"`)
	text = strings.TrimSuffix(text, `"`)
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "*"), "*")
	switch {
	case operator != "=" && operator != "!=":
		return nil, fmt.Errorf("%s compares numbers, and %q is none", operator, operand)
	case !quoted && !plain.MatchString(operand):
		return nil, fmt.Errorf("the text %s needs quotes", operand)
	case operand == `""`:
		return nil, errors.New("that a text may be empty is not documented")
	case strings.Contains(inner, "*"):
		return nil, fmt.Errorf("in %s the asterisk in the middle stands for itself", operand)
	}
	matches := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, ".*") + "$")
	return compare(path, operator == "!=", func(value any) (bool, error) {
		got, isText := value.(string)
		if !isText && text != "*" {
			return false, fmt.Errorf("how %v compares with the text %s is not documented", value, operand)
		}
		return text == "*" || matches.MatchString(got), nil
	}), nil
}

func compareNumber(path []string, operator string, limit float64) condition {
	return compare(path, operator == "!=", func(value any) (bool, error) {
		got, isNumber := value.(float64)
		if !isNumber {
			return false, fmt.Errorf("how %v compares with the number %v is not documented", value, limit)
		}
		switch operator {
		case "<":
			return got < limit, nil
		case ">":
			return got > limit, nil
		case "<=":
			return got <= limit, nil
		case ">=":
			return got >= limit, nil
		}
		return got == limit, nil
	})
}

// compare is a condition on the plain value to which the path leads. A field that is not
// there equals nothing. Whether it is unequal to something is not documented.
func compare(path []string, negated bool, matches func(value any) (bool, error)) condition {
	return func(line map[string]any) (truth, error) {
		value, found := find(line, path)
		switch value.(type) {
		case map[string]any, []any:
			return no, errNoValue
		}
		if !found || value == nil {
			if negated {
				return unknown, nil
			}
			return no, nil
		}
		matched, err := matches(value)
		return is(matched != negated), err
	}
}
