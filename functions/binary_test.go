package functions_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"debug/buildinfo"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	maxSize = 12_500_000 // bytes of a function's binary
	maxZip  = 4_100_000  // bytes of profile's package: only this one is measured, as it takes long
)

// TestDeployedBinaries inspects the functions as sam build makes them for Lambda. They
// are static, stripped, for arm64, small, and without code that other stores need.
func TestDeployedBinaries(t *testing.T) {
	for id := range readTemplate(t).Functions {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(binaries, "arm64", id)
			if err := buildFunction(id, "linux", "arm64", folder); err != nil {
				t.Fatal(err)
			}
			content := inspect(t, filepath.Join(folder, "bootstrap"))
			if id != "ProfileFunction" {
				return
			}
			if size := zipSize(t, content); size > maxZip {
				t.Errorf("the zip has %d bytes; at most %d", size, maxZip)
			} else {
				t.Logf("the zip has %d bytes", size)
			}
		})
	}
}

func inspect(t *testing.T, file string) (content []byte) {
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
	if content, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	if len(content) > maxSize {
		t.Errorf("the binary has %d bytes; at most %d", len(content), maxSize)
	}
	for _, foreign := range foreignCode {
		if bytes.Contains(content, []byte(foreign)) {
			t.Errorf("it has code of %s", foreign)
		}
	}
	return content
}

// foreignCode lists how the names of functions begin that only other stores or other
// programs need. Even a stripped binary contains the names of its functions.
var foreignCode = []string{
	"example.com/coatcheck/pkg/session/sqlstore.", "example.com/coatcheck/pkg/session/redisstore.", "example.com/coatcheck/pkg/session/memstore.",
	"example.com/coatcheck/pkg/accounts/sqlaccounts.", "example.com/coatcheck/pkg/accounts/memaccounts.", "example.com/coatcheck/pkg/accounts/redisaccounts.",
	"database/sql.(*DB)", "github.com/jackc/pgx", "modernc.org/", "github.com/redis/", "github.com/alecthomas/kong", "go.yaml.in/",
}

// The programs that do need foreignCode, server and coatcheck, contain all of it. So
// the names in foreignCode are still right.
func TestOthersHaveForeignCode(t *testing.T) {
	folder := filepath.Join(binaries, "others")
	if out, err := exec.Command("go", "build", "-ldflags=-s", "-o", folder+string(os.PathSeparator), "../cmd/server", "../cmd/coatcheck").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all []byte
	for _, program := range []string{"server", "coatcheck"} {
		content, err := os.ReadFile(filepath.Join(folder, program))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content...)
	}
	for _, foreign := range foreignCode {
		if !bytes.Contains(all, []byte(foreign)) {
			t.Errorf("no program has code of %s; is that still how its functions are called?", foreign)
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

func zipSize(t *testing.T, content []byte) int {
	t.Helper()
	var buf bytes.Buffer
	archive := zip.NewWriter(&buf)
	// Go's best compression is a little larger than what SAM's zlib makes by default.
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

// Each function answers the event.json next to its main, which is for trying it by hand.
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
