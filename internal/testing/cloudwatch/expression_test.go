package cloudwatch_test

import (
	"math"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/cloudwatch"
)

var none = math.NaN()

// The examples of AWS's documentation, where - is a value that is missing.
func TestExpression(t *testing.T) {
	metrics := cloudwatch.Metrics{Start: 1_000_000, Period: 300, Series: map[string]cloudwatch.Series{
		"metric1": {30, 20, 0, 0}, "metric2": {20, none, 20, none}, "c": {1, 1, 0, none}, "gaps": {none, none, 2, 4},
	}}
	for text, want := range map[string]cloudwatch.Series{
		"metric1 < metric2":                  {0, 0, 1, 0},
		"metric1 >= 30":                      {1, 0, 0, 0},
		"metric1 > 15 AND metric2 > 15":      {1, 0, 0, 0},
		"metric1 - AVG(metric1)":             {17.5, 7.5, -12.5, -12.5},
		"metric1 + metric2":                  {50, 20, 20, 0},
		"gaps + metric2":                     {20, none, 22, 4},
		"metric1 + 2 * 3 - 1":                {35, 25, 5, 5},
		"metric1 / metric2":                  {1.5, none, 0, none},
		"SUM([metric1, metric2])":            {50, 20, 20, 0},
		"MAX([gaps, metric2])":               {20, none, 20, 4},
		"SUM(METRICS())":                     {51, 21, 22, 4},
		"FILL(metric2, 0)":                   {20, 0, 20, 0},
		"IF(c, 5, 20)":                       {5, 5, 20, none},
		"IF(metric1 < 25, 10, 2)":            {2, 10, 10, 10},
		"EPOCH(gaps)":                        {1_000_000, 1_000_300, 1_000_600, 1_000_900},
		"EPOCH(gaps) > MAX(EPOCH(gaps)) - 3": {0, 0, 0, 1},
	} {
		e, err := cloudwatch.ParseExpression(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := e.Evaluate(metrics)
		same := len(got) == len(want)
		for i := 0; same && i < len(want); i++ {
			same = got[i] == want[i] || math.IsNaN(got[i]) && math.IsNaN(want[i])
		}
		if err != nil || !same {
			t.Errorf("%s is %v, want %v; %v", text, got, want, err)
		}
	}
	for text, says := range map[string]string{
		"":                          "it is empty",
		"AVG(metric1)":              "not one series", // a number alone
		"METRICS()":                 "not one series",
		"7":                         "not one series",
		"avg(metric1)":              "something follows",
		"RUNNING_SUM(metric1)":      "not known",
		"IF(metric1 > 5, 1)":        "three arguments",
		"IF(1, 1, 0)":               "a series and two numbers",
		"AVG(metric2) * metric1":    "with gaps",
		"metric3 + 1":               "no metric metric3",
		"metric1 > 15 & metric2":    "something follows",
		"(metric1":                  `")" is expected`,
		"FILL(metric1)":             "two arguments",
		"FILL(metric1, REPEAT)":     "not known",
		"METRICS() + 1":             "with lists",
		"EPOCH(3)":                  "one series",
		"SUM([metric1, 3])":         "series alone",
		"MAX(metric1, metric2)":     "one argument",
		"METRICS(metric1)":          "without an argument",
		"FILL(metric1, metric2) +1": "a series and a number",
	} {
		e, err := cloudwatch.ParseExpression(text)
		if err == nil {
			_, err = e.Evaluate(metrics)
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error with %q", text, err, says)
		}
	}
}

func TestAlarm(t *testing.T) {
	alarm := cloudwatch.Alarm{ComparisonOperator: "GreaterThanOrEqualToThreshold", Threshold: 5, EvaluationPeriods: 3, TreatMissingData: "notBreaching"}
	more, some := alarm, alarm
	more.ComparisonOperator, some.DatapointsToAlarm = "GreaterThanThreshold", 1
	for _, tt := range []struct {
		alarm  cloudwatch.Alarm
		values cloudwatch.Series
		want   bool
	}{
		{alarm, cloudwatch.Series{0, 5, 5, 6}, true},
		{alarm, cloudwatch.Series{5, 5, 5, 4}, false},
		{alarm, cloudwatch.Series{5, 5, none, 5}, false},
		{more, cloudwatch.Series{6, 6, 5}, false},
		{more, cloudwatch.Series{6, 6, 6}, true},
		{some, cloudwatch.Series{9, 0, 5, none}, true},
		{some, cloudwatch.Series{9, 0, none, none}, false},
		{some, cloudwatch.Series{none, none, none}, false},
	} {
		if got, err := tt.alarm.Rings(tt.values); err != nil || got != tt.want {
			t.Errorf("%+v rings after %v: %v, want %v; %v", tt.alarm, tt.values, got, tt.want, err)
		}
	}
	alarm.TreatMissingData = "breaching"
	if _, err := alarm.Rings(cloudwatch.Series{0, 0, 0}); err == nil {
		t.Error("missing data that breach are understood")
	}
}
