package testenv

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/events"
)

// beside are the keys of a line that belong to no event.
var beside = []string{"time", "timestamp", "level", "msg", "message", "requestId"}

// CheckEvents fails the test unless each line of a program's log, in JSON, is an event as the
// catalogue of package events has it: its name, its level, its attributes and its reason. Lines of
// net/http's own, and those that are metrics (CloudWatch's embedded format), are none.
func CheckEvents(tb testing.TB, log string) {
	tb.Helper()
	for line := range strings.Lines(log) {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			tb.Errorf("not a line of JSON: %s", line)
			continue
		}
		name, _ := got["msg"].(string)
		if text, ok := got["message"].(string); ok {
			name = text
		}
		if got["_aws"] != nil || strings.HasPrefix(name, "http: ") {
			continue
		}
		kind, ok := events.Find(name)
		if !ok || got["level"] != kind.Level.String() {
			tb.Errorf("package events knows no such event: %s", line)
			continue
		}
		for key := range got {
			if !slices.Contains(beside, key) && !slices.Contains(kind.Fields, key) {
				tb.Errorf("%s has no attribute %s: %s", name, key, line)
			}
		}
		if reason, ok := got["reason"]; ok && !slices.Contains(kind.Reasons, reason.(string)) {
			tb.Errorf("%s has no such reason: %s", name, line)
		}
	}
}
