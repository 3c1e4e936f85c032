package lambdahttptest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/lambdahttp/lambdahttptest"
)

// A handler gives the same answer behind each front door.
func ExampleFrontDoor_Transport() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s, at %s%s", r.URL.Query().Get("name"), r.Host, r.URL.Path)
	})
	for _, door := range lambdahttptest.FrontDoors() {
		client := &http.Client{Transport: door.Transport(lambdahttp.Handler(handler).Invoke)}
		resp, err := client.Get("https://shop.example/greeting?name=Ada")
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		fmt.Println(door, resp.StatusCode, string(body), err)
	}
	// Output:
	// HTTP API, payload 2.0 200 Hello, Ada, at shop.example/greeting <nil>
	// HTTP API, payload 1.0 200 Hello, Ada, at shop.example/greeting <nil>
	// function URL 200 Hello, Ada, at shop.example/greeting <nil>
	// REST API 200 Hello, Ada, at shop.example/greeting <nil>
	// load balancer 200 Hello, Ada, at shop.example/greeting <nil>
	// load balancer with multi-value headers 200 Hello, Ada, at shop.example/greeting <nil>
}
