package storetimes_test

import (
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/storetimes"
)

// A program measures the calls of its client in each request. This is not run: it serves and
// needs a DynamoDB.
func Example() {
	client := dynamodb.New(dynamodb.Options{Region: "eu-west-1"}, func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, storetimes.Measure)
	})
	http.HandleFunc("GET /tables", func(w http.ResponseWriter, r *http.Request) {
		if _, err := client.ListTables(r.Context(), nil); err != nil {
			http.Error(w, "Try again in a moment.", http.StatusServiceUnavailable)
		}
	})
	times := storetimes.New("Shop", slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	log.Fatal(http.ListenAndServe("localhost:8080", times.Handler(http.DefaultServeMux)))
}
