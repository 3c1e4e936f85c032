package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// adapterTable is an invocation from the bytes of the event to the bytes of the answer, for each
// kind of event, each method, and each adapter that can read the kind. The handler is the same for
// all.
var adapterTable = table{
	name:    "adapter",
	modules: []string{"github.com/awslabs/aws-lambda-go-api-proxy", "github.com/aws/aws-lambda-go"},
	measure: func(t *testing.T) grid {
		g := grid{head: []string{"", "CPU", "CPU µs", "bytes", "allocations"}}
		h := http.HandlerFunc(serve)
		ours := adapter{"Coatcheck", lambdahttp.Handler(h)}
		stream := adapter{"Coatcheck, streaming", lambdahttp.StreamingHandler(h)}
		url := adapter{"lambdaurl", lambda.NewHandler(lambdaurl.Wrap(h))}
		v1 := adapter{"api-proxy", lambda.NewHandler(httpadapter.New(h).ProxyWithContext)}
		v2 := adapter{"api-proxy", lambda.NewHandler(httpadapter.NewV2(h).ProxyWithContext)}
		alb := adapter{"api-proxy", lambda.NewHandler(httpadapter.NewALB(h).ProxyWithContext)}
		for _, kind := range []struct {
			name, file string
			adapters   []adapter
		}{
			{"HTTP API", "http-api", []adapter{ours, v2}},
			{"function URL", "function-url", []adapter{ours, stream, v2, url}},
			{"HTTP API 1.0", "http-api-1", []adapter{ours, v1}},
			{"REST API", "rest-api", []adapter{ours, stream, v1}},
			{"load balancer", "load-balancer", []adapter{ours, alb}},
			{"load balancer, headers with many values", "load-balancer-multi", []adapter{ours, alb}},
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				event := adapterEvent(t, kind.file, method)
				var cases []func(n int)
				for _, adapter := range kind.adapters {
					cases = append(cases, adapter.invocations(t, event))
				}
				measured := inTurn(cases)
				for i, s := range measured {
					g.add(kind.name+", "+method+": "+kind.adapters[i].name, times(s.ratio(measured[0], cpu)), number(s.quiet(cpu)/1000), number(s.median(heap)), number(s.median(allocs)))
				}
			}
		}
		return g
	},
}

func (a adapter) invocations(t *testing.T, event []byte) func(n int) {
	return func(n int) {
		for range n {
			answer, err := a.Invoke(t.Context(), event)
			if err == nil && !bytes.Contains(answer, []byte("theme=light")) {
				err = fmt.Errorf("answered %s", answer)
			}
			if err != nil {
				t.Fatalf("%s: %v", a.name, err)
			}
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
func adapterEvent(t *testing.T, kind, method string) []byte {
	event, err := os.ReadFile("testdata/" + kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		event = bytes.ReplaceAll(event, []byte(`"GET"`), []byte(`"POST"`))
		body, _ := json.Marshal(`{"username": "alice", "preferences": {"theme": "light", "language": "en"}, "note": "` + string(bytes.Repeat([]byte("n"), 300)) + `"}`)
		event = bytes.Replace(event, []byte(`"body": null`), append([]byte(`"body": `), body...), 1)
	}
	return event
}
