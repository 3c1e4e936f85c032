// Package dynamotest provides DynamoDB for tests. Each package under test has its own
// DynamoDB Local. Each test has its own tables, as in template.yaml. A [Proxy] records
// the calls and makes them fail.
package dynamotest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/local/dynamolocal"
	"example.com/coatcheck/internal/local/samtemplate"
)

// local is the only DynamoDB Local of this test process. Its start takes one or two
// seconds, so the tests share it. Only Main can know when the last test is done.
var local struct {
	sync.Mutex
	server *dynamolocal.Server
	err    error
}

// Main runs the tests of a package. If the tests have started a DynamoDB Local, Main
// then stops it. Call Main from TestMain and return.
func Main(m interface{ Run() int }) {
	m.Run()
	local.Lock()
	defer local.Unlock()
	if local.server != nil {
		local.server.Stop()
	}
}

// Variable is the environment variable with the URL of a DynamoDB for the tests. If it
// is empty, the tests start a DynamoDB Local themselves.
const Variable = "DYNAMODB_ENDPOINT"

// Endpoint returns the URL of the DynamoDB for the tests. It is that of [Variable] if
// that is set. Otherwise it is a DynamoDB Local, which the first call starts.
func Endpoint(tb testing.TB) string {
	tb.Helper()
	if endpoint := os.Getenv(Variable); endpoint != "" {
		return endpoint
	}
	local.Lock()
	defer local.Unlock()
	if local.server == nil && local.err == nil {
		folder := filepath.Join(root(tb), ".cache", "dynamodb-local")
		local.server, local.err = dynamolocal.Start(context.Background(), folder, dynamolocal.Options{})
	}
	if local.err != nil {
		tb.Fatal(local.err)
	}
	return local.server.Endpoint
}

// Client returns a client for the endpoint that reads nothing from the environment.
// Like the SDK's default client, it tries a call three times, but it waits only a
// millisecond between the tries.
func Client(tb testing.TB, endpoint string) *dynamodb.Client {
	tb.Helper()
	return dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       "eu-west-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return time.Millisecond, nil })
		}),
	})
}

// Tables creates the tables of template.yaml, those of it in which these conditions hold,
// under names that no other test uses, and
// deletes them when the test is done. It returns the names by logical ID. The tables
// have no TTL, so DynamoDB keeps expired items, and the code under test must refuse
// them. With TTL, DynamoDB Local removes expired items within about ten seconds.
func Tables(tb testing.TB, conditions ...string) map[string]string {
	tb.Helper()
	names := map[string]string{}
	for id, table := range Template(tb, conditions...).Tables {
		names[id] = create(tb, id, table)
	}
	return names
}

// Table does the same for the one table with the logical ID, and returns its name. The table
// needs no condition.
func Table(tb testing.TB, id string) string {
	tb.Helper()
	table, ok := Template(tb).Tables[id]
	if !ok {
		tb.Fatalf("template.yaml has no %s that needs no condition", id)
	}
	return create(tb, id, table)
}

func create(tb testing.TB, id string, table samtemplate.Table) string {
	tb.Helper()
	client, name := Client(tb, Endpoint(tb)), fmt.Sprintf("%s-%s", id, rand.Text())
	if _, err := client.CreateTable(tb.Context(), table.CreateInput(name)); err != nil {
		tb.Fatalf("creating %s: %v", id, err)
	}
	tb.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			tb.Errorf("deleting %s: %v", id, err)
		}
	})
	return name
}

// templates has what Template has returned, by its conditions.
var templates sync.Map

// Template returns template.yaml as it is if these conditions hold. It is read once; nobody
// may change it.
func Template(tb testing.TB, conditions ...string) *samtemplate.Template {
	tb.Helper()
	key := strings.Join(conditions, " ")
	if before, ok := templates.Load(key); ok {
		return before.(*samtemplate.Template)
	}
	template, err := samtemplate.Read(filepath.Join(root(tb), "template.yaml"), conditions...)
	if err != nil {
		tb.Fatal(err)
	}
	templates.Store(key, template)
	return template
}

// root returns the folder of template.yaml. It searches from the working directory upwards,
// because tests run in the folder of their package.
func root(tb testing.TB) string {
	tb.Helper()
	folder, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "template.yaml")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			tb.Fatal("no template.yaml in the working directory or above")
		}
		folder = parent
	}
}
