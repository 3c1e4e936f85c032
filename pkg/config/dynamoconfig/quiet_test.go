package dynamoconfig_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/config/dynamoconfig"
)

// An error of DynamoDB says what failed, and not at which address. The SDK still sees the
// error itself.
func TestErrorsTellNoAddress(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	for endpoint, tt := range map[string]struct {
		says string
		is   error
	}{
		"http://127.0.0.1:1":                     {"connection refused", syscall.ECONNREFUSED},
		"http://coatcheck.invalid:8000":          {"looking up the host", nil},
		broken.URL:                               {"EOF", nil},
		"https://" + broken.URL[len("http://"):]: {"server gave HTTP response to HTTPS client", nil},
	} {
		complete(t)
		t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
		client, err := dynamoconfig.Client(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
		if err == nil || !strings.Contains(err.Error(), tt.says) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %v; want %q in it", endpoint, err, tt.says)
			continue
		}
		host, port, _ := net.SplitHostPort(endpoint[strings.Index(endpoint, "//")+2:])
		for _, part := range []string{host, ":" + port} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error quotes %s: %v", endpoint, part, err)
			}
		}
	}
}
