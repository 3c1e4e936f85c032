package functions_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/cloudwatch"
	"example.com/coatcheck/internal/testing/dynamotest"
)

type dimension struct{ Name, Value string }

// measure is one metric that an alarm looks at, or an expression of several.
type measure struct {
	Id, Expression string
	ReturnData     *bool
	MetricStat     struct {
		Metric struct {
			Namespace, MetricName string
			Dimensions            []dimension
		}
		Period int
		Stat   string
	}
}

type alarm struct {
	cloudwatch.Alarm
	AlarmDescription        string
	AlarmActions, OKActions []string
	Metrics                 []measure

	// An alarm on one metric has these instead.
	Namespace, MetricName, Statistic, ExtendedStatistic string
	Dimensions                                          []dimension
	Period                                              int
}

// measures returns the metrics that the alarm looks at, and the expression it rings for.
func (a alarm) measures() (all []measure, expression string) {
	if a.MetricName != "" {
		m := measure{Id: "m"}
		m.MetricStat.Metric.Namespace, m.MetricStat.Metric.MetricName, m.MetricStat.Metric.Dimensions = a.Namespace, a.MetricName, a.Dimensions
		m.MetricStat.Period, m.MetricStat.Stat = a.Period, cmp.Or(a.Statistic, a.ExtendedStatistic)
		return []measure{m}, "m"
	}
	for _, m := range a.Metrics {
		switch {
		case m.Expression == "":
			all = append(all, m)
		case m.ReturnData == nil:
			expression = m.Expression
		}
	}
	for _, m := range a.Metrics { // an expression that the other one names
		if m.Expression != "" && m.ReturnData != nil {
			expression = regexp.MustCompile(`\b`+m.Id+`\b`).ReplaceAllString(expression, "("+m.Expression+")")
		}
	}
	return all, expression
}

// rings reports whether the alarm rings after these values of its metrics. A metric that is
// not among them has no values.
func (a alarm) rings(t *testing.T, values map[string]cloudwatch.Series) bool {
	t.Helper()
	all, text := a.measures()
	length := a.EvaluationPeriods
	for _, s := range values {
		length = max(length, len(s))
	}
	metrics := cloudwatch.Metrics{Series: map[string]cloudwatch.Series{}, Start: 1_800_000_000, Period: 300}
	for _, m := range all {
		metrics.Series[m.Id] = append(slices.Repeat(cloudwatch.Series{math.NaN()}, length-len(values[m.Id])), values[m.Id]...)
	}
	e, err := cloudwatch.ParseExpression(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	result, err := e.Evaluate(metrics)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	ringing, err := a.Rings(result)
	if err != nil {
		t.Fatal(err)
	}
	return ringing
}

// everything is a stack with all that parameters can add to it.
var everything = map[string]string{"LegacyCookies": "session", "OidcIssuer": "https://id.example.com", "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
	"CanaryUserId": "canary", "CanarySecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:canary", "StoreTimes": "true"}

func alarms(t *testing.T, parameters map[string]string) map[string]alarm {
	t.Helper()
	return resourcesOf[alarm](translate(t).evaluate(t, parameters), "AWS::CloudWatch::Alarm")
}

// anchors returns the anchors of the headings of docs/operate.md.
func anchors(t *testing.T) (found []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(text), -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		found = append(found, strings.ReplaceAll(anchor, " ", "-"))
	}
	return found
}

// Each alarm says what it means, and leads to a heading of the runbook that says what to do.
// It tells the topic that it rings and that this is over, or nobody if there is no topic.
func TestAlarmsLeadToTheRunbook(t *testing.T) {
	headings, topic := anchors(t), []string{everything["AlarmTopicArn"]}
	for id, a := range alarms(t, everything) {
		what, anchor, _ := strings.Cut(a.AlarmDescription, " What to do: docs/operate.md#")
		if len(what) < 50 || len(a.AlarmDescription) > 1024 || !slices.Contains(headings, anchor) {
			t.Errorf("%s says %q, and docs/operate.md has the headings %q", id, a.AlarmDescription, headings)
		}
		if !slices.Equal(a.AlarmActions, topic) || !slices.Equal(a.OKActions, topic) {
			t.Errorf("%s tells %q and %q", id, a.AlarmActions, a.OKActions)
		}
	}
	for id, a := range alarms(t, map[string]string{"RunbookUrl": "https://git.example.com/operate.md"}) {
		if !strings.Contains(a.AlarmDescription, "What to do: https://git.example.com/operate.md#") {
			t.Errorf("%s says %q", id, a.AlarmDescription)
		}
		if len(a.AlarmActions) > 0 || len(a.OKActions) > 0 {
			t.Errorf("without a topic %s tells %q and %q", id, a.AlarmActions, a.OKActions)
		}
	}
	if all := alarms(t, map[string]string{"Monitoring": "none"}); len(all) > 0 {
		t.Errorf("without monitoring there are %d alarms", len(all))
	}
}

