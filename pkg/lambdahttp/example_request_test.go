package lambdahttp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/lambdahttp"
)

// fromLoadBalancer and fromAPI are events as Lambda would send them, shortened.
const (
	fromLoadBalancer = `{"httpMethod": "GET", "path": "/profile", "headers": {"host": "app.example.com",
		"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "http"}, "queryStringParameters": {"q": "a%20b"}, "body": "",
		"requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/app/4efa1ab384b3474d"}}}`
	fromAPI = `{"version": "2.0", "rawPath": "/profile", "rawQueryString": "q=a%20b", "headers": {"host": "app.example.com"},
		"stageVariables": {"greeting": "Hello"}, "requestContext": {"http": {"method": "GET", "sourceIp": "203.0.113.7"}}}`
)

// serve does what Lambda does with the program's handler.
func serve(h http.HandlerFunc, event string) {
	invocation := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd"})
	if _, err := lambdahttp.Handler(h).Invoke(invocation, []byte(event)); err != nil {
		log.Fatal(err)
	}
}

// One handler serves every front door, without being told which one it is.
func ExampleHandler_everyFrontDoor() {
	h := func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Method, r.Host, r.URL, r.URL.Query()["q"], r.RemoteAddr)
	}
	serve(h, fromLoadBalancer)
	serve(h, fromAPI)
	// Output:
	// GET app.example.com /profile?q=a%20b [a b] 203.0.113.7:0
	// GET app.example.com /profile?q=a%20b [a b] 203.0.113.7:0
}

// What is no HTTP request is an error of the invocation.
func ExampleHandler_noRequest() {
	h := lambdahttp.Handler(http.NotFoundHandler())
	_, err := h.Invoke(context.Background(), []byte(`{"Records": [{"eventSource": "aws:sqs", "body": "…"}]}`))
	fmt.Println(err)
	// Output:
	// the event is no HTTP request, but an event of aws:sqs with 1 record
}

// The event has more than the request. The types of aws-lambda-go fit it.
func ExampleEvent() {
	serve(func(_ http.ResponseWriter, r *http.Request) {
		var event events.ALBTargetGroupRequest
		if err := json.Unmarshal(lambdahttp.Event(r.Context()), &event); err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.RequestContext.ELB.TargetGroupArn)
	}, fromLoadBalancer)
	// Output:
	// arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/app/4efa1ab384b3474d
}

func ExampleStageVariables() {
	serve(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(lambdahttp.StageVariables(r.Context())["greeting"])
	}, fromAPI)
	// Output:
	// Hello
}

func ExampleScheme() {
	h := func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(lambdahttp.Scheme(r) + "://" + r.Host)
	}
	serve(h, fromLoadBalancer)
	serve(h, fromAPI)
	// Output:
	// http://app.example.com
	// https://app.example.com
}

// The context of a request is derived from the invocation's, so that what Lambda says of the
// invocation is in it.
func Example_lambdaContext() {
	serve(func(_ http.ResponseWriter, r *http.Request) {
		invocation, _ := lambdacontext.FromContext(r.Context())
		fmt.Println(invocation.AwsRequestID)
	}, fromAPI)
	// Output:
	// 8476a536-e9f4-11e8-9739-2dfe598c3fcd
}
