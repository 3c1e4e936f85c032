package lambdahttp_test

import (
	"context"
	"fmt"
	"net/http"

	"example.com/coatcheck/pkg/lambdahttp"
)

// An authorizer of one's own. The main of its function ends with
//
//	lambdahttp.StartAuthorizer(authorize)
//
// Here an HTTP API asks it. [Authorized] tells the function behind it what it has said.
func ExampleAuthorizer() {
	authorize := lambdahttp.Authorizer(func(r *http.Request) (map[string]string, error) {
		c, err := r.Cookie("ticket")
		if err != nil {
			return nil, lambdahttp.ErrNotAuthorized
		}
		// Check the ticket here. Return any other error if nobody can say whether it is valid.
		return map[string]string{"ticket": c.Value}, nil
	})

	event := `{"version": "2.0", "type": "REQUEST", "routeArn": "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/$default/GET/orders",
		"rawPath": "/orders", "headers": {"cookie": "%s"}, "requestContext": {"http": {"method": "GET", "sourceIp": "192.0.2.1"}}}`
	for _, cookies := range []string{"theme=dark; ticket=7", "theme=dark"} {
		answer, err := authorize.Invoke(context.Background(), fmt.Appendf(nil, event, cookies))
		fmt.Println(string(answer), err)
	}
	// Output:
	// {"isAuthorized":true,"context":{"ticket":"7"}} <nil>
	// {"isAuthorized":false} <nil>
}