// Who wants alarms without a dashboard gets all of them.
func TestAlarmsWithoutADashboard(t *testing.T) {
	only := maps.Clone(everything)
	only["Monitoring"] = "alarms"
	if got, want := slices.Sorted(maps.Keys(alarms(t, only))), slices.Sorted(maps.Keys(alarms(t, everything))); !slices.Equal(got, want) {
		t.Errorf("without a dashboard the alarms are %q, want %q", got, want)
	}
}

// Without traffic no alarm rings. Each rings for as much as its threshold in each of its
// metrics alone, and not for less. None asks CloudWatch for more than it takes.
func TestAlarmsRing(t *testing.T) {
	for id, a := range alarms(t, everything) {
		if a.rings(t, nil) {
			t.Errorf("%s rings without traffic", id)
		}
		all, _ := a.measures()
		if len(all) == 0 || len(all) > 10 {
			t.Errorf("%s looks at %d metrics", id, len(all))
		}
		enough := a.Threshold
		if id == "RefusedSignInsAlarm" {
			enough = 50
		}
		for _, m := range all {
			if m.MetricStat.Period != 300 || m.MetricStat.Period*a.EvaluationPeriods > 24*60*60 {
				t.Errorf("%s looks at %d periods of %d s", id, a.EvaluationPeriods, m.MetricStat.Period)
			}
			most := slices.Repeat(cloudwatch.Series{enough}, cmp.Or(a.DatapointsToAlarm, a.EvaluationPeriods))
			less := slices.Repeat(cloudwatch.Series{enough - 1}, len(most))
			if !a.rings(t, map[string]cloudwatch.Series{m.Id: most}) || a.rings(t, map[string]cloudwatch.Series{m.Id: less}) {
				t.Errorf("%s does not ring for %v of %s, or rings for less", id, enough, m.Id)
			}
		}
	}
}

// An alarm rings when its text says so: for that many calls, or for answers that slow. One
// whose text names no number rings for the first.
func TestAlarmsRingWhenTheySaySo(t *testing.T) {
	said := regexp.MustCompile(`(\d+) (requests|invocations|calls|ms|seconds)\b`)
	for id, a := range alarms(t, everything) {
		want := 1.0
		if parts := said.FindStringSubmatch(a.AlarmDescription); parts != nil {
			want, _ = strconv.ParseFloat(parts[1], 64)
			if parts[2] == "seconds" {
				want *= 1000
			}
		}
		if a.Threshold != want {
			t.Errorf("%s rings for %v, and says %q", id, a.Threshold, a.AlarmDescription)
		}
	}
}

