package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tags are the build tags that leave a store out, by the schemes of its addresses.
var tags = map[string]string{
	"sqlite": "nosqlite", "postgres": "nopostgres", "postgresql": "nopostgres",
	"redis": "noredis", "rediss": "noredis", "dynamodb": "nodynamodb",
}

// without returns the build tags that leave out the bridge and the metrics, and all stores
// except one.
func without(kept string) string {
	all := []string{"nobridge", "nometrics"}
	for scheme, tag := range tags {
		if scheme != kept && tag != "no"+kept {
			all = append(all, tag)
		}
	}
	return strings.Join(all, ",")
}

// TestLeftOutIsNotCompiled tests that a server contains only the packages of the store
// that it was built with. A server with the store in memory has none of these packages.
func TestLeftOutIsNotCompiled(t *testing.T) {
	t.Parallel()
	code := map[string][]string{
		"sqlite":   {"modernc.org/"},
		"postgres": {"github.com/jackc/"},
		"redis":    {"github.com/redis/"},
		"dynamodb": {"github.com/aws/"},
		"metrics":  {"github.com/prometheus/", "google.golang.org/protobuf/"},
		"a bridge": {"github.com/go-sql-driver/", "example.com/coatcheck/pkg/config/legacyconfig"},
	}
	for _, kept := range []string{"memory", "sqlite", "postgres", "redis", "dynamodb"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", without(kept), ".").Output()
		if err != nil {
			t.Fatal(err)
		}
		for store, paths := range code {
			for _, path := range paths {
				if has := strings.Contains(string(out), "\n"+path); has != (store == kept) {
					t.Errorf("the server with %s: it has packages of %s: %t", kept, path, has)
				}
			}
		}
	}
}

// TestLeftOutIsNamed tests the error for a store that was left out of the server. It
// must not say that the store is unknown, but name the build tag.
func TestLeftOutIsNamed(t *testing.T) {
	t.Parallel()
	small := filepath.Join(filepath.Dir(binary), "small")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", without("memory"), "-o", small, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := command(context.Background(), []string{"ADDR=localhost:0", "LEGACY_COOKIES=session", "BRIDGE_TABLE=on"})
	cmd.Path = small
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "build tag nobridge; build it with: go build ./cmd/server") {
		t.Errorf("without a bridge it says: %v, %s", err, out)
	}
	cmd = command(context.Background(), []string{"ADDR=localhost:0", "METRICS_ADDR=localhost:0"})
	cmd.Path = small
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "build tag nometrics; build it with: go build ./cmd/server") {
		t.Errorf("without metrics it says: %v, %s", err, out)
	}
	for scheme, tag := range tags {
		cmd := command(context.Background(), []string{"ADDR=localhost:0", "STORE=" + scheme + "://x"})
		cmd.Path = small
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Fatalf("it serves from %s: %s", scheme, out)
		}
		for _, want := range []string{`"` + scheme + `"`, "build tag " + tag, "build it without this tag"} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: it does not say %s: %s", scheme, want, out)
			}
		}
	}
}
