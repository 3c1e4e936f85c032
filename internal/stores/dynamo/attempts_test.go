package dynamo

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

func TestCountAttempts(t *testing.T) {
	proxy := dynamotest.NewProxy(t)
	client := dynamotest.Client(t, proxy.URL)
	once := func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }
	const lost, refused = dynamotest.LoseAnswer, dynamotest.Refuse
	for _, test := range []struct {
		name    string
		faults  []dynamotest.Fault
		options []func(*dynamodb.Options)
		want    int
		ok      bool
	}{
		{name: "answered at once", want: 1, ok: true},
		{name: "one answer lost", faults: []dynamotest.Fault{lost}, want: 2, ok: true},
		{name: "given up", faults: []dynamotest.Fault{refused, lost, refused}, want: 3},
		{name: "retries off", faults: []dynamotest.Fault{lost}, options: []func(*dynamodb.Options){once}, want: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy.Fail("ListTables", test.faults...)
			attempts, count := CountAttempts()
			_, err := client.ListTables(t.Context(), nil, append(test.options, count)...)
			if *attempts != test.want || (err == nil) != test.ok {
				t.Errorf("%d attempts, error %v; want %d, ok %v", *attempts, err, test.want, test.ok)
			}
			if sent := len(proxy.Take()); sent != test.want {
				t.Errorf("%d requests arrived, want %d", sent, test.want)
			}
		})
	}
}

func TestCountAttemptsBelongsToOneCall(t *testing.T) {
	client := dynamotest.Client(t, dynamotest.Endpoint(t))
	attempts, count := CountAttempts()
	for _, options := range [][]func(*dynamodb.Options){{count}, nil} {
		if _, err := client.ListTables(t.Context(), nil, options...); err != nil {
			t.Fatal(err)
		}
	}
	if *attempts != 1 {
		t.Errorf("%d attempts, want 1: the second call had no counter", *attempts)
	}
}
