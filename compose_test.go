package coatcheck_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestCompose tests that every image is pinned to a version, that only this machine can
// reach the ports, that the comment exports exactly these ports, and that Redis has the
// settings without which a server of ours refuses it.
func TestCompose(t *testing.T) {
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Image   string
			Ports   []string
			Command []string
		}
	}
	if err := yaml.Load(text, &file); err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
		if command := strings.Join(file.Services["redis"].Command, " "); !strings.Contains(command, setting) {
			t.Errorf("redis has no %s: %s", setting, command)
		}
	}
	var open, exported []string
	for name, service := range file.Services {
		if !regexp.MustCompile(`^[a-z/-]+:\d+\.\d+(\.\d+)?$`).MatchString(service.Image) {
			t.Errorf("%s: the image %q has no version", name, service.Image)
		}
		for _, port := range service.Ports {
			address, ok := strings.CutPrefix(port, "127.0.0.1:")
			if host, _, _ := strings.Cut(address, ":"); ok {
				open = append(open, host)
				continue
			}
			t.Errorf("%s: the port %s is open to others", name, port)
		}
	}
	for _, address := range regexp.MustCompile(`export [A-Z_]+=\S*localhost:(\d+)`).FindAllStringSubmatch(string(text), -1) {
		exported = append(exported, address[1])
	}
	slices.Sort(open)
	slices.Sort(exported)
	if len(open) == 0 || !slices.Equal(open, exported) {
		t.Errorf("the ports %v are open; the comment exports %v", open, exported)
	}
}
