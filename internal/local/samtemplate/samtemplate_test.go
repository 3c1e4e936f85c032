package samtemplate

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestReadOurs checks one function and one table of the real template. The tests that
// run the binaries check that the template has what the binaries need.
func TestReadOurs(t *testing.T) {
	template, err := Read("../../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}

	login := template.Functions["LoginFunction"]
	if login.Folder != "functions/login" {
		t.Errorf("folder %q", login.Folder)
	}
	if want := []string{"ANY /login", "ANY /reauthenticate", "POST /login"}; !reflect.DeepEqual(login.Routes, want) {
		t.Errorf("routes %q, want %q", login.Routes, want)
	}
	for _, a := range login.Access {
		if _, ok := template.Tables[a.Table]; !ok {
			t.Errorf("access to %s, not a table", a.Table)
		}
	}
	for variable, want := range map[string]string{
		"USERS_TABLE":               "UsersTable",    // declared for this function; !Ref of a resource
		"SESSIONS_TABLE":            "SessionsTable", // from Globals
		"SESSION_IDLE_TIMEOUT":      "30m",           // !Ref of a parameter
		"AWS_ENDPOINT_URL_DYNAMODB": "",
	} {
		if got, ok := login.Environment[variable]; !ok || got != want {
			t.Errorf("%s = %q (declared: %t), want %q", variable, got, ok, want)
		}
	}
	if _, ok := template.Functions["ProfileFunction"].Environment["USERS_TABLE"]; ok {
		t.Error("profile is told the users table")
	}
	for id, function := range template.Functions {
		var want map[string]string
		if id == "CallerFunction" {
			want = map[string]string{"ANY /caller": "AuthorizerFunction"}
		}
		if !reflect.DeepEqual(function.Authorizers, want) {
			t.Errorf("%s is behind %v, want %v", id, function.Authorizers, want)
		}
	}

	sessions := template.Tables["SessionsTable"]
	in := sessions.CreateInput("s1")
	if *in.TableName != "s1" || in.BillingMode != types.BillingModePayPerRequest {
		t.Errorf("created as %s, %s", *in.TableName, in.BillingMode)
	}
	wantKeys := []types.KeySchemaElement{
		{AttributeName: new("owner"), KeyType: types.KeyTypeHash},
		{AttributeName: new("id"), KeyType: types.KeyTypeRange},
	}
	if !reflect.DeepEqual(in.KeySchema, wantKeys) {
		t.Errorf("keys %v", in.KeySchema)
	}
	wantAttributes := []types.AttributeDefinition{
		{AttributeName: new("owner"), AttributeType: types.ScalarAttributeTypeS},
		{AttributeName: new("id"), AttributeType: types.ScalarAttributeTypeS},
	}
	if !reflect.DeepEqual(in.AttributeDefinitions, wantAttributes) {
		t.Errorf("attributes %v", in.AttributeDefinitions)
	}
	ttl := sessions.TTLInput("s1")
	if *ttl.TableName != "s1" || *ttl.TimeToLiveSpecification.AttributeName != "expires_at" || !*ttl.TimeToLiveSpecification.Enabled {
		t.Errorf("TTL input %+v", ttl)
	}
	if users := template.Tables["UsersTable"]; users.TTL != "" {
		t.Errorf("the users table has a TTL on %q", users.TTL)
	}
}

// small is a template with one of each element. The tests change parts of it.
const small = `
Parameters:
  Days:
    Type: Number
    Default: 7
Conditions:
  Deployed: !Equals [1, 1]
  More: !Equals [1, 1]
  NotMore: !Not [!Condition More]
  Less: !Not [!Equals [1, 1]]
  Both: !And [!Condition More, !Not [!Condition NotMore]]
  Some: !And [!Condition More, !Equals [1, 1]]
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: { ProtocolType: HTTP }
  Guard:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      AuthorizerType: REQUEST
      AuthorizerUri: !Sub arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/${GuardFunction.Arn}/invocations
      AuthorizerPayloadFormatVersion: '2.0'
      EnableSimpleResponses: true
      IdentitySource: [$request.header.Cookie]
      AuthorizerResultTtlInSeconds: 0
  GuardFunction:
    Type: AWS::Serverless::Function
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions:
        - { AttributeName: id, AttributeType: S }
      KeySchema:
        - { AttributeName: id, KeyType: HASH }
      TimeToLiveSpecification: { AttributeName: end, Enabled: true }
  OneFunction:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: 128
      Environment:
        Variables:
          TABLE: !Ref Table
          DAYS: !Ref Days
          MODE: !If [Deployed, !Sub x, plain]
          MORE: !If [More, !Ref Other, '']
      Policies:
        - Statement:
            - Effect: Allow
              Action: [dynamodb:PutItem, dynamodb:GetItem]
              Resource: [!GetAtt Table.Arn]
            - Effect: Allow
              Action: dynamodb:GetItem
              Resource: !GetAtt Table.Arn
            - Effect: Allow
              Action: dynamodb:UpdateItem
              Resource: !GetAtt Table.Arn
              Condition:
                ForAllValues:StringEquals: { dynamodb:Attributes: [id, end] }
                StringEquals: { dynamodb:ReturnValues: NONE }
            - !If
              - More
              - Effect: Allow
                Action: dynamodb:GetItem
                Resource: !GetAtt Other.Arn
              - !Ref AWS::NoValue
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt OneFunction.Arn, PayloadFormatVersion: '2.0' }
  Rest:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Api, RouteKey: $default, Target: !Sub 'integrations/${Integration}' }
  RouteOne:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Api, RouteKey: GET /one, Target: !Sub 'integrations/${Integration}', AuthorizationType: NONE }
  RouteTwo:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Api, RouteKey: GET /two, Target: !Sub 'integrations/${Integration}', AuthorizationType: CUSTOM, AuthorizerId: !Ref Guard }
  Other:
    Type: AWS::DynamoDB::Table
    Condition: More
    Properties:
      AttributeDefinitions:
        - { AttributeName: key, AttributeType: S }
      KeySchema: !If [More, [{ AttributeName: key, KeyType: HASH }], !Ref AWS::NoValue]
  MoreFunction:
    Type: AWS::Serverless::Function
    Condition: More
  MoreIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Condition: More
    Properties: { ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt MoreFunction.Arn, PayloadFormatVersion: '2.0' }
  MoreRoute:
    Type: AWS::ApiGatewayV2::Route
    Condition: More
    Properties: { ApiId: !Ref Api, RouteKey: GET /more, Target: !Sub 'integrations/${MoreIntegration}' }
`

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "small.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestReadSmall(t *testing.T) {
	template, err := Read(write(t, small))
	if err != nil {
		t.Fatal(err)
	}
	want := Function{
		Folder:      "functions/one",
		Routes:      []string{"$default", "GET /one", "GET /two"},
		Authorizers: map[string]string{"GET /two": "GuardFunction"},
		Environment: map[string]string{"TABLE": "Table", "DAYS": "7", "MODE": "plain", "MORE": ""},
		Access:      []Access{{"GetItem", "Table"}, {"PutItem", "Table"}, {"UpdateItem", "Table"}},
		Attributes:  map[Access][]string{{"UpdateItem", "Table"}: {"end", "id"}},
	}
	if got := template.Functions["OneFunction"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := template.Tables["Table"].TTL; got != "end" {
		t.Errorf("TTL %q, want end", got)
	}
	if len(template.Tables) != 1 || len(template.Functions) != 2 {
		t.Errorf("without the condition there are %d tables and %d functions", len(template.Tables), len(template.Functions))
	}
}

// A condition that holds adds what it adds in the deployed stack.
func TestReadWithACondition(t *testing.T) {
	template, err := Read(write(t, small), "More")
	if err != nil {
		t.Fatal(err)
	}
	one := template.Functions["OneFunction"]
	if !slices.Contains(one.Access, Access{"GetItem", "Other"}) || len(one.Access) != 4 || one.Environment["MORE"] != "Other" || one.Environment["MODE"] != "plain" {
		t.Errorf("%+v", one)
	}
	if got := template.Functions["MoreFunction"].Routes; !slices.Equal(got, []string{"GET /more"}) || len(template.Tables) != 2 {
		t.Errorf("MoreFunction has the routes %q; %d tables", got, len(template.Tables))
	}
	if _, err := Read(write(t, small), "Deployed"); err == nil || !strings.Contains(err.Error(), "MODE: !Sub x is not understood") {
		t.Errorf("what cannot be read if Deployed holds: %v", err)
	}
	if _, err := Read(write(t, small), "Fewer"); err == nil || !strings.Contains(err.Error(), "there is no condition Fewer") {
		t.Errorf("a condition that is not there: %v", err)
	}
}

// Conditions that are written as others follow from those that are named. One that depends
// on a parameter does not hold unless it is named.
func TestConditionsThatFollow(t *testing.T) {
	for condition, want := range map[string]struct{ without, with bool }{
		"More": {false, true}, "NotMore": {true, false}, "Both": {false, true}, "Less": {false, false}, "Some": {false, false},
	} {
		text := strings.Replace(small, "    Condition: More\n    Properties:\n      AttributeDefinitions", "    Condition: "+condition+"\n    Properties:\n      AttributeDefinitions", 1)
		text = strings.Replace(text, "KeySchema: !If [More, ", "KeySchema: !If ["+condition+", ", 1)
		text = strings.NewReplacer("!GetAtt Other.Arn", "!GetAtt Table.Arn", "!Ref Other", "''").Replace(text)
		for _, named := range [][]string{nil, {"More"}} {
			template, err := Read(write(t, text), named...)
			if err != nil {
				t.Fatalf("%s with %q: %v", condition, named, err)
			}
			if _, got := template.Tables["Other"]; got != (want.without && named == nil || want.with && named != nil) {
				t.Errorf("with %q, %s holds: %t", named, condition, got)
			}
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, from, to string // in small
		want           []string
	}{
		{"broken YAML", "Resources:", "Resources: [", []string{"small.yaml"}},
		{"an authorizer that caches", "AuthorizerResultTtlInSeconds: 0", "AuthorizerResultTtlInSeconds: 300", []string{"RouteTwo: Guard", "cached"}},
		{"an authorizer that caches by default", "      AuthorizerResultTtlInSeconds: 0\n", "", []string{"RouteTwo: Guard", "cached"}},
		{"an authorizer of another format", "AuthorizerPayloadFormatVersion: '2.0'", "AuthorizerPayloadFormatVersion: '1.0'", []string{"RouteTwo: Guard", "2.0"}},
		{"an authorizer with policies", "EnableSimpleResponses: true", "EnableSimpleResponses: false", []string{"RouteTwo: Guard", "simple"}},
		{"an authorizer of another type", "AuthorizerType: REQUEST", "AuthorizerType: JWT", []string{"RouteTwo: Guard", "REQUEST"}},
		{"an authorizer that is none", "${GuardFunction.Arn}", "${Nobody.Arn}", []string{"RouteTwo: Guard: in AuthorizerUri", "Nobody"}},
		{"an authorizer with a role", "      AuthorizerType:", "      AuthorizerCredentialsArn: x\n      AuthorizerType:", []string{"RouteTwo: Guard", "AuthorizerCredentialsArn"}},
		{"an unknown authorizer", "!Ref Guard", "!Ref Nobody", []string{"RouteTwo: in AuthorizerId", "Nobody"}},
		{"an authorizer that is not asked", "AuthorizationType: CUSTOM, ", "", []string{"RouteTwo", "AuthorizationType: CUSTOM"}},
		{"an authorizer that nobody names", ", AuthorizerId: !Ref Guard", "", []string{"RouteTwo", "AuthorizerId"}},
		{"scopes", "!Ref Guard }", "!Ref Guard, AuthorizationScopes: [x] }", []string{"RouteTwo", "AuthorizationScopes"}},
		{"a route without a key", ", RouteKey: GET /one", "", []string{"RouteOne", "RouteKey"}},
		{"a route of no API", "ApiId: !Ref Api, RouteKey: GET /one", "RouteKey: GET /one", []string{"RouteOne: in ApiId"}},
		{"a route to no integration", "GET /one, Target: !Sub 'integrations/${Integration}'", "GET /one, Target: !Sub 'integrations/${OneFunction}'", []string{"RouteOne: in Target", "OneFunction"}},
		{"an integration with another version", "PayloadFormatVersion: '2.0' }", "PayloadFormatVersion: '1.0' }", []string{"Rest: Integration", "2.0"}},
		{"an integration of no function", "!GetAtt OneFunction.Arn", "!GetAtt Table.Arn", []string{"Rest: Integration: in IntegrationUri", "Table.Arn"}},
		{"an integration with parameters", "IntegrationType:", "RequestParameters: {}, IntegrationType:", []string{"Rest: Integration", "RequestParameters"}},
		{"a definition of the API", "{ ProtocolType: HTTP }", "{ Body: {} }", []string{"in ApiId: Api has the property Body"}},
		{"an event of SAM", "      MemorySize: 128", "      Events: {}", []string{"OneFunction: in Events", "give the API a route"}},
		{"a key twice", "  Api:", "  Table:", []string{"small.yaml", "Table"}},
		{"an index", "      KeySchema:", "      GlobalSecondaryIndexes: []\n      KeySchema:", []string{"Table: the property GlobalSecondaryIndexes"}},
		{"no keys", "      KeySchema:", "      Tags:", []string{"Table: KeySchema"}},
		{"an unknown field in a key", "KeyType: HASH", "KeyType: HASH, Order: up", []string{"Table: in KeySchema", "Order"}},
		{"a key named by a function", "KeySchema:\n        - { AttributeName: id", "KeySchema:\n        - { AttributeName: !Ref Days", []string{"Table: in KeySchema", "!Ref"}},
		{"TTL without a name", "AttributeName: end, ", "", []string{"Table: in TimeToLiveSpecification"}},
		{"a function of another name", "OneFunction:", "One:", []string{"One:", "must end in Function"}},
		{"an unknown reference", "!Ref Table", "!Ref Tables", []string{"OneFunction: in Environment: TABLE", "Tables"}},
		{"an unknown function", "!Ref Table", "!Sub Table", []string{"OneFunction: in Environment: TABLE", "!Sub"}},
		{"half of a condition", "!If [Deployed, !Sub x,", "!If [Deployed,", []string{"OneFunction: in Environment", "!If"}},
		{"a long function", "!Ref Table", "{ Ref: Table }", []string{"OneFunction: in Environment", "!Ref"}},
		{"a managed policy", "        - Statement:", "        - AdministratorAccess\n        - Statement:", []string{"OneFunction: in Policies"}},
		{"a policy template", "        - Statement:", "        - DynamoDBCrudPolicy: { TableName: !Ref Table }\n        - Statement:", []string{"OneFunction: in Policies", "DynamoDBCrudPolicy"}},
		{"a denial", "Effect: Allow", "Effect: Deny", []string{"OneFunction: in Policies", "Deny"}},
		{"an empty condition", "Effect: Allow", "Condition: {}\n              Effect: Allow", []string{"OneFunction: in Policies", "Condition"}},
		{"another condition", "StringEquals: { dynamodb:ReturnValues", "StringEqualsIfExists: { dynamodb:ReturnValues", []string{"OneFunction: in Policies", "StringEqualsIfExists"}},
		{"another condition key", "dynamodb:ReturnValues: NONE", "dynamodb:ReturnValues: NONE, aws:SourceIp: 192.0.2.1", []string{"OneFunction: in Policies", "aws:SourceIp"}},
		{"attributes in any", "ForAllValues:StringEquals", "ForAnyValue:StringEquals", []string{"OneFunction: in Policies", "ForAnyValue"}},
		{"a limited write that returns everything", "NONE", "ALL_OLD", []string{"OneFunction: in Policies", "UpdateItem", "ReturnValues NONE"}},
		{"a limited write that says nothing of what it returns", "                StringEquals: { dynamodb:ReturnValues: NONE }\n", "", []string{"OneFunction: in Policies", "UpdateItem", "ReturnValues NONE"}},
		{"a limited write that replaces the item", "Action: dynamodb:UpdateItem", "Action: dynamodb:DeleteItem", []string{"OneFunction: in Policies", "DeleteItem", "replace"}},
		{"a limited read of everything", "Action: dynamodb:UpdateItem", "Action: dynamodb:GetItem", []string{"OneFunction: in Policies", "allowed twice"}},
		{"no attributes", "dynamodb:Attributes: [id, end]", "dynamodb:Attributes: []", []string{"OneFunction: in Policies", "dynamodb:Attributes"}},
		{"every action", "dynamodb:PutItem", "dynamodb:*", []string{"OneFunction: in Policies", "dynamodb:*"}},
		{"another service", "dynamodb:PutItem", "s3:PutObject", []string{"OneFunction: in Policies", "s3:PutObject"}},
		{"every table", "[!GetAtt Table.Arn]", "'*'", []string{"OneFunction: in Policies", "*"}},
		{"a table named by !Ref", "[!GetAtt Table.Arn]", "!Ref Table", []string{"OneFunction: in Policies", "!Ref Table"}},
		{"a table that is none", "[!GetAtt Table.Arn]", "!GetAtt Other.Arn", []string{"OneFunction: in Policies", "Other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(small, c.from, c.to, 1)
			if text == small {
				t.Fatalf("%q is not in the template", c.from)
			}
			_, err := Read(write(t, text))
			if err == nil {
				t.Fatal("read without an error")
			}
			for _, want := range append(c.want, "small.yaml") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}

	if _, err := Read(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("no file: %v", err)
	}
}

// A put may be limited to calls that return nothing of the item that they replace.
func TestReadSilentPuts(t *testing.T) {
	text := strings.NewReplacer("dynamodb:UpdateItem", "dynamodb:PutItem", "                ForAllValues:StringEquals: { dynamodb:Attributes: [id, end] }\n", "").Replace(small)
	if _, err := Read(write(t, text)); err == nil || !strings.Contains(err.Error(), "PutItem of Table is allowed twice") {
		t.Errorf("a put that is allowed in two ways: %v", err)
	}
	template, err := Read(write(t, strings.Replace(text, "[dynamodb:PutItem, dynamodb:GetItem]", "dynamodb:GetItem", 1)))
	if err != nil {
		t.Fatal(err)
	}
	one := template.Functions["OneFunction"]
	if put := []Access{{"PutItem", "Table"}}; !slices.Equal(one.Silent, put) || one.Attributes != nil || !slices.Contains(one.Access, put[0]) {
		t.Errorf("%+v", one)
	}
}
