package lambdahttp_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/lambdahttp"
)

// TestNoRequest: what is no HTTP request is an error of the invocation, which says what came.
// It quotes nothing but names that AWS gives.
func TestNoRequest(t *testing.T) {
	var log bytes.Buffer
	logTo(t, &log)
	h := lambdahttp.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") }))
	const identity = `"identity":{"sourceIp":"192.0.2.1"}`
	for event, want := range map[string]string{
		``: "no JSON", `canary`: "no JSON", `{"canary":`: "no JSON", `{} canary`: "no JSON",
		`null`: "null", `true`: "a JSON boolean", `4711`: "a JSON number", `"canary"`: "a JSON string",
		`[{"canary":1}]`: "a JSON array", `{}`: "an empty object",
		`{"key1":"canary","key2":"canary","key3":"canary"}`:                                 "a test event of Lambda's console",
		`{"orderId":"canary","Input":{"Payload":"canary"}}`:                                 "an object of another kind", // of Step Functions
		`{"version":"0","source":"aws.events","detail-type":"Scheduled Event","detail":{}}`: "an event of aws.events (Scheduled Event)",
		`{"source":"aws.s3","detail-type":"Object Created","detail":{"canary":1}}`:          "an event of aws.s3 (Object Created)",
		`{"source":"com.example.canary","detail-type":"canary","detail":{}}`:                "an event of EventBridge",
		`{"source":"aws.events","detail-type":"<canary>"}`:                                  "an event of aws.events",
		`{"Records":[{"eventSource":"aws:sqs","body":"canary"},{},{}]}`:                     "an event of aws:sqs with 3 records",
		`{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"canary"}}]}`:                "an event of aws:sns with 1 record",
		`{"Records":[{"eventVersion":"2.0","eventSource":"aws:s3","s3":{}}]}`:               "an event of aws:s3 with 1 record",
		`{"Records":[{"eventSource":"aws:dynamodb","dynamodb":{}},{}]}`:                     "an event of aws:dynamodb with 2 records",
		`{"Records":[{"eventSource":"aws:kinesis","kinesis":{}}]}`:                          "an event of aws:kinesis with 1 record",
		`{"Records":[{"cf":{"request":{"uri":"/canary"}}}]}`:                                "an event of CloudFront with 1 record",
		`{"Records":[{"eventSource":"canary"}]}`:                                            "an event with 1 record",
		`{"Records":[]}`:                                                                    "an event with 0 records",
		`{"Records":"canary"}`:                                                              "an event with 0 records",
		`{"awslogs":{"data":"canary"}}`:                                                     "an event of CloudWatch Logs",
		`{"eventSource":"aws:kafka","bootstrapServers":"b","records":{}}`:                   "an event of aws:kafka",
		`{"deliveryStreamArn":"arn","records":[]}`:                                          "an event of Firehose",
		`{"eventSource":"aws:rmq","rmqMessagesByQueue":{}}`:                                 "an event of aws:rmq",
		`{"RequestType":"Create","ResponseURL":"https://canary"}`:                           "an event of CloudFormation",
		`{"version":"1","triggerSource":"PreSignUp_SignUp","userName":"canary"}`:            "an event of Cognito (PreSignUp_SignUp)",
		`{"version":2,"eventType":"SyncTrigger","identityPoolId":"p"}`:                      "an event of Cognito",
		`{"type":"TOKEN","authorizationToken":"canary","methodArn":"arn"}`:                  "an API's question to its authorizer (TOKEN)",
		`{"type":"REQUEST","methodArn":"arn","httpMethod":"GET","path":"/","headers":{"cookie":"canary"},"requestContext":{` + identity + `}}`:                                                                 "an API's question to its authorizer (REQUEST)",
		`{"version":"1.0","type":"REQUEST","methodArn":"arn","httpMethod":"GET","path":"/","requestContext":{}}`:                                                                                               "an API's question to its authorizer (REQUEST)",
		`{"version":"2.0","type":"REQUEST","routeArn":"arn","rawPath":"/","cookies":["canary=1"],"requestContext":{"http":{"method":"GET"}}}`:                                                                  "an API's question to its authorizer (REQUEST)",
		`{"headers":{"cookie":"canary"},"multiValueHeaders":{"cookie":["canary"]},"requestContext":{"eventType":"CONNECT","routeKey":"$connect","connectionId":"c",` + identity + `},"isBase64Encoded":false}`: "a WebSocket event (CONNECT)",
		`{"requestContext":{"eventType":"MESSAGE","connectionId":"c",` + identity + `},"body":"canary"}`:                                                                                                       "a WebSocket event (MESSAGE)",
		`{"httpMethod":"GET","path":"/","requestContext":{"eventType":"DISCONNECT","connectionId":"c",` + identity + `}}`:                                                                                      "a WebSocket event (DISCONNECT)",
		`{"requestContext":{"eventType":"canary\n","connectionId":"c"},"httpMethod":"GET","path":"/"}`:                                                                                                         "a WebSocket event",
		`{"requestContext":{"eventType":"` + strings.Repeat("CANARY", 11) + `","connectionId":"c"}}`:                                                                                                           "a WebSocket event", // no name is so long
		`{"version":"3.0","rawPath":"/canary","requestContext":{"http":{"method":"GET"}}}`:                                                                                                                     "one in an unknown payload format",
		`{"httpMethod":"GET","path":"/canary"}`:                                                     "one in an unknown payload format",
		`{"version":"3.0","httpMethod":"GET","path":"/canary","requestContext":{` + identity + `}}`: "one in an unknown payload format",
		`{"version":"1.0","headers":{"cookie":"canary"}}`:                                           "an object of another kind",
		`{"version":"2.0","headers":{"cookie":"canary"}}`:                                           "an object of another kind",
		"{\"Records\":[{\"eventSource\":\"aws:sqs\"}],\"x\":\"\xff\"}":                              "an event of aws:sqs with 1 record",
		`{"Records":[{"eventSource":"aws:sqs"}],"headers":"canary"}`:                                "an event of aws:sqs with 1 record",
	} {
		out, err := h.Invoke(t.Context(), []byte(event))
		if full := "the event is no HTTP request, but " + want; err == nil || err.Error() != full || out != nil {
			t.Errorf("%s: %s, %v, want the error %q", event, out, err, full)
		}
	}
	if strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "an event of aws:sqs with 3 records") {
		t.Errorf("logged\n%s", &log)
	}
}
