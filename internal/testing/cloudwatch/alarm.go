package cloudwatch

import (
	"fmt"
	"math"
)

// Alarm is what decides whether an alarm rings, with the names of AWS::CloudWatch::Alarm.
type Alarm struct {
	ComparisonOperator string
	Threshold          float64
	EvaluationPeriods  int
	DatapointsToAlarm  int // 0 means EvaluationPeriods
	TreatMissingData   string
}

// Rings reports whether the alarm rings after these values. It looks at the last of them.
// It knows the operators for "at least" and "more than", and missing data that are not
// breaching.
func (a Alarm) Rings(s Series) (bool, error) {
	breaches, known := map[string]func(v float64) bool{
		"GreaterThanOrEqualToThreshold": func(v float64) bool { return v >= a.Threshold },
		"GreaterThanThreshold":          func(v float64) bool { return v > a.Threshold },
	}[a.ComparisonOperator]
	if !known || a.TreatMissingData != "notBreaching" || a.EvaluationPeriods < 1 || len(s) < a.EvaluationPeriods {
		return false, fmt.Errorf("the alarm %+v is not understood, for %d values", a, len(s))
	}
	found, needed := 0, a.DatapointsToAlarm
	if needed == 0 {
		needed = a.EvaluationPeriods
	}
	for _, v := range s[len(s)-a.EvaluationPeriods:] {
		if !math.IsNaN(v) && breaches(v) {
			found++
		}
	}
	return found >= needed, nil
}
