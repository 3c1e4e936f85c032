package functions_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Each request whose function calls DynamoDB writes one line, from which CloudWatch makes the
// metric: of the real binaries, and valid by the format's specification. What is asked without
// a cookie makes no call, and writes none.
func TestStoreTimes(t *testing.T) {
	s := newStack(t, map[string]string{"STORE_TIMES": "Coatcheck/shop"})
	cookie := s.signIn(t)
	want := map[string]int{"LoginFunction": 1, "ProfileFunction": 2, "WhoamiFunction": 1, "SessionsFunction": 1, "AuthorizerFunction": 1, "PreferencesFunction": 1, "LogoutFunction": 1}
	for _, r := range []request{
		{method: "GET", path: "/profile", cookie: cookie}, {method: "GET", path: "/profile"}, {method: "GET", path: "/profile", cookie: cookie},
		{method: "GET", path: "/whoami", cookie: cookie}, {method: "GET", path: "/sessions", cookie: cookie}, {method: "GET", path: "/caller", cookie: cookie},
		{method: "POST", path: "/preferences", cookie: cookie, contentType: "application/json", body: `{"theme":"dark"}`},
		{method: "POST", path: "/logout", cookie: cookie}, {method: "GET", path: "/login"},
	} {
		s.do(t, r)
	}
	for id, function := range s.functions {
		lines := storeTimes(t, function.log.String())
		if len(lines) != want[id] {
			t.Errorf("%s wrote %d lines of store times, want %d", id, len(lines), want[id])
		}
		for _, line := range lines {
			checkEmbedded(t, line)
		}
	}
}

// Without the variable nothing is written.
func TestStoreTimesAreOff(t *testing.T) {
	s := newStack(t, nil)
	s.startAll(t)
	wantStatus(t, s.do(t, request{method: "GET", path: "/profile", cookie: s.signIn(t)}), http.StatusOK)
	for id, function := range s.functions {
		if lines := storeTimes(t, function.log.String()); len(lines) != 0 {
			t.Errorf("%s wrote %s", id, lines)
		}
	}
}

func storeTimes(t *testing.T, log string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"_aws"`) {
			continue
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, fields)
	}
	return lines
}

// checkEmbedded checks a line by the specification of the embedded metric format: what it says
// must be there, of which type, how many, and that each name leads to a member of the line.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func checkEmbedded(t *testing.T, line map[string]any) {
	t.Helper()
	metadata, _ := line["_aws"].(map[string]any)
	stamp, isNumber := metadata["Timestamp"].(float64)
	directives, _ := metadata["CloudWatchMetrics"].([]any)
	if !isNumber || time.Since(time.UnixMilli(int64(stamp))).Abs() > 14*24*time.Hour || len(directives) != 1 || len(metadata) != 2 {
		t.Fatalf("the metadata are %v", metadata)
	}
	directive := directives[0].(map[string]any)
	if namespace, _ := directive["Namespace"].(string); namespace != "Coatcheck/shop" {
		t.Errorf("the namespace is %q", namespace)
	}
	for _, set := range directive["Dimensions"].([]any) {
		names := set.([]any)
		if len(names) < 1 || len(names) > 30 {
			t.Errorf("%d dimensions", len(names))
		}
		for _, name := range names {
			if value, isText := line[name.(string)].(string); !isText || value == "" {
				t.Errorf("the dimension %v is %v", name, line[name.(string)])
			}
		}
	}
	for _, metric := range directive["Metrics"].([]any) {
		m := metric.(map[string]any)
		values, _ := line[m["Name"].(string)].([]any)
		if m["Name"] != "StoreTime" || m["Unit"] != "Milliseconds" || len(m) != 2 || len(values) < 1 || len(values) > 100 {
			t.Errorf("the metric %v has %d values", m, len(values))
		}
		for _, value := range values {
			if ms, isNumber := value.(float64); !isNumber || ms <= 0 {
				t.Errorf("a value is %v", value)
			}
		}
	}
	if line["level"] != "INFO" || line["message"] != "store_times" || line["requestId"] == "" {
		t.Errorf("the line is %v", line)
	}
}