// The alarm of refused sign-ins looks at what is refused and at what is turned away, in the
// last quarter of an hour, beside the mean of the day.
func TestRefusedSignInsAlarm(t *testing.T) {
	a := alarms(t, nil)["RefusedSignInsAlarm"]
	const day = 288 // periods of 5 minutes
	steady := func(n int, of float64, then ...float64) cloudwatch.Series {
		return append(slices.Repeat(cloudwatch.Series{of}, n-len(then)), then...)
	}
	none := math.NaN()
	for _, tt := range []struct {
		what    string
		refused func(n int) cloudwatch.Series
		want    bool
	}{
		{"49 out of nothing", func(n int) cloudwatch.Series { return steady(n, none, 49) }, false},
		{"50 out of nothing", func(n int) cloudwatch.Series { return steady(n, none, 50) }, true},
		{"80 all day", func(n int) cloudwatch.Series { return steady(n, 80) }, false},
		{"five times the mean, which it raises", func(n int) cloudwatch.Series { return steady(n, 20, 100) }, false},
		{"more than that", func(n int) cloudwatch.Series { return steady(n, 20, 103) }, true},
		{"a count that comes late", func(n int) cloudwatch.Series { return steady(n, 5, 60, none) }, true},
		{"the end of a flood, ten minutes ago", func(n int) cloudwatch.Series { return steady(n, 5, 60, 5, 5) }, true},
		{"a quarter of an hour ago", func(n int) cloudwatch.Series { return steady(n, 5, 60, 5, 5, 5) }, false},
		{"an hour after a flood", func(n int) cloudwatch.Series { return steady(n, 5, append(steady(12, 900), steady(12, 5)...)...) }, false},
		{"again, after a flood of an hour", func(n int) cloudwatch.Series {
			return steady(n, 5, append(steady(12, 900), append(steady(12, 5), 250)...)...)
		}, true},
		{"a flood of four hours", func(n int) cloudwatch.Series { return steady(n, 0, steady(48, 500)...) }, true},
		{"a flood of six hours, which is the mean by now", func(n int) cloudwatch.Series { return steady(n, 0, steady(72, 500)...) }, false},
	} {
		for _, n := range []int{day, day + 12} { // CloudWatch may fetch more than it is asked to look at
			if got := a.rings(t, map[string]cloudwatch.Series{"refused": tt.refused(n)}); got != tt.want {
				t.Errorf("%s, of %d periods: it rings: %v, want %v", tt.what, n, got, tt.want)
			}
			if got := a.rings(t, map[string]cloudwatch.Series{"throttled": tt.refused(n)}); got != tt.want {
				t.Errorf("%s turned away, of %d periods: it rings: %v, want %v", tt.what, n, got, tt.want)
			}
		}
	}
	two := map[string]cloudwatch.Series{"refused": {25}, "throttled": {25}}
	if !a.rings(t, two) {
		t.Error("25 refused and 25 turned away do not ring")
	}
	higher := alarms(t, map[string]string{"RefusedSignInsMinimum": "51"})["RefusedSignInsAlarm"]
	if higher.rings(t, two) {
		t.Error("50 ring where 51 are asked for")
	}
	lower := alarms(t, map[string]string{"RefusedSignInsFactor": "2"})["RefusedSignInsAlarm"]
	if !lower.rings(t, map[string]cloudwatch.Series{"refused": steady(day, 40, 100)}) {
		t.Error("100 do not ring where they are more than twice the mean")
	}
}

// ours are the AWS metrics that alarms and the dashboard look at, with the type of the resource
// that each dimension names; the other dimensions have texts.
var ours = map[string]map[string]string{
	"AWS/ApiGateway 5xx":               {"ApiId": "AWS::ApiGatewayV2::Api"},
	"AWS/ApiGateway 4xx":               {"ApiId": "AWS::ApiGatewayV2::Api"},
	"AWS/ApiGateway Count":             {"ApiId": "AWS::ApiGatewayV2::Api"},
	"AWS/ApiGateway Latency":           {"ApiId": "AWS::ApiGatewayV2::Api"},
	"AWS/Lambda Errors":                {"FunctionName": "AWS::Lambda::Function"},
	"AWS/Lambda Throttles":             {"FunctionName": "AWS::Lambda::Function"},
	"AWS/DynamoDB ReadThrottleEvents":  {"TableName": "AWS::DynamoDB::Table"},
	"AWS/DynamoDB WriteThrottleEvents": {"TableName": "AWS::DynamoDB::Table"},
	"AWS/DynamoDB SystemErrors":        {"TableName": "AWS::DynamoDB::Table", "Operation": ""},
}

