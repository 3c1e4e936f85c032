package functions_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"debug/buildinfo"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// maxZip is what profile's package may weigh, in bytes.
const maxZip = 4_000_000

// TestDeployedBinary looks at profile as sam build makes it for Lambda: static,
// stripped, for arm64, and small.
func TestDeployedBinary(t *testing.T) {
	folder := t.TempDir()
	if err := buildFunction("ProfileFunction", "linux", "arm64", folder); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "bootstrap")
	program, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	if program.Machine != elf.EM_AARCH64 || len(libraries) > 0 || err != nil {
		t.Errorf("for %v, with libraries %v (%v); want arm64 and none", program.Machine, libraries, err)
	}
	if program.Section(".symtab") != nil || program.Section(".debug_info") != nil {
		t.Error("the binary is not stripped")
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if tags := setting(info, "-tags"); tags != "lambda.norpc,nethttpomithttp2" {
		t.Errorf("built with -tags %q", tags)
	}
	if size := zipped(t, file); size > maxZip {
		t.Errorf("profile's zip has %d bytes; at most %d", size, maxZip)
	} else {
		t.Logf("profile's zip has %d bytes", size)
	}
}

// TestFunctionsLinkDynamoDBOnly: what other stores need is not in the functions.
func TestFunctionsLinkDynamoDBOnly(t *testing.T) {
	for _, function := range readTemplate(t).Functions {
		info, err := buildinfo.ReadFile(binary(function))
		if err != nil {
			t.Fatal(err)
		}
		for _, dependency := range info.Deps {
			for _, foreign := range []string{"pgx", "sqlite", "redis", "kong", "yaml"} {
				if strings.Contains(dependency.Path, foreign) {
					t.Errorf("%s links %s", function.Folder, dependency.Path)
				}
			}
		}
	}
}

func setting(info *buildinfo.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

func zipped(t *testing.T, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	archive := zip.NewWriter(&buf)
	// Go's best is a little larger than what SAM's zlib makes by default.
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := archive.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Len()
}

// TestSampleEvents: the event.json beside each main, for trying it by hand, is
// one that the function answers.
func TestSampleEvents(t *testing.T) {
	s := newStack(t, nil)
	for id, function := range s.template.Functions {
		sample, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(function.Folder), "event.json"))
		if err != nil {
			t.Fatal(err)
		}
		if len(function.Routes) == 0 {
			var answer authorization
			if body, err := s.functions[id].call(string(sample), &answer); err != nil || answer.IsAuthorized {
				t.Errorf("%s answers its sample event with %s, %v", id, body, err)
			}
			continue
		}
		if response, err := s.functions[id].invoke(string(sample)); err != nil || response.StatusCode == 400 || response.StatusCode >= 500 {
			t.Errorf("%s answers its sample event with %+v, %v", id, response, err)
		}
	}
}
