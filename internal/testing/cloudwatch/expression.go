package cloudwatch

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
)

// Series has a value for each period, the oldest first. NaN means that there is none.
type Series []float64

// Expression is one of metric math, such as IF(m > 5 * AVG(m), 1, 0).
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
type Expression struct{ eval operand }

// Metrics are what an expression is about. All series have the same length.
type Metrics struct {
	Series map[string]Series // by the Id of the metric
	Start  int64             // when the first period begins, in Unix seconds
	Period int64             // in seconds
}

// ParseExpression reads an expression. It knows + - * /, comparisons, AND, lists, and the
// functions IF with three arguments, FILL with a number, EPOCH, AVG, MAX, SUM and METRICS,
// and refuses all others.
func ParseExpression(text string) (*Expression, error) {
	tokens, err := split(mathToken, text)
	if err != nil {
		return nil, err
	}
	p := &mathParser{patternParser{tokens}}
	eval, err := p.logical()
	if err != nil {
		return nil, err
	}
	if len(p.tokens) > 0 {
		return nil, fmt.Errorf("something follows the expression: %q", p.tokens)
	}
	return &Expression{eval}, nil
}

// Evaluate returns the series that the expression is. A result that is no series is an
// error, as it is in CloudWatch.
func (e *Expression) Evaluate(m Metrics) (Series, error) {
	v, err := e.eval(m)
	if err != nil {
		return nil, err
	}
	if len(v.series) != 1 || v.list {
		return nil, errors.New("the result is not one series")
	}
	return v.series[0], nil
}

// operand is a part of an expression, to be evaluated for some metrics.
type operand func(m Metrics) (quantity, error)

// quantity is a number, a series, or a list of series.
type quantity struct {
	number float64
	series []Series // if there is none, it is a number
	list   bool
}

var (
	mathToken = regexp.MustCompile(`[0-9]+(?:\.[0-9]+)?|[A-Za-z][A-Za-z0-9_]*|==|!=|<=|>=|\S`)
	metricID  = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)
)

type mathParser struct{ patternParser }

func (p *mathParser) logical() (operand, error) {
	return p.operators(p.compared, "AND")
}

func (p *mathParser) compared() (operand, error) {
	return p.operators(p.sum, "==", "!=", "<=", ">=", "<", ">")
}

func (p *mathParser) sum() (operand, error) { return p.operators(p.product, "+", "-") }

func (p *mathParser) product() (operand, error) { return p.operators(p.atom, "*", "/") }

// operators reads parts with some of these operators between them, from left to right.
func (p *mathParser) operators(part func() (operand, error), names ...string) (operand, error) {
	left, err := part()
	for err == nil && slices.Contains(names, p.peek()) {
		operator := p.next()
		var right operand
		if right, err = part(); err == nil {
			left = apply(left, right, arithmetic[operator])
		}
	}
	return left, err
}

func truthOf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var arithmetic = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b }, "/": func(a, b float64) float64 { return a / b },
	"==": func(a, b float64) float64 { return truthOf(a == b) }, "!=": func(a, b float64) float64 { return truthOf(a != b) },
	"<": func(a, b float64) float64 { return truthOf(a < b) }, ">": func(a, b float64) float64 { return truthOf(a > b) },
	"<=": func(a, b float64) float64 { return truthOf(a <= b) }, ">=": func(a, b float64) float64 { return truthOf(a >= b) },
	"AND": func(a, b float64) float64 { return truthOf(a != 0 && b != 0) },
}

// apply applies the operator to two numbers, or to each value of a series. A value that is
// missing in one of two series counts as 0, and one that is missing in both, or in the only
// one, stays missing. A division by zero is dropped.
func apply(left, right operand, f func(a, b float64) float64) operand {
	return func(m Metrics) (quantity, error) {
		a, errA := left(m)
		b, errB := right(m)
		if err := errors.Join(errA, errB); err != nil || a.list || b.list {
			return quantity{}, errors.Join(err, condError(a.list || b.list, "operators with lists are not known"))
		}
		switch {
		case a.series == nil && b.series == nil:
			return quantity{number: f(a.number, b.number)}, nil
		case a.series == nil:
			return one(each(b.series[0], func(v float64) float64 { return f(a.number, v) })), nil
		case b.series == nil:
			return one(each(a.series[0], func(v float64) float64 { return f(v, b.number) })), nil
		}
		out := make(Series, len(a.series[0]))
		for i, v := range a.series[0] {
			out[i] = together(v, b.series[0][i], f)
		}
		return one(out), nil
	}
}

func condError(failed bool, text string) error {
	if failed {
		return errors.New(text)
	}
	return nil
}

func one(s Series) quantity { return quantity{series: []Series{s}} }

func each(s Series, f func(v float64) float64) Series {
	out := make(Series, len(s))
	for i, v := range s {
		out[i] = math.NaN()
		if !math.IsNaN(v) {
			out[i] = finite(f(v))
		}
	}
	return out
}

func together(a, b float64, f func(a, b float64) float64) float64 {
	if math.IsNaN(a) && math.IsNaN(b) {
		return math.NaN()
	}
	return finite(f(present(a), present(b)))
}

func present(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

func finite(v float64) float64 {
	if math.IsInf(v, 0) {
		return math.NaN()
	}
	return v
}

// atom reads a number, a metric, a function, or an expression in parentheses.
func (p *mathParser) atom() (operand, error) {
	token := p.next()
	if value, err := strconv.ParseFloat(token, 64); err == nil {
		return func(Metrics) (quantity, error) { return quantity{number: value}, nil }, nil
	}
	switch {
	case token == "(":
		inner, err := p.logical()
		return inner, errors.Join(err, p.expect(")"))
	case token == "[":
		parts, err := p.list("]")
		return listOf(parts), err
	case metricID.MatchString(token):
		return metric(token), nil
	}
	build, known := mathFunctions[token]
	if !known {
		return nil, fmt.Errorf("%q is not known", token)
	}
	if err := p.expect("("); err != nil {
		return nil, err
	}
	arguments, err := p.list(")")
	if err != nil {
		return nil, err
	}
	return build(arguments)
}

// list reads expressions with commas between them, up to the end token.
func (p *mathParser) list(end string) (parts []operand, err error) {
	for p.peek() != end {
		if len(parts) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		part, err := p.logical()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	return parts, p.expect(end)
}

func metric(id string) operand {
	return func(m Metrics) (quantity, error) {
		s, found := m.Series[id]
		return one(s), condError(!found, "there is no metric "+id)
	}
}

func listOf(parts []operand) operand {
	return func(m Metrics) (quantity, error) {
		list := quantity{list: true}
		for _, part := range parts {
			v, err := part(m)
			if err != nil || v.series == nil || v.list {
				return quantity{}, errors.Join(err, errors.New("a list has series alone"))
			}
			list.series = append(list.series, v.series[0])
		}
		return list, nil
	}
}
