package functions_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// atOnce is how many requests one process of a function has at the same time.
const atOnce = 8

// managed serves AWS Lambda's runtime API to a function on Managed Instances, which asks
// for several events at the same time. It gives no event before the function has asked
// atOnce times.
type managed struct {
	asked   chan chan invocation
	answers chan answer
}

type invocation struct{ id, event string }

func (m *managed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/invocation/next") {
		give := make(chan invocation)
		select {
		case m.asked <- give:
		case <-r.Context().Done():
			return
		}
		in := <-give
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", in.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(testTimeout).UnixMilli()))
		io.WriteString(w, in.event)
		return
	}
	body, _ := io.ReadAll(r.Body)
	m.answers <- answer{r.URL.Path, string(body)}
	w.WriteHeader(http.StatusAccepted)
}

// round gives the events to a function that waits for all of them, and returns the
// answers by the IDs of the invocations.
func (m *managed) round(t *testing.T, exited chan struct{}, events []invocation) map[string]gatewayResponse {
	t.Helper()
	var waiting []chan invocation
	for range events {
		select {
		case give := <-m.asked:
			waiting = append(waiting, give)
		case <-exited:
			t.Fatal("the function has ended")
		case <-time.After(testTimeout):
			t.Fatalf("the function asks for %d events at the same time, want %d", len(waiting), len(events))
		}
	}
	for i, give := range waiting {
		give <- events[i]
	}
	answers := map[string]gatewayResponse{}
	for range events {
		select {
		case a := <-m.answers:
			var response gatewayResponse
			if err := json.Unmarshal([]byte(a.body), &response); err != nil {
				t.Errorf("%v in %s", err, a.body)
			}
			answers[strings.TrimSuffix(strings.TrimPrefix(a.path, "/2018-06-01/runtime/invocation/"), "/response")] = response
		case <-exited:
			t.Fatal("the function has ended")
		case <-time.After(testTimeout):
			t.Fatalf("%d answers, want %d", len(answers), len(events))
		}
	}
	return answers
}

// TestManagedInstances: one process of the deployed program answers the requests of
// different users at the same time, each with its own user, as Lambda Managed Instances
// have it.
func TestManagedInstances(t *testing.T) {
	t.Parallel()
	template := dynamotest.Template(t)
	s := &stack{template: template, tables: dynamotest.Tables(t), proxy: dynamotest.NewProxy(t)}
	tokens := s.sessions(t, atOnce)

	lambda := &managed{asked: make(chan chan invocation), answers: make(chan answer, atOnce)}
	server := httptest.NewServer(lambda)
	function := template.Functions["ProfileFunction"]
	log := testenv.NewLogFile(t)
	cmd := exec.CommandContext(t.Context(), binary(function))
	cmd.Stdout, cmd.Stderr = log.File, log.File
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_LAMBDA_LOG_FORMAT=JSON",
		fmt.Sprint("AWS_LAMBDA_MAX_CONCURRENCY=", atOnce),
	}
	for name, value := range s.environment(function, nil) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		close(exited)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		server.Close()
		checkLog(t, log.String())
		if t.Failed() {
			t.Logf("log of the function:\n%s", log.String())
		}
	})

	for round := range 3 {
		var events []invocation
		for user, token := range tokens {
			r := httptest.NewRequest("GET", "https://app.example.com/profile", nil)
			r.Header.Set("Cookie", "__Host-SESSIONID="+token)
			events = append(events, invocation{fmt.Sprint(user, "/", round), event(t, "ANY /profile", r, nil)})
		}
		for id, response := range lambda.round(t, exited, events) {
			user, _, _ := strings.Cut(id, "/")
			if response.StatusCode != http.StatusOK || !strings.Contains(response.Body, `"user_id":"`+user+`"`) {
				t.Errorf("the request of %s was answered %d, %s", user, response.StatusCode, response.Body)
			}
		}
	}
}

// sessions makes a session for each of n users, and returns their tokens by user ID.
func (s *stack) sessions(t *testing.T, n int) map[string]string {
	t.Helper()
	store := dynamostore.New(dynamotest.Client(t, dynamotest.Endpoint(t)), s.tables["SessionsTable"])
	manager, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{}
	for i := range n {
		user, w := fmt.Sprint("user-", i), httptest.NewRecorder()
		if _, err := manager.Create(w, httptest.NewRequest("POST", "/login", nil), session.User{ID: user}); err != nil {
			t.Fatal(err)
		}
		cookie, err := http.ParseSetCookie(w.Header().Get("Set-Cookie"))
		if err != nil {
			t.Fatal(err)
		}
		tokens[user] = cookie.Value
	}
	return tokens
}