// checkMetric reports a metric that nothing makes.
func (e evaluation) checkMetric(where, namespace, name string, dimensions []dimension) {
	e.t.Helper()
	own := map[string][]string{}
	for _, f := range resourcesOf[metricFilter](e, "AWS::Logs::MetricFilter") {
		m := f.MetricTransformations[0]
		own[m.MetricNamespace+" "+m.MetricName] = []string{}
		for _, d := range m.Dimensions {
			own[m.MetricNamespace+" "+m.MetricName] = append(own[m.MetricNamespace+" "+m.MetricName], d.Key)
		}
	}
	if e.parameters["StoreTimes"] == "true" { // pkg/storetimes writes it
		own["Coatcheck/"+stackName+" StoreTime"] = []string{"Store"}
	}
	var names []string
	for _, d := range dimensions {
		names = append(names, d.Name)
	}
	if keys, ok := own[namespace+" "+name]; ok {
		if !slices.Equal(keys, names) {
			e.t.Errorf("%s: %s %s has the dimensions %q, and not %q", where, namespace, name, keys, names)
		}
		return
	}
	kinds := ours[namespace+" "+name]
	if len(kinds) == 0 || !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(maps.Keys(kinds))) {
		e.t.Errorf("%s: nothing makes %s %s with the dimensions %q", where, namespace, name, names)
	}
	for _, d := range dimensions {
		if kind := kinds[d.Name]; kind != "" && e.stack.Resources[d.Value].Type != kind {
			e.t.Errorf("%s: %s of %s is %q, which is no %s", where, d.Name, name, d.Value, kind)
		}
	}
}

// What an alarm looks at is there. Each function of the API has its errors and its throttles in
// one alarm, the canary its errors, and each table has an alarm for the calls that functions may make, no others.
func TestAlarmsLookAtEverything(t *testing.T) {
	stack, watched, calls := translate(t), map[string]int{}, map[samtemplate.Access]int{}
	e := stack.evaluate(t, everything)
	for id, a := range resourcesOf[alarm](e, "AWS::CloudWatch::Alarm") {
		all, _ := a.measures()
		for _, m := range all {
			metric := m.MetricStat.Metric
			e.checkMetric(id, metric.Namespace, metric.MetricName, metric.Dimensions)
			switch metric.Namespace {
			case "AWS/Lambda":
				watched[metric.Dimensions[0].Value+" "+metric.MetricName]++
			case "AWS/DynamoDB":
				use := samtemplate.Access{Table: metric.Dimensions[0].Value, Action: metric.MetricName}
				if len(metric.Dimensions) > 1 {
					use.Action = metric.Dimensions[1].Value
				}
				calls[use]++
			}
		}
	}
	template := dynamotest.Template(t, hasBridge, hasProvider, "HasLegacyLogin")
	wantWatched, wantCalls := map[string]int{"CanaryFunction Errors": 1}, map[samtemplate.Access]int{}
	for id, function := range template.Functions {
		if id != "CallerFunction" { // an example
			wantWatched[id+" Errors"], wantWatched[id+" Throttles"] = 1, 1
		}
		for _, use := range function.Access {
			wantCalls[use] = 1
			for _, action := range []string{"ReadThrottleEvents", "WriteThrottleEvents"} {
				wantCalls[samtemplate.Access{Table: use.Table, Action: action}] = 1
			}
		}
	}
	if !maps.Equal(watched, wantWatched) {
		t.Errorf("the alarms look at %v, want %v", watched, wantWatched)
	}
	if !maps.Equal(calls, wantCalls) {
		t.Errorf("the alarms look at %v, want %v", calls, wantCalls)
	}
}

// What docs/costs.md says of the alarms' price is right: CloudWatch counts each metric that
// an alarm looks at.
func TestAlarmsCost(t *testing.T) {
	text, err := os.ReadFile("../docs/costs.md")
	if err != nil {
		t.Fatal(err)
	}
	metrics := func(parameters map[string]string) (n int) {
		for _, a := range alarms(t, parameters) {
			all, _ := a.measures()
			n += len(all)
		}
		return n
	}
	least, most := metrics(nil), metrics(everything)
	for _, say := range []string{
		fmt.Sprintf("%d metrics", least), fmt.Sprintf("%.2f", 0.10*float64(least)), fmt.Sprintf("%d with", most), fmt.Sprintf("%.2f", 0.10*float64(most)),
	} {
		if !strings.Contains(string(text), say) {
			t.Errorf("docs/costs.md does not say %q of the alarms", say)
		}
	}
}
