// Package lambdaconfig makes the configuration of AWS's clients in a Lambda function, from the
// environment variables that Lambda sets. The SDK's own config.LoadDefaultConfig also looks
// for profiles, single sign-on, roles to assume and the metadata of an EC2 instance. None of
// that is in a Lambda function, and the clients that it brings for it make each cold start a
// third slower. A program elsewhere calls LoadDefaultConfig.
//
// This package may still change in ways that break programs.
package lambdaconfig

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"example.com/coatcheck/internal/stores/loopback"
)

// AWS returns the configuration for NewFromConfig of any of the SDK's clients. It makes no call.
// These variables mean what they mean to LoadDefaultConfig, and no others are read:
//
//   - AWS_REGION, or AWS_DEFAULT_REGION
//   - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
//   - if there are no such keys, AWS_CONTAINER_CREDENTIALS_FULL_URI with
//     AWS_CONTAINER_AUTHORIZATION_TOKEN or AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, from where
//     keys are fetched again before they expire: Lambda sets these where keys in the
//     environment could expire
//   - AWS_ENDPOINT_URL, that of one service such as AWS_ENDPOINT_URL_DYNAMODB, and
//     AWS_IGNORE_CONFIGURED_ENDPOINT_URLS
//   - AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT and AWS_CA_BUNDLE
//   - AWS_MAX_ATTEMPTS and AWS_RETRY_MODE
//
// The error names the variable that is missing or malformed, and quotes no key.
func AWS() (aws.Config, error) {
	cfg := aws.Config{Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))}
	if cfg.Region == "" {
		return cfg, errors.New("AWS_REGION is not set; Lambda sets it")
	}
	var endpoints endpoints
	var noKeys, noFile, noNumber, noMode error
	cfg.Credentials, noKeys = credentials()
	cfg.HTTPClient, noFile = client(os.Getenv("AWS_CA_BUNDLE"))
	cfg.RetryMaxAttempts, noNumber = attempts(os.Getenv("AWS_MAX_ATTEMPTS"))
	cfg.RetryMode, noMode = retryMode(os.Getenv("AWS_RETRY_MODE"))
	if err := errors.Join(noKeys, noFile, noNumber, noMode, endpoints.read()); err != nil {
		return cfg, err
	}
	if url := os.Getenv("AWS_ENDPOINT_URL"); url != "" && !endpoints.ignored {
		cfg.BaseEndpoint = &url
	}
	cfg.ConfigSources = []any{endpoints}
	return cfg, nil
}

// credentials returns what signs the calls.
func credentials() (aws.CredentialsProvider, error) {
	keys := aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"), Source: "the environment",
	}
	if keys.HasKeys() {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil }), nil
	}
	const variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	address := os.Getenv(variable)
	if address == "" {
		return nil, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, nor is " + variable +
			"; Lambda sets them. Elsewhere a program makes its client with the SDK's config.LoadDefaultConfig")
	}
	if !private(address) {
		return nil, errors.New(variable + " is neither an https URL nor an http URL of this machine; " +
			"keys are not fetched from it, since others could read them. It is not shown, since it may hold a secret")
	}
	provider := endpointcreds.New(address, func(o *endpointcreds.Options) {
		o.AuthorizationToken = os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")
		if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				token, err := os.ReadFile(file)
				return string(token), err
			})
		}
	})
	return aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = 5 * time.Minute }), nil
}

// private reports whether nobody else can read what is fetched from the address: that of this
// machine, of the agents of ECS and EKS, or any by https. The SDK has the same rule.
func private(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return false
	}
	switch u.Hostname() {
	case "169.254.170.2", "169.254.170.23", "fd00:ec2::23":
		return true
	}
	return u.Scheme == "https" || u.Scheme == "http" && loopback.Host(u.Hostname())
}

// client returns a client that trusts the certificates in the file, and nil, for which the SDK
// takes its own, if there is no file.
func client(file string) (aws.HTTPClient, error) {
	if file == "" {
		return nil, nil
	}
	bundle, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("AWS_CA_BUNDLE: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("AWS_CA_BUNDLE: the file %s has no certificate in PEM", file)
	}
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.RootCAs = roots
	}), nil
}

// attempts returns how often a call is sent at most, and 0, for which the SDK takes its own
// number, if none is set.
func attempts(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("AWS_MAX_ATTEMPTS is %q, which is no whole number from 1; write such as 3", text)
	}
	return n, nil
}

// retryMode returns how calls are sent again, and "", for which the SDK takes its own mode, if
// none is set.
func retryMode(text string) (aws.RetryMode, error) {
	if text == "" {
		return "", nil
	}
	mode, err := aws.ParseRetryMode(text)
	if err != nil {
		return "", fmt.Errorf("AWS_RETRY_MODE is %q; write standard or adaptive", text)
	}
	return mode, nil
}

// endpoints says at which address a service is called. Clients ask it by the methods below.
type endpoints struct{ ignored, fips, dualStack bool }

func (e *endpoints) read() error {
	var problems []error
	for name, value := range map[string]*bool{
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": &e.ignored, "AWS_USE_FIPS_ENDPOINT": &e.fips, "AWS_USE_DUALSTACK_ENDPOINT": &e.dualStack,
	} {
		switch text := os.Getenv(name); {
		case strings.EqualFold(text, "true"):
			*value = true
		case text != "" && !strings.EqualFold(text, "false"):
			problems = append(problems, fmt.Errorf("%s is %q; write true or false", name, text))
		}
	}
	return errors.Join(problems...)
}

// GetIgnoreConfiguredEndpoints tells clients whether the variables with endpoints count.
func (e endpoints) GetIgnoreConfiguredEndpoints(context.Context) (ignored, found bool, err error) {
	return e.ignored, true, nil
}

// GetServiceBaseEndpoint returns the endpoint in the variable of one service, if it is set.
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (endpoint string, found bool, err error) {
	endpoint = os.Getenv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(service)))
	return endpoint, endpoint != "", nil
}

// GetUseFIPSEndpoint tells clients whether they call endpoints whose cryptography is validated by FIPS 140.
func (e endpoints) GetUseFIPSEndpoint(context.Context) (state aws.FIPSEndpointState, found bool, err error) {
	if e.fips {
		return aws.FIPSEndpointStateEnabled, true, nil
	}
	return aws.FIPSEndpointStateUnset, false, nil
}

// GetUseDualStackEndpoint tells clients whether they call endpoints that have IPv6 too.
func (e endpoints) GetUseDualStackEndpoint(context.Context) (state aws.DualStackEndpointState, found bool, err error) {
	if e.dualStack {
		return aws.DualStackEndpointStateEnabled, true, nil
	}
	return aws.DualStackEndpointStateUnset, false, nil
}
