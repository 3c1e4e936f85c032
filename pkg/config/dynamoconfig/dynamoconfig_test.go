package dynamoconfig_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// complete sets the variables that a program needs, and malforms those that are not
// for sessions.
func complete(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"SESSIONS_TABLE": "sessions", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "",
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"PUBLIC_ORIGIN": "null", "BRAND_COLORS": "blue", "ATTEMPTS_LADDER": "10", "PASSWORD_PEPPERS": "2025",
	} {
		t.Setenv(name, value)
	}
}

// A program with sessions needs no variable of the product's other parts, and does not
// read them.
func TestOpen(t *testing.T) {
	complete(t)
	env, err := dynamoconfig.Open(t.Context(), nil)
	if err != nil || env.Client == nil || env.Store == nil || env.Sessions == nil {
		t.Fatalf("%+v, %v", env, err)
	}
}

// The client has the options of dynamostore: without them it would log beside the program.
func TestClientOptions(t *testing.T) {
	complete(t)
	client, err := dynamoconfig.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want dynamodb.Options
	dynamostore.ClientOptions(&want)
	if got := client.Options(); got.Logger != want.Logger {
		t.Errorf("the logger is %T, want %T", got.Logger, want.Logger)
	}
}

// An error names the variable that is missing or malformed.
func TestOpenNamesTheVariable(t *testing.T) {
	for name, value := range map[string]string{"SESSIONS_TABLE": "", "AWS_REGION": "", "SESSION_KEYS": "c2hvcnQ=", "SESSION_LIFETIME": "a day"} {
		t.Run(name, func(t *testing.T) {
			complete(t)
			t.Setenv(name, value)
			if _, err := dynamoconfig.Open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%q: %v", name, value, err)
			}
		})
	}
}

// A start waits two seconds at most for a call that hangs.
func TestWarmUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		dynamoconfig.WarmUp(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if waited := time.Since(began); waited != 2*time.Second {
			t.Errorf("waited for %v", waited)
		}
	})
}

func TestClientNeedsARegion(t *testing.T) {
	complete(t)
	t.Setenv("AWS_REGION", "")
	if _, err := dynamoconfig.Client(t.Context()); err == nil || !strings.Contains(err.Error(), "AWS_REGION") {
		t.Fatalf("error %v does not name AWS_REGION", err)
	}
}

// An endpoint has a scheme, a host and perhaps a path. The error about another one does
// not show it, since it may hold a password.
func TestClientNeedsAPlainEndpoint(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"": true, "http://localhost:8000": true, "https://[::1]:8000/path": true,
		"http://user:hunter2@localhost": false, "http://localhost?key=hunter2": false, "http://localhost#hunter2": false,
		"ftp://hunter2": false, "http:///hunter2": false, "hunter2:8000": false,
	} {
		for _, name := range []string{"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"} {
			t.Run(name+"="+endpoint, func(t *testing.T) {
				complete(t)
				t.Setenv(name, endpoint)
				_, err := dynamoconfig.Client(t.Context())
				if (err == nil) != ok || err != nil && (!strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2")) {
					t.Errorf("%v", err)
				}
			})
		}
	}
}
