package clientip_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"example.com/coatcheck/pkg/clientip"
)

// A handler that answers only what comes through the proxy.
func ExampleSecrets_Handler() {
	secrets, err := clientip.ParseSecrets("an-example-of-a-secret-of-a-proxy-1") // as in PROXY_SECRETS
	if err != nil {
		log.Fatal(err)
	}
	handler := secrets.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello,", clientip.Of(r))
	}))

	request := httptest.NewRequest("GET", "/", nil)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	fmt.Print(answer.Code, " ", answer.Body)

	request.Header.Set("X-Proxy-Secret", "an-example-of-a-secret-of-a-proxy-1")
	request.Header.Set("X-Proxy-Client", "192.0.2.1")
	answer = httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	fmt.Print(answer.Code, " ", answer.Body)
	// Output:
	// 403 Open this site by its own address.
	// 200 Hello, 192.0.2.1
}
