package authorizer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/lambdahttp/authorizer"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// The main of an authorizer of sessions ends with
//
//	lambdahttp.StartAuthorizer(authorizer.New(sessions))
//
// Here a REST API asks it for a caller who has not signed in, and then for Alice.
func ExampleNew() {
	sessions, err := session.New(memstore.New(), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	authorize := authorizer.New(sessions)
	event := `{"type": "REQUEST", "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/prod/GET/orders/7",
		"resource": "/orders/{id}", "path": "/orders/7", "httpMethod": "GET", "headers": {"Cookie": "%s"},
		"requestContext": {"identity": {"sourceIp": "192.0.2.1"}}}`

	_, err = authorize.Invoke(context.Background(), fmt.Appendf(nil, event, "theme=dark"))
	fmt.Println(err)

	w := httptest.NewRecorder()
	if _, err := sessions.Create(w, httptest.NewRequest("POST", "/login", nil), session.User{ID: "alice"}); err != nil {
		panic(err)
	}
	cookie := w.Result().Cookies()[0]
	answer, err := authorize.Invoke(context.Background(), fmt.Appendf(nil, event, cookie.Name+"="+cookie.Value))
	if err != nil {
		panic(err)
	}
	var allowed struct{ PolicyDocument any }
	if err := json.Unmarshal(answer, &allowed); err != nil {
		panic(err)
	}
	fmt.Println(allowed.PolicyDocument)
	// Output:
	// Unauthorized
	// map[Statement:[map[Action:execute-api:Invoke Effect:Allow Resource:[arn:aws:execute-api:eu-west-1:123456789012:a1b2c3/prod/GET/orders/7]]] Version:2012-10-17]
}

// A handler behind the authorizer reads no cookie and opens no table. Here a REST API sends
// it a request; behind an HTTP API it is the same handler.
func ExampleFromContext() {
	orders := func(w http.ResponseWriter, r *http.Request) {
		caller, err := authorizer.FromContext(r.Context())
		if err != nil { // the route has no authorizer
			http.Error(w, "Sign in first.", http.StatusUnauthorized)
			return
		}
		fmt.Fprintln(w, "Hello,", caller.UserID, caller.Roles)
	}

	event := `{"resource": "/orders", "path": "/orders", "httpMethod": "GET", "headers": {"Host": "app.example.com"},
		"requestContext": {"identity": {"sourceIp": "192.0.2.1"}, "authorizer": {"principalId": "alice", "user_id": "alice",
			"session_id": "5pxVmlyBnNXvUyxlnBSeqQ", "roles": "[\"member\"]", "authenticated_at": "2026-11-23T14:00:00Z", "integrationLatency": 21}}}`
	answer, err := lambdahttp.Handler(http.HandlerFunc(orders)).Invoke(context.Background(), []byte(event))
	if err != nil {
		panic(err)
	}
	var response struct{ Body string }
	if err := json.Unmarshal(answer, &response); err != nil {
		panic(err)
	}
	fmt.Print(response.Body)
	// Output:
	// Hello, alice [member]
}
