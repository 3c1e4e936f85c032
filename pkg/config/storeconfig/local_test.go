//go:build !nosqlite && !nopostgres && !noredis && !nodynamodb

package storeconfig

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write writes a file and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOneWord: the stores that are named by one word are named by nothing else. An
// address with more is refused, and not taken for memory by one program and not by the
// other, or for tables that the user did not name.
func TestOneWord(t *testing.T) {
	for _, address := range []string{"memory:", "memory:c4nary", "memory://", "dynamodb:", "dynamodb:c4nary", "dynamodb://localhost:8000/c4nary"} {
		s, err := Open(t.Context(), address)
		if err == nil {
			s.Close()
			t.Errorf("%s is taken", address)
			continue
		}
		if word, _, _ := strings.Cut(address, ":"); !strings.Contains(err.Error(), "write "+word+",") || strings.Contains(err.Error(), "c4nary") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestLocal: stores are local only if every server that the driver may call is certainly
// on this machine. The address, the environment and files of configuration all count.
func TestLocal(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGSERVICE", "PGSERVICEFILE", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	services := write(t, "[here]\nhost=localhost\n[there]\nhost=db.example\n[both]\nhost=localhost,db.example\n")
	profiles := write(t, "[default]\nregion = eu-west-1\n[profile here]\nregion = eu-west-1\nservices = local\n[services local]\ndynamodb =\n  endpoint_url = http://localhost:8000\n"+
		"[profile there]\nregion = eu-west-1\nendpoint_url = http://localhost.example:8000\n")
	for _, test := range []struct {
		address string
		env     []string // pairs of a name and a value
		want    bool
	}{
		{"memory", nil, true},
		{"sqlite:/tmp/x.db", nil, true},

		{"postgres://localhost/x", nil, true},
		{"postgresql://LOCALHOST:5433/x", nil, true},
		{"postgres://u:p@127.0.0.1/x", nil, true},
		{"postgres://[::1]:5432/x", nil, true},
		{"postgres://[::ffff:127.0.0.1]/x", nil, true},
		{"postgres:///x?host=/var/run/postgresql", nil, true},
		{"postgres:///x?host=127.0.0.1&port=6000", nil, true},
		{"postgres://localhost,127.0.0.1:5433/x", nil, true},
		{"postgres:///x", nil, true}, // the default of the driver: a socket, or localhost
		{"postgres:///x", []string{"PGHOST", "127.0.0.1"}, true},
		{"postgres:///x", []string{"PGSERVICE", "here", "PGSERVICEFILE", services}, true},
		{"postgres://localhost/x?service=there&servicefile=" + services, nil, true}, // what the address says wins
		{"postgres:///x?service=here&servicefile=" + services, nil, true},
		{"postgres://db.example/x", nil, false},
		{"postgres://localhost.example/x", nil, false},
		{"postgres://localhost@db.example/x", nil, false},
		{"postgres://localhost/x?host=db.example", nil, false},
		{"postgres://localhost,db.example/x", nil, false},
		{"postgres://db.example,localhost/x", nil, false},
		{"postgres://localhost/x?host=localhost,db.example", nil, false},
		{"postgres://0.0.0.0/x", nil, false},
		{"postgres://10.0.0.1/x", nil, false},
		{"postgres://[::ffff:10.0.0.1]/x", nil, false},
		{"postgres:///x", []string{"PGHOST", "db.example"}, false},
		{"postgres:///x", []string{"PGHOST", "localhost,db.example"}, false},
		{"postgres:///x", []string{"PGSERVICE", "there", "PGSERVICEFILE", services}, false},
		{"postgres:///x", []string{"PGSERVICE", "both", "PGSERVICEFILE", services}, false},
		{"postgres:///x?service=there&servicefile=" + services, nil, false},

		{"redis://", nil, true}, // the default of the driver: localhost
		{"redis://localhost", nil, true},
		{"redis://:6380/1", nil, true},
		{"redis://u:p@127.0.0.1:6379", nil, true},
		{"rediss://[::1]", nil, true},
		{"redis://redis.example", nil, false},
		{"redis://localhost.example", nil, false},
		{"redis://localhost@redis.example:6379", nil, false},
		{"redis://0.0.0.0:6379", nil, false},
		{"redis://[::ffff:10.0.0.1]:6379", nil, false},

		{"dynamodb", nil, false},
		{"dynamodb", []string{"AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000"}, true},
		{"dynamodb", []string{"AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:8000/"}, true},
		{"dynamodb", []string{"AWS_ENDPOINT_URL", "http://[::1]:8000"}, true},
		{"dynamodb", []string{"AWS_CONFIG_FILE", profiles, "AWS_PROFILE", "here"}, true},
		{"dynamodb", []string{"AWS_CONFIG_FILE", profiles, "AWS_PROFILE", "there"}, false},
		{"dynamodb", []string{"AWS_ENDPOINT_URL_DYNAMODB", "http://localhost.example:8000"}, false},
		{"dynamodb", []string{"AWS_ENDPOINT_URL_DYNAMODB", "http://localhost@db.example"}, false},
		{"dynamodb", []string{"AWS_ENDPOINT_URL_DYNAMODB", "http://dynamodb:8000"}, false},
		{"dynamodb", []string{"AWS_ENDPOINT_URL", "http://localhost:8000", "AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.eu-west-1.amazonaws.com"}, false},
		{"dynamodb", []string{"AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}, false},
	} {
		t.Run(test.address, func(t *testing.T) {
			t.Setenv("AWS_CONFIG_FILE", os.DevNull)
			for i := 0; i < len(test.env); i += 2 {
				t.Setenv(test.env[i], test.env[i+1])
			}
			s, err := Open(t.Context(), test.address)
			if err != nil && !test.want {
				return // an address that is refused is not local either
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := s.Local(); got != test.want {
				t.Errorf("with %q local is %v, want %v", test.env, got, test.want)
			}
		})
	}
}
