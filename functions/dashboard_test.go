package functions_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/events"
)

type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Title, Region, View, Stat string
		Period                    int
		Alarms                    []string
		Metrics                   [][]any
		YAxis                     struct{ Left struct{ Min float64 } }
	}
}

// shown is one line of a graph.
type shown struct {
	namespace, name string
	dimensions      []dimension
}

// lines returns the lines of a graph. In each row "." is what the row before has in its
// place, and "..." is all that it has from there on, but for the last.
func (w widget) lines(t *testing.T) (all []shown) {
	t.Helper()
	var before []string
	for _, row := range w.Properties.Metrics {
		if _, ok := row[len(row)-1].(map[string]any); ok {
			row = row[:len(row)-1]
		}
		var parts []string
		for i, part := range row {
			switch text := part.(string); text {
			case ".":
				parts = append(parts, before[i])
			case "...":
				parts = append(parts, before[:len(before)-len(row)+1]...)
			default:
				parts = append(parts, text)
			}
		}
		if len(parts) < 2 || len(parts)%2 != 0 {
			t.Fatalf("%s: the row %v is not understood", w.Properties.Title, row)
		}
		s := shown{namespace: parts[0], name: parts[1]}
		for pair := range slices.Chunk(parts[2:], 2) {
			s.dimensions = append(s.dimensions, dimension{pair[0], pair[1]})
		}
		all, before = append(all, s), parts
	}
	return all
}

func dashboard(t *testing.T, e evaluation) (body struct{ Widgets []widget }) {
	t.Helper()
	boards := resourcesOf[struct{ DashboardName, DashboardBody string }](e, "AWS::CloudWatch::Dashboard")
	board := boards["Dashboard"]
	decoder := json.NewDecoder(strings.NewReader(board.DashboardBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil || board.DashboardName != stackName {
		t.Fatalf("the dashboard %s: %v\n%s", board.DashboardName, err, board.DashboardBody)
	}
	return body
}

// All that the dashboard shows is there, whatever the parameters are: alarms, counts of the
// filters, and AWS's metrics of resources of the stack. Nothing covers anything else.
func TestDashboard(t *testing.T) {
	stack := translate(t)
	for _, parameters := range []map[string]string{nil, everything, {"AuditDays": "0"}, {"OidcIssuer": "https://id.example.com", "PasswordSignIn": "false"}} {
		e := stack.evaluate(t, parameters)
		alarms := resourcesOf[alarm](e, "AWS::CloudWatch::Alarm")
		taken := map[[2]int]string{}
		counted, reasons := map[string]bool{}, []string{}
		for _, w := range dashboard(t, e).Widgets {
			for x := w.X; x < w.X+w.Width; x++ {
				for y := w.Y; y < w.Y+w.Height; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Errorf("%s covers %s, or is wider than 24 columns", w.Properties.Title, other)
					}
					taken[[2]int{x, y}] = w.Properties.Title
				}
			}
			for _, id := range w.Properties.Alarms {
				if _, ok := alarms[id]; !ok {
					t.Errorf("there is no alarm %s", id)
				}
			}
			for _, s := range w.lines(t) {
				e.checkMetric("the dashboard's "+w.Properties.Title, s.namespace, s.name, s.dimensions)
				counted[s.name] = true
				if s.name == "SessionsEnded" {
					reasons = append(reasons, s.dimensions[0].Value)
				}
			}
		}
		var known []string
		for _, name := range []string{"session_ended", "session_expired"} {
			kind, _ := events.Find(name)
			known = append(known, kind.Reasons...)
		}
		slices.Sort(known)
		if slices.Sort(reasons); !slices.Equal(reasons, slices.Compact(known)) {
			t.Errorf("the dashboard shows sessions that ended for %q; sessions end for %q", reasons, known)
		}
		for id, f := range resourcesOf[metricFilter](e, "AWS::Logs::MetricFilter") {
			if name := f.MetricTransformations[0].MetricName; !counted[name] {
				t.Errorf("the dashboard does not show %s of %s", name, id)
			}
		}
	}
	e := stack.evaluate(t, map[string]string{"Monitoring": "alarms"})
	if boards := resourcesOf[struct{}](e, "AWS::CloudWatch::Dashboard"); len(boards) > 0 {
		t.Error("there is a dashboard where only alarms are asked for")
	}
}
