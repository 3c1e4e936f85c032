package functions_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const keyArn = "arn:aws:kms:eu-west-1:123456789012:key/0b1f3c5d-0000-4000-8000-000000000000"

// A key of one's own encrypts every table, secret and log of the stack, and the functions'
// variables. Each function may decrypt with it, and do nothing else, but the canary, which
// writes a secret that it may encrypt. Without such a key none may do anything.
func TestKeyOfOnesOwn(t *testing.T) {
	stack := translate(t)
	encrypted := map[string]string{
		"AWS::DynamoDB::Table":        `"KMSMasterKeyId":{"Ref":"KmsKeyArn"}`,
		"AWS::SecretsManager::Secret": `"KmsKeyId":{"Ref":"KmsKeyArn"}`,
		"AWS::Logs::LogGroup":         `"KmsKeyId":{"Ref":"KmsKeyArn"}`,
		"AWS::Lambda::Function":       `"KmsKeyArn":{"Ref":"KmsKeyArn"}`,
		"AWS::IAM::Role":              `{"Action":"kms:Decrypt","Effect":"Allow","Resource":{"Ref":"KmsKeyArn"}}`,
	}
	with, without := stack.evaluate(t, map[string]string{"KmsKeyArn": keyArn}), stack.evaluate(t, nil)
	found := map[string]int{}
	for id, resource := range stack.Resources {
		want, ok := encrypted[resource.Type]
		if id == "CanaryFunctionRole" {
			want = `{"Action":["kms:Decrypt","kms:GenerateDataKey"],"Effect":"Allow","Resource":{"Ref":"KmsKeyArn"}}`
		}
		if !ok || resource.Type == "AWS::IAM::Role" && !strings.HasSuffix(id, "FunctionRole") {
			continue
		}
		found[resource.Type]++
		var decided json.RawMessage
		decide(t, with, resource.Properties, &decided)
		if text := compact(t, decided); strings.Count(text, want) != 1 || strings.Count(text, "kms:") != strings.Count(want, "kms:") {
			t.Errorf("with a key %s is %s", id, text)
		}
		decide(t, without, resource.Properties, &decided)
		if text := compact(t, decided); strings.Contains(text, "KmsKeyArn") || strings.Contains(text, "kms:") {
			t.Errorf("without a key %s is %s", id, text)
		}
	}
	if len(found) != len(encrypted) {
		t.Errorf("looked at %v", found)
	}
}

// Each group of logs is kept as long as its parameter says, or else as long as the one for both.
func TestLogRetention(t *testing.T) {
	stack := translate(t)
	for _, tt := range []struct {
		parameters        map[string]string
		functions, access string
	}{
		{nil, "90", "90"},
		{map[string]string{"LogRetentionDays": "365"}, "365", "365"},
		{map[string]string{"LogRetentionDays": "365", "AccessLogRetentionDays": "7"}, "365", "7"},
		{map[string]string{"FunctionLogRetentionDays": "30", "AccessLogRetentionDays": "7"}, "30", "7"},
	} {
		e := stack.evaluate(t, tt.parameters)
		for id, want := range map[string]string{"FunctionLogs": tt.functions, "AccessLogs": tt.access} {
			var group struct{ RetentionInDays json.RawMessage }
			if err := json.Unmarshal(stack.Resources[id].Properties, &group); err != nil {
				t.Fatal(err)
			}
			if got := e.text(group.RetentionInDays); got != want {
				t.Errorf("with %v, %s are kept %s days, want %s", tt.parameters, id, got, want)
			}
		}
	}
}

// Traces are off, and SAM gives no function a right for them, until the parameter turns them on.
func TestTracing(t *testing.T) {
	const xray = "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess" // what SAM adds
	for file, traced := range map[string]bool{"translated.json": false, "traced.json": true} {
		stack := translation(t, file)
		for id, function := range resources[struct{ TracingConfig json.RawMessage }](t, stack, "AWS::Lambda::Function") {
			mode := ""
			if function.TracingConfig != nil {
				mode = compact(t, function.TracingConfig)
			}
			if want := map[bool]string{true: `{"Mode":{"Ref":"Tracing"}}`}[traced]; mode != want {
				t.Errorf("%s: %s has the tracing %s, want %s", file, id, mode, want)
			}
			role := string(stack.Resources[id+"Role"].Properties)
			if got := strings.Contains(role, xray) || strings.Contains(strings.ToLower(role), "xray"); got != traced {
				t.Errorf("%s: %s may write traces: %t", file, id, got)
			}
		}
	}
}

// The functions are told under which name to write store times, or nothing. One that makes
// no calls is told nothing.
func TestStoreTimesAreOffByDefault(t *testing.T) {
	stack := translate(t)
	for parameter, want := range map[string]string{"": "", "true": "<Coatcheck/${AWS::StackName}>", "false": ""} {
		parameters := map[string]string{}
		if parameter != "" {
			parameters["StoreTimes"] = parameter
		}
		e := stack.evaluate(t, parameters)
		for id, function := range resources[struct {
			Environment struct {
				Variables struct {
					StoreTimes json.RawMessage `json:"STORE_TIMES"`
				}
			}
		}](t, stack, "AWS::Lambda::Function") {
			silent := slices.Contains([]string{"CallerFunction", "CanaryFunction"}, id)
			if got := e.text(function.Environment.Variables.StoreTimes); got != want && !(silent && got == "") {
				t.Errorf("with StoreTimes=%s, %s has STORE_TIMES %q, want %q", parameter, id, got, want)
			}
		}
	}
}
