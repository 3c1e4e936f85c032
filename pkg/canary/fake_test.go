package canary

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// secretsManager keeps one secret as Secrets Manager does: versions that never change, and
// stages that each stand at one of them.
// https://docs.aws.amazon.com/secretsmanager/latest/apireference
type secretsManager struct {
	mu       sync.Mutex
	versions map[string]stored
	stages   map[string]string // the ID of a version, by the name of the stage
}

type stored struct {
	text string
	made time.Time
}

// hold returns a Secrets Manager that has a secret since then.
func hold(text string, since time.Time) *secretsManager {
	return &secretsManager{versions: map[string]stored{"first-version-of-the-secret-32-c": {text, since}}, stages: map[string]string{"AWSCURRENT": "first-version-of-the-secret-32-c"}}
}

// clientOf returns a client that makes each call once.
func clientOf(url string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), Retryer: aws.NopRetryer{},
	})
}

type call struct {
	SecretID            string `json:"SecretId"`
	VersionID           string `json:"VersionId"`
	VersionStage        string
	VersionStages       []string
	ClientRequestToken  string
	SecretString        string
	RemoveFromVersionID string `json:"RemoveFromVersionId"`
	MoveToVersionID     string `json:"MoveToVersionId"`
}

func (m *secretsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var in call
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.SecretID != "canary" {
		answer(w, http.StatusBadRequest, map[string]any{"__type": "InvalidParameterException"})
		return
	}
	answers := map[string]func(call) (fault string, out map[string]any){"GetSecretValue": m.get, "PutSecretValue": m.put, "UpdateSecretVersionStage": m.move}
	fault, out := answers[strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")](in)
	if fault != "" {
		answer(w, http.StatusBadRequest, map[string]any{"__type": fault})
		return
	}
	answer(w, http.StatusOK, out)
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func (m *secretsManager) get(in call) (string, map[string]any) {
	id := in.VersionID
	if id == "" {
		id = m.stages[in.VersionStage]
	}
	v, ok := m.versions[id]
	if !ok {
		return "ResourceNotFoundException", nil
	}
	return "", map[string]any{"VersionId": id, "SecretString": v.text, "CreatedDate": float64(v.made.Unix())}
}

func (m *secretsManager) put(in call) (string, map[string]any) {
	if v, ok := m.versions[in.ClientRequestToken]; ok && v.text != in.SecretString {
		return "ResourceExistsException", nil
	} else if !ok {
		if len(in.ClientRequestToken) < 32 || len(in.ClientRequestToken) > 64 || !slices.Equal(in.VersionStages, []string{"AWSPENDING"}) {
			return "InvalidParameterException", nil
		}
		m.versions[in.ClientRequestToken] = stored{in.SecretString, time.Now()}
		m.stages["AWSPENDING"] = in.ClientRequestToken
	}
	return "", map[string]any{"VersionId": in.ClientRequestToken}
}

func (m *secretsManager) move(in call) (string, map[string]any) {
	if _, ok := m.versions[in.MoveToVersionID]; !ok {
		return "ResourceNotFoundException", nil
	}
	if m.stages[in.VersionStage] != in.RemoveFromVersionID {
		return "InvalidParameterException", nil
	}
	m.stages["AWSPREVIOUS"], m.stages[in.VersionStage] = in.RemoveFromVersionID, in.MoveToVersionID
	return "", map[string]any{}
}

// current returns the current value.
func (m *secretsManager) current() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.versions[m.stages["AWSCURRENT"]].text
}

// cut ends a run at one of its requests, as a process ends: that request and all later ones
// have no answer. Whether what it asks for is done is for done to say.
type cut struct {
	at   int // the number of the request, from 1 on; 0 means never
	done bool

	mu   sync.Mutex
	seen []string
}

// serve returns the address of a server that answers as next does, up to the cut.
func (c *cut) serve(t *testing.T, next http.Handler) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.seen = append(c.seen, r.Method+" "+r.URL.Path+" "+strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager."))
		n := len(c.seen)
		c.mu.Unlock()
		switch {
		case c.at == 0 || n < c.at:
			next.ServeHTTP(w, r)
		case n == c.at && c.done:
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// requests returns what was asked for.
func (c *cut) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}
