package functions_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/events"
)

// pipe is the pipe of template.yaml from the audit trail to the event bus.
type pipe struct {
	SourceParameters struct {
		FilterCriteria struct{ Filters []pipeFilter }
	}
	TargetParameters struct {
		InputTemplate struct {
			Sub string `json:"Fn::Sub"`
		}
		EventBridgeEventBusParameters struct{ Source, DetailType string }
	}
}

func readPipe(t *testing.T) pipe {
	t.Helper()
	all := resources[pipe](t, translate(t), "AWS::Pipes::Pipe")
	if len(all) != 1 {
		t.Fatalf("the template has %d pipes, want one", len(all))
	}
	return all["AuditEventPipe"]
}

// pipeFilter is one filter of a pipe.
type pipeFilter struct {
	Pattern struct {
		Sub string `json:"Fn::Sub"`
	}
}

// pattern returns the pattern of a stack whose canary has that user ID.
func (f pipeFilter) pattern(canary string) []byte {
	return []byte(strings.ReplaceAll(f.Pattern.Sub, "${CanaryUserId}", canary))
}

// passes reports whether one of the pipe's filters lets the record pass.
func (p pipe) passes(t *testing.T, canary string, record any) bool {
	t.Helper()
	return slices.ContainsFunc(p.SourceParameters.FilterCriteria.Filters, func(f pipeFilter) bool {
		var pattern any
		if err := json.Unmarshal(f.pattern(canary), &pattern); err != nil {
			t.Fatal(err)
		}
		return matchesPattern(pattern, record)
	})
}

// matchesPattern does what EventBridge does with a pattern of names and lists of values.
func matchesPattern(pattern, value any) bool {
	switch pattern := pattern.(type) {
	case []any:
		return slices.ContainsFunc(pattern, func(one any) bool {
			if object, ok := one.(map[string]any); ok {
				return !slices.Contains(object["anything-but"].([]any), value)
			}
			return one == value
		})
	case map[string]any:
		object, _ := value.(map[string]any)
		for name, inner := range pattern {
			if found, ok := object[name]; !ok || !matchesPattern(inner, found) {
				return false
			}
		}
		return true
	}
	return false
}

var pipePath = regexp.MustCompile(`<\$\.([\w.]+)>`)

// event returns the detail that the pipe makes of a record. Every path has to be there: what
// a pipe makes of one that is not, AWS does not say.
func (p pipe) event(t *testing.T, record any) map[string]any {
	t.Helper()
	text := strings.ReplaceAll(p.TargetParameters.InputTemplate.Sub, "${AWS::StackName}", "shop-test")
	text = pipePath.ReplaceAllStringFunc(text, func(path string) string {
		value := record
		for _, name := range strings.Split(pipePath.FindStringSubmatch(path)[1], ".") {
			object, _ := value.(map[string]any)
			value = object[name]
		}
		if _, ok := value.(string); !ok {
			t.Errorf("%s is %v in %v", path, value, record)
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted[1 : len(quoted)-1])
	})
	var detail map[string]any
	if err := json.Unmarshal([]byte(text), &detail); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return detail
}

// eventSchema is the part of JSON Schema that docs/audit-event.schema.json uses.
type eventSchema struct {
	Required   []string
	Properties map[string]struct {
		Type, Pattern string
		Enum          []string
	}
}

func (s eventSchema) check(t *testing.T, detail map[string]any) {
	t.Helper()
	for _, name := range s.Required {
		if _, ok := detail[name]; !ok {
			t.Errorf("%s is missing in %v", name, detail)
		}
	}
	for name, value := range detail {
		p, known := s.Properties[name]
		text, isText := value.(string)
		switch {
		case !known:
			t.Errorf("the schema does not know %s", name)
		case p.Type != "string" || !isText:
			t.Errorf("%s is %v, of type %s", name, value, p.Type)
		case p.Pattern != "" && !regexp.MustCompile(p.Pattern).MatchString(text), p.Enum != nil && !slices.Contains(p.Enum, text):
			t.Errorf("%s is %q, which is not as the schema says", name, text)
		}
	}
}

// records returns what the stream of the trail's table would have, as JSON.
func (s *stack) records(t *testing.T) (all []map[string]any) {
	t.Helper()
	name := s.tables["AuditTable"]
	out, err := dynamotest.Client(t, dynamotest.Endpoint(t)).Scan(t.Context(), &dynamodb.ScanInput{TableName: &name})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range out.Items {
		all = append(all, map[string]any{"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": map[string]any{"NewImage": imageOf(item)}})
	}
	return all
}

func imageOf(item map[string]types.AttributeValue) map[string]any {
	image := map[string]any{}
	for name, value := range item {
		switch value := value.(type) {
		case *types.AttributeValueMemberS:
			image[name] = map[string]any{"S": value.Value}
		case *types.AttributeValueMemberN:
			image[name] = map[string]any{"N": value.Value}
		case *types.AttributeValueMemberM:
			image[name] = map[string]any{"M": imageOf(value.Value)}
		}
	}
	return image
}

