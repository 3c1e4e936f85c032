package bench_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdaurl"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"example.com/coatcheck/pkg/lambdahttp"
)

// adapter is one way to serve an http.Handler from Lambda.
type adapter struct {
	name string
	lambda.Handler
}

// BenchmarkAdapter measures an invocation from the bytes of the event to the bytes of the
// answer, for each kind of event, each method, and each adapter that can read the kind. The
// handler is the same for all.
func BenchmarkAdapter(b *testing.B) {
	h := http.HandlerFunc(serve)
	ours := adapter{"coatcheck", lambdahttp.Handler(h)}
	stream := adapter{"coatcheck-stream", lambdahttp.StreamingHandler(h)}
	url := adapter{"lambdaurl", lambda.NewHandler(lambdaurl.Wrap(h))}
	v1 := adapter{"api-proxy", lambda.NewHandler(httpadapter.New(h).ProxyWithContext)}
	v2 := adapter{"api-proxy", lambda.NewHandler(httpadapter.NewV2(h).ProxyWithContext)}
	alb := adapter{"api-proxy", lambda.NewHandler(httpadapter.NewALB(h).ProxyWithContext)}
	for _, kind := range []struct {
		name     string
		adapters []adapter
	}{
		{"http-api", []adapter{ours, v2}},
		{"function-url", []adapter{ours, stream, v2, url}},
		{"http-api-1", []adapter{ours, v1}},
		{"rest-api", []adapter{ours, stream, v1}},
		{"load-balancer", []adapter{ours, alb}},
		{"load-balancer-multi", []adapter{ours, alb}},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			event := adapterEvent(b, kind.name, method)
			for _, adapter := range kind.adapters {
				b.Run(kind.name+"/"+method+"/"+adapter.name, func(b *testing.B) { adapter.measure(b, event) })
			}
		}
	}
}

func (a adapter) measure(b *testing.B, event []byte) {
	b.ReportAllocs()
	for b.Loop() {
		answer, err := a.Invoke(b.Context(), event)
		if err != nil || !bytes.Contains(answer, []byte("theme=light")) {
			b.Fatalf("answered %s, %v", answer, err)
		}
	}
}

// serve reads the request, and answers a small document and a cookie.
func serve(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Set-Cookie", "theme=light; Path=/; Secure")
	io.WriteString(w, `{"user_id": "u1", "display_name": "Alice"}`)
}

// adapterEvent returns testdata's event with the method. For POST it has a JSON body.
func adapterEvent(b *testing.B, kind, method string) []byte {
	event, err := os.ReadFile("testdata/" + kind + ".json")
	if err != nil {
		b.Fatal(err)
	}
	if method == "POST" {
		event = bytes.ReplaceAll(event, []byte(`"GET"`), []byte(`"POST"`))
		body, _ := json.Marshal(`{"username": "alice", "preferences": {"theme": "light", "language": "en"}, "note": "` + string(bytes.Repeat([]byte("n"), 300)) + `"}`)
		event = bytes.Replace(event, []byte(`"body": null`), append([]byte(`"body": `), body...), 1)
	}
	return event
}
