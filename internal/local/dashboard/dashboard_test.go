package dashboard_test

import (
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"

	"example.com/coatcheck/internal/local/dashboard"
)

const picture = "../../../docs/pictures/dashboard.svg"

// The picture of the dashboard is drawn from the template as it is now. COATCHECK_PICTURE=write
// draws it anew.
func TestPicture(t *testing.T) {
	text, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Properties map[string]yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Load(text, &template); err != nil {
		t.Fatal(err)
	}
	sub := template.Resources["Dashboard"].Properties["DashboardBody"]
	if len(sub.Content) != 2 {
		t.Fatalf("DashboardBody is no !Sub of a text and of names")
	}
	values := map[string]string{}
	for pair := range slices.Chunk(sub.Content[1].Content, 2) {
		switch choice := pair[1]; {
		case choice.Tag != "!If" || choice.Content[1].Tag != "!Sub": // a table, whose name it keeps
		case choice.Content[0].Value == "HasStoreTimes", choice.Content[0].Value == "HasCanary": // not by default
			values[pair[0].Value] = choice.Content[2].Value
		default:
			values[pair[0].Value] = choice.Content[1].Value
		}
	}
	want, err := dashboard.Draw(dashboard.Body(sub.Content[0].Value, values))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("COATCHECK_PICTURE") == "write" {
		if err := os.WriteFile(picture, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(picture)
	if err != nil || string(got) != want {
		t.Errorf("docs/pictures/dashboard.svg is not what the template says: make pictures; %v", err)
	}
}

// A body that CloudWatch would refuse is not drawn.
func TestDrawRefuses(t *testing.T) {
	if out, err := dashboard.Draw(`{"widgets": [,]}`); err == nil {
		t.Errorf("drawn: %s", out)
	}
}