// TestPipe: of what the real binaries write to the trail, what a user should hear of passes
// the pipe's filters, and becomes an event as its schema says, whatever a client calls itself.
func TestPipe(t *testing.T) {
	s := newStack(t, map[string]string{"SESSION_KEYS": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "ATTEMPTS_LADDER": "1,1s,1s,2"})
	odd := "a \"quoted\" \\ <$.dynamodb.NewImage.user_id.S> <b>browser</b>"
	first := login(password)
	first.headers = http.Header{"User-Agent": {odd}}
	r := s.do(t, first)
	wantStatus(t, r, http.StatusOK)
	known := login(password)
	known.cookie = r.device()
	wantStatus(t, s.do(t, known), http.StatusOK)
	r = s.do(t, changePassword(r.cookie(), password, nextPassword))
	wantStatus(t, r, http.StatusNoContent)
	wantStatus(t, s.do(t, request{method: "POST", path: "/logout", cookie: r.cookie()}), http.StatusNoContent)
	for range 2 {
		wantStatus(t, s.do(t, login("wrong")), http.StatusUnauthorized)
		s.moveBack(t, "AttemptsTable", "last_at", 1000)
	}
	schema := readEventSchema(t)
	p := readPipe(t)
	var got []string
	for _, record := range s.records(t) {
		if !p.passes(t, "", record) {
			continue
		}
		if p.passes(t, s.userID, record) {
			t.Errorf("what happens to the canary passes: %v", record)
		}
		detail := p.event(t, record)
		schema.check(t, detail)
		got = append(got, detail["event"].(string))
		if detail["event"] == "authn_login_success" && detail["user_agent"] != odd || detail["user_id"] != s.userID || detail["ip"] != "192.0.2.7" {
			t.Errorf("the event is %v", detail)
		}
		record["eventName"] = "REMOVE"
		if p.passes(t, "", record) {
			t.Errorf("what expires passes too: %v", record)
		}
	}
	slices.Sort(got)
	if want := []string{"authn_login_lock", "authn_login_success", "authn_password_change"}; !slices.Equal(got, want) {
		t.Errorf("the events are %q, want %q", got, want)
	}
	if to := p.TargetParameters.EventBridgeEventBusParameters; to.Source != "coatcheck" || to.DetailType != "Coatcheck account event" {
		t.Errorf("they go as %+v", to)
	}
}

func readEventSchema(t *testing.T) (s eventSchema) {
	t.Helper()
	text, err := os.ReadFile("../docs/audit-event.schema.json")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The schema lists exactly the events that the filters let pass, all of which the trail keeps.
func TestPipeSchema(t *testing.T) {
	var passing []string
	for _, f := range readPipe(t).SourceParameters.FilterCriteria.Filters {
		var pattern struct {
			Dynamodb struct {
				NewImage struct{ Event struct{ S []string } }
			}
		}
		if err := json.Unmarshal(f.pattern(""), &pattern); err != nil {
			t.Fatal(err)
		}
		passing = append(passing, pattern.Dynamodb.NewImage.Event.S...)
	}
	slices.Sort(passing)
	if listed := readEventSchema(t).Properties["event"].Enum; !slices.Equal(passing, listed) {
		t.Errorf("the filters let pass %q, the schema lists %q", passing, listed)
	}
	for _, name := range passing {
		if kind, ok := events.Find(name); !ok || !kind.Kept {
			t.Errorf("the trail keeps no %s", name)
		}
	}
}

// The pipe is there only with its parameter and a trail. It may read the stream, write events
// of ours to the bus and put into its queue, and nothing else.
func TestPipeMayDoLittle(t *testing.T) {
	for _, tt := range []struct {
		parameters map[string]string
		want       bool
	}{
		{nil, false},
		{map[string]string{"AuditPipe": "true"}, true},
		{map[string]string{"AuditPipe": "true", "AuditDays": "0"}, false},
	} {
		if got := translate(t).evaluate(t, tt.parameters).holds("HasPipe"); got != tt.want {
			t.Errorf("with %v there is a pipe: %v", tt.parameters, got)
		}
	}
	role := resourcesOf[json.RawMessage](translate(t).evaluate(t, map[string]string{"AuditPipe": "true"}), "AWS::IAM::Role")["AuditEventRole"]
	actions := regexp.MustCompile(`"(?:dynamodb|events|kms|sqs|sts):[A-Z]\w+"`).FindAllString(string(role), -1)
	want := []string{`"sts:AssumeRole"`, `"dynamodb:DescribeStream"`, `"dynamodb:GetRecords"`, `"dynamodb:GetShardIterator"`, `"dynamodb:ListStreams"`, `"events:PutEvents"`, `"sqs:SendMessage"`}
	slices.Sort(actions)
	slices.Sort(want)
	if !slices.Equal(actions, want) || strings.Contains(string(role), `"Resource":"*"`) {
		t.Errorf("the role allows %v, want %v: %s", actions, want, role)
	}
	if !strings.Contains(string(role), `"Action":"events:PutEvents","Condition":{"StringEquals":{"events:source":"coatcheck"}}`) {
		t.Errorf("the pipe may send events in the name of others: %s", role)
	}
}
