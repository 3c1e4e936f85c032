package lambdaconfig_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"example.com/coatcheck/pkg/config/lambdaconfig"
)

// complete sets what Lambda sets, and takes away all that this machine has for AWS.
func complete(t *testing.T, more ...string) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // so that it comes back
			os.Unsetenv(name)
		}
	}
	for _, variable := range append([]string{
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
	}, more...) {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
}

// A variable means what it means to the SDK: clients are the same with its own configuration.
func TestLikeTheSDK(t *testing.T) {
	for _, variables := range []string{
		"", "AWS_REGION= AWS_DEFAULT_REGION=us-east-1", "AWS_SESSION_TOKEN=",
		"AWS_ENDPOINT_URL=http://localhost:1", "AWS_ENDPOINT_URL=", "AWS_ENDPOINT_URL_DYNAMODB=", "AWS_ENDPOINT_URL_DYNAMODB=http://localhost:2",
		"AWS_ENDPOINT_URL=http://localhost:1 AWS_ENDPOINT_URL_DYNAMODB=http://localhost:2",
		"AWS_ENDPOINT_URL=http://localhost:1 AWS_ENDPOINT_URL_SECRETS_MANAGER=http://localhost:3",
		"AWS_ENDPOINT_URL=http://localhost:1 AWS_ENDPOINT_URL_DYNAMODB=http://localhost:2 AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true",
		"AWS_ENDPOINT_URL_DYNAMODB=http://localhost:2 AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=FALSE",
		"AWS_USE_FIPS_ENDPOINT=true", "AWS_USE_DUALSTACK_ENDPOINT=True", "AWS_USE_FIPS_ENDPOINT=false AWS_USE_DUALSTACK_ENDPOINT=false",
		"AWS_MAX_ATTEMPTS=7", "AWS_MAX_ATTEMPTS=", "AWS_RETRY_MODE=adaptive", "AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=2", "AWS_RETRY_MODE=",
	} {
		t.Run(variables, func(t *testing.T) {
			complete(t, strings.Fields(variables)...)
			ours, err := lambdaconfig.AWS()
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := awsconfig.LoadDefaultConfig(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := describe(t, ours), describe(t, theirs); got != want {
				t.Errorf("\n%+v, the SDK makes\n%+v", got, want)
			}
		})
	}
}

// client is what decides where the calls of two services go, and who signs them.
type client struct {
	region, dynamodb, secrets, id, secret, token string
	fips, dualStack                              bool
	attempts                                     int
	mode                                         string
}

func describe(t *testing.T, cfg aws.Config) client {
	t.Helper()
	d, s := dynamodb.NewFromConfig(cfg).Options(), secretsmanager.NewFromConfig(cfg).Options()
	keys, err := d.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return client{
		d.Region, aws.ToString(d.BaseEndpoint), aws.ToString(s.BaseEndpoint), keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken,
		d.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled, d.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled, d.Retryer.MaxAttempts(), fmt.Sprintf("%s %T", d.RetryMode, d.Retryer),
	}
}

// Where Lambda sets no keys, they are fetched from it, with its token.
func TestKeysAreFetched(t *testing.T) {
	var asked []string
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"AccessKeyId":"fetched","SecretAccessKey":"secret","Token":"token","Expiration":"2126-01-01T00:00:00Z"}`)
	}))
	defer agent.Close()
	file := filepath.Join(t.TempDir(), "token")
	for _, tt := range []struct{ variable, want string }{
		{"AWS_CONTAINER_AUTHORIZATION_TOKEN=one", "one"}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + file, "two"}, {"AWS_CONTAINER_AUTHORIZATION_TOKEN=", ""},
	} {
		complete(t, "AWS_ACCESS_KEY_ID=", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+agent.URL+"/keys", tt.variable)
		cfg, err := lambdaconfig.AWS()
		if err != nil {
			t.Fatal(err)
		}
		if asked != nil {
			t.Fatal("it made a call")
		}
		if err := os.WriteFile(file, []byte("two"), 0o600); err != nil { // it is read when it is needed
			t.Fatal(err)
		}
		for range 2 {
			if keys, err := cfg.Credentials.Retrieve(t.Context()); err != nil || keys.AccessKeyID != "fetched" || keys.SessionToken != "token" {
				t.Fatalf("%+v, %v", keys, err)
			}
		}
		if len(asked) != 1 || asked[0] != tt.want {
			t.Errorf("%s: asked with %q, want one time %q", tt.variable, asked, tt.want)
		}
		asked = nil
	}
}

// Keys in the environment come before those that could be fetched.
func TestKeysOfTheEnvironmentComeFirst(t *testing.T) {
	complete(t, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://localhost:1")
	cfg, err := lambdaconfig.AWS()
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := cfg.Credentials.Retrieve(t.Context()); err != nil || keys.AccessKeyID != "id" {
		t.Errorf("%+v, %v", keys, err)
	}
}

// The client trusts the certificates in AWS_CA_BUNDLE, and no others.
func TestCABundle(t *testing.T) {
	service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		io.WriteString(w, "{}")
	}))
	service.Config.ErrorLog = log.New(io.Discard, "", 0) // of the client that trusts it not
	service.StartTLS()
	defer service.Close()
	file := filepath.Join(t.TempDir(), "bundle.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for bundle, trusted := range map[string]bool{"": false, file: true} {
		complete(t, "AWS_CA_BUNDLE="+bundle, "AWS_ENDPOINT_URL_DYNAMODB="+service.URL, "AWS_MAX_ATTEMPTS=1")
		cfg, err := lambdaconfig.AWS()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dynamodb.NewFromConfig(cfg).ListTables(t.Context(), nil); (err == nil) != trusted {
			t.Errorf("AWS_CA_BUNDLE=%s: %v", bundle, err)
		}
	}
}

// An error names the variable that is missing or malformed, and no secret.
func TestErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ variables, named string }{
		{"AWS_REGION=", "AWS_REGION"},
		{"AWS_ACCESS_KEY_ID=", "AWS_ACCESS_KEY_ID"},
		{"AWS_SECRET_ACCESS_KEY=", "AWS_SECRET_ACCESS_KEY"},
		{"AWS_ACCESS_KEY_ID= AWS_CONTAINER_CREDENTIALS_FULL_URI=http://hunter2.example/", "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		{"AWS_ACCESS_KEY_ID= AWS_CONTAINER_CREDENTIALS_FULL_URI=ftp://localhost/hunter2", "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		{"AWS_ACCESS_KEY_ID= AWS_CONTAINER_CREDENTIALS_FULL_URI=hunter2", "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
		{"AWS_USE_FIPS_ENDPOINT=yes", "AWS_USE_FIPS_ENDPOINT"},
		{"AWS_USE_DUALSTACK_ENDPOINT=1", "AWS_USE_DUALSTACK_ENDPOINT"},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=no", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"},
		{"AWS_MAX_ATTEMPTS=many", "AWS_MAX_ATTEMPTS"}, {"AWS_MAX_ATTEMPTS=0", "AWS_MAX_ATTEMPTS"}, {"AWS_RETRY_MODE=legacy", "AWS_RETRY_MODE"},
		{"AWS_CA_BUNDLE=/nowhere", "AWS_CA_BUNDLE"}, {"AWS_CA_BUNDLE=" + empty, "AWS_CA_BUNDLE"},
	} {
		complete(t, strings.Fields(tt.variables)...)
		_, err := lambdaconfig.AWS()
		if err == nil || !strings.Contains(err.Error(), tt.named) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", tt.variables, err)
		}
	}
}

// Where the agents of ECS and EKS, and others by https, have the keys, the SDK fetches them too.
func TestWhereKeysMayBe(t *testing.T) {
	for _, address := range []string{
		"http://localhost/", "http://127.0.0.1:9001/2021-04-23/credentials", "http://[::1]/", "http://169.254.170.2/v2", "http://169.254.170.23/v1", "http://[fd00:ec2::23]/v1", "https://keys.example/",
	} {
		complete(t, "AWS_ACCESS_KEY_ID=", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+address)
		if _, err := lambdaconfig.AWS(); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
