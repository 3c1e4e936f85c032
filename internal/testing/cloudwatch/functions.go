package cloudwatch

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// mathFunctions are the functions of metric math that are known.
var mathFunctions = map[string]func(arguments []operand) (operand, error){
	"IF":      buildIf,
	"FILL":    buildFill,
	"EPOCH":   series("EPOCH", epoch),
	"AVG":     aggregate("AVG", func(values []float64) float64 { return sumOf(values) / float64(len(values)) }),
	"MAX":     aggregate("MAX", slices.Max[[]float64]),
	"SUM":     aggregate("SUM", sumOf),
	"METRICS": buildMetrics,
}

func sumOf(values []float64) (sum float64) {
	for _, v := range values {
		sum += v
	}
	return sum
}

// epoch is the time at which each period begins. It has no gaps.
func epoch(m Metrics, s Series) (quantity, error) {
	out := make(Series, len(s))
	for i := range s {
		out[i] = float64(m.Start + int64(i)*m.Period)
	}
	return one(out), nil
}

// series is a function of one series.
func series(name string, f func(m Metrics, s Series) (quantity, error)) func([]operand) (operand, error) {
	return func(arguments []operand) (operand, error) {
		if len(arguments) != 1 {
			return nil, fmt.Errorf("%s has one argument", name)
		}
		return func(m Metrics) (quantity, error) {
			v, err := arguments[0](m)
			if err != nil || v.series == nil || v.list {
				return quantity{}, errors.Join(err, fmt.Errorf("%s is for one series", name))
			}
			return f(m, v.series[0])
		}, nil
	}
}

// aggregate makes a number of a series, and a series of a list of series: of the values
// that are there at each time. What a gap in a single series means is not said in one way
// only: AVG counts it as 0, and DATAPOINT_COUNT is there for averages of what has gaps. So
// it is refused.
func aggregate(name string, f func(values []float64) float64) func([]operand) (operand, error) {
	return func(arguments []operand) (operand, error) {
		if len(arguments) != 1 {
			return nil, fmt.Errorf("%s has one argument", name)
		}
		return func(m Metrics) (quantity, error) {
			v, err := arguments[0](m)
			switch {
			case err != nil || v.series == nil:
				return quantity{}, errors.Join(err, fmt.Errorf("%s is for series", name))
			case v.list:
				return one(across(v.series, f)), nil
			case slices.ContainsFunc(v.series[0], math.IsNaN):
				return quantity{}, fmt.Errorf("%s of a series with gaps: FILL them first", name)
			}
			return quantity{number: f(v.series[0])}, nil
		}, nil
	}
}

func across(list []Series, f func(values []float64) float64) Series {
	out := make(Series, len(list[0]))
	for i := range out {
		var values []float64
		for _, s := range list {
			if !math.IsNaN(s[i]) {
				values = append(values, s[i])
			}
		}
		out[i] = math.NaN()
		if len(values) > 0 {
			out[i] = f(values)
		}
	}
	return out
}

// buildFill is FILL(series, number).
func buildFill(arguments []operand) (operand, error) {
	if len(arguments) != 2 {
		return nil, errors.New("FILL has two arguments")
	}
	return func(m Metrics) (quantity, error) {
		s, errS := arguments[0](m)
		with, errW := arguments[1](m)
		if s.series == nil || s.list || with.series != nil {
			return quantity{}, errors.Join(errS, errW, errors.New("FILL is known for a series and a number"))
		}
		out := slices.Clone(s.series[0])
		for i, v := range out {
			if math.IsNaN(v) {
				out[i] = with.number
			}
		}
		return one(out), errors.Join(errS, errW)
	}, nil
}

// buildIf is IF(series, number, number). Where the condition has a gap, so has the result.
func buildIf(arguments []operand) (operand, error) {
	if len(arguments) != 3 {
		return nil, errors.New("IF is known with three arguments")
	}
	return func(m Metrics) (quantity, error) {
		condition, errC := arguments[0](m)
		then, errT := arguments[1](m)
		otherwise, errO := arguments[2](m)
		if condition.series == nil || condition.list || then.series != nil || otherwise.series != nil {
			return quantity{}, errors.Join(errC, errT, errO, errors.New("IF is known for a series and two numbers"))
		}
		return one(each(condition.series[0], func(v float64) float64 {
			if v != 0 {
				return then.number
			}
			return otherwise.number
		})), errors.Join(errC, errT, errO)
	}, nil
}

// buildMetrics is METRICS(), the list of all metrics of the request.
func buildMetrics(arguments []operand) (operand, error) {
	if len(arguments) != 0 {
		return nil, errors.New("METRICS is known without an argument")
	}
	return func(m Metrics) (quantity, error) {
		all := quantity{list: true}
		for _, id := range slices.Sorted(maps.Keys(m.Series)) {
			all.series = append(all.series, m.Series[id])
		}
		return all, condError(len(all.series) == 0, "there are no metrics")
	}, nil
}
