// Package lambdahttptest sends HTTP requests to Lambda functions in tests, without AWS. A
// [FrontDoor] makes each request an event, in the shape that this service gives it, and a
// response of the function's answer:
//
//	client := &http.Client{Transport: lambdahttptest.RESTAPI.Transport(lambdahttp.Handler(handler).Invoke)}
//	resp, err := client.Get("https://shop.example/profile")
//
// [Start] runs the function's own binary, so that main is tested too. Its Invoke takes the
// place of the one above.
//
// The events have what functions need, and no more. What a service does with unusual paths
// and headers must be tried with the service itself. The answers of a program that calls
// lambdahttp.StartStreaming have another shape, which this package does not read.
//
// This package may still change in ways that break programs.
package lambdahttptest

import (
	"context"
	"fmt"
	"net/http"
)

// FrontDoor is what stands in front of a function and sends it events.
type FrontDoor string

// The front doors that package lambdahttp knows.
const (
	HTTPAPI           FrontDoor = "HTTP API, payload 2.0"
	HTTPAPI1          FrontDoor = "HTTP API, payload 1.0"
	FunctionURL       FrontDoor = "function URL"
	RESTAPI           FrontDoor = "REST API"
	LoadBalancer      FrontDoor = "load balancer"
	LoadBalancerMulti FrontDoor = "load balancer with multi-value headers"
)

// FrontDoors returns all of them, for tests that go through each.
func FrontDoors() []FrontDoor {
	return []FrontDoor{HTTPAPI, HTTPAPI1, FunctionURL, RESTAPI, LoadBalancer, LoadBalancerMulti}
}

// ClientAddress is the address that each request comes from.
const ClientAddress = "192.0.2.7"

// Transport returns a transport for [http.Client] that sends each request to a function, by
// invoke. An error of the invocation, and an answer that the front door would answer with
// 502, are errors of the request. It may be used by several goroutines if invoke may.
func (f FrontDoor) Transport(invoke func(ctx context.Context, event []byte) ([]byte, error)) http.RoundTripper {
	return transport{f, invoke}
}

type transport struct {
	door   FrontDoor
	invoke func(context.Context, []byte) ([]byte, error)
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	event, err := t.door.Event(r)
	if err != nil {
		return nil, err
	}
	answer, err := t.invoke(r.Context(), event)
	if err != nil {
		return nil, fmt.Errorf("the function behind the %s: %w", t.door, err)
	}
	resp, err := t.door.Response(answer)
	if err != nil {
		return nil, err
	}
	resp.Request = r
	return resp, nil
}
