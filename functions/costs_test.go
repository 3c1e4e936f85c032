package functions_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// What docs/costs.md says of an idle month is what the template makes with these parameters,
// by the list prices that stand there. A key of one's own is made outside of it.
func TestIdleMonth(t *testing.T) {
	const secret, metric, dashboard, key = 0.40, 0.10, 3.00, 1.00
	text, err := os.ReadFile("../docs/costs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## An idle month\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| [^|]+ \| ([^|]*)\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(section, -1)
	checked := 0
	for _, row := range rows {
		if !strings.Contains(row[6], ".") {
			continue // the head of the table
		}
		parameters := map[string]string{}
		for _, p := range regexp.MustCompile("`(\\w+)=([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			parameters[p[1]] = p[2]
		}
		e := translate(t).evaluate(t, parameters)
		looked := 0
		for _, a := range alarms(t, parameters) {
			all, _ := a.measures()
			looked += len(all)
		}
		costs := []float64{
			secret * float64(len(resourcesOf[json.RawMessage](e, "AWS::SecretsManager::Secret"))), metric * float64(looked),
			dashboard * float64(len(resourcesOf[json.RawMessage](e, "AWS::CloudWatch::Dashboard"))), 0,
		}
		if parameters["KmsKeyArn"] != "" {
			costs[3] = key
		}
		costs = append(costs, costs[0]+costs[1]+costs[2]+costs[3])
		for i, cost := range costs {
			if want := fmt.Sprintf("%.2f", cost); row[i+2] != want {
				t.Errorf("with %v column %d says %s, want %s", parameters, i+3, row[i+2], want)
			}
		}
		checked++
	}
	if checked < 6 {
		t.Errorf("%d rows were found", checked)
	}
}
