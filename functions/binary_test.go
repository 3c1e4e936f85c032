package functions_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

const (
	maxSize        = 11_100_000 // bytes of a function's binary
	maxProfileSize = 10_200_000 // profile answers the most requests
	maxZip         = 3_600_000  // bytes of profile's package, which stands for the others

	// convert has the drivers of every store that a monolith may keep its sessions in.
	maxConvertSize = 24_400_000
	maxConvertZip  = 7_800_000

	// callback has an OpenID client, and no password hashes.
	maxCallbackZip = 3_850_000
)

// TestDeployedBinaries inspects the functions as sam build makes them for Lambda. They
// are static, stripped, for arm64, small, and without code that other stores need.
func TestDeployedBinaries(t *testing.T) {
	for id := range readTemplate(t).Functions {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(binaries(), "arm64", id)
			if err := buildFunction(id, "linux", "arm64", folder); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(folder, "bootstrap")
			inspect(t, id, file)
			most := map[string]int{"ProfileFunction": maxZip, "ConvertFunction": maxConvertZip, "CallbackFunction": maxCallbackZip}[id]
			if most == 0 {
				return
			}
			if size := zipSize(t, file); size > most {
				t.Errorf("the zip has %d bytes; at most %d", size, most)
			} else {
				t.Logf("the zip has %d bytes", size)
			}
		})
	}
}

func inspect(t *testing.T, id, file string) {
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
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	most, foreign := maxSize, foreignCode
	if id == "ProfileFunction" {
		most = maxProfileSize
	}
	if id == "ConvertFunction" { // it reads the stores of monoliths
		most, foreign = maxConvertSize, []string{"example.com/coatcheck/pkg/session/sqlstore.", "example.com/coatcheck/pkg/session/redisstore.", "example.com/coatcheck/pkg/accounts/sqlaccounts.", "example.com/coatcheck/pkg/config/storeconfig."}
	}
	if id != "CallbackFunction" {
		foreign = append(slices.Clone(foreign), openIDCode...)
	}
	if len(content) > most {
		t.Errorf("the binary has %d bytes; at most %d", len(content), most)
	}
	for _, foreign := range foreign {
		if bytes.Contains(content, []byte(foreign)) {
			t.Errorf("it has code of %s", foreign)
		}
	}
}

// foreignCode lists how the names of functions begin that only other stores or other
// programs need. Even a stripped binary contains the names of its functions.
var foreignCode = []string{
	"example.com/coatcheck/pkg/session/sqlstore.", "example.com/coatcheck/pkg/session/redisstore.", "example.com/coatcheck/pkg/session/memstore.",
	"example.com/coatcheck/pkg/accounts/sqlaccounts.", "example.com/coatcheck/pkg/accounts/memaccounts.", "example.com/coatcheck/pkg/accounts/redisaccounts.",
	"example.com/coatcheck/pkg/config/storeconfig.", "example.com/coatcheck/pkg/legacy.", "github.com/go-sql-driver/", "database/sql.(*DB)", "github.com/jackc/pgx", "modernc.org/", "github.com/redis/", "github.com/alecthomas/kong", "go.yaml.in/",
}

// openIDCode does the same for what only the function of an OpenID provider needs.
var openIDCode = []string{"example.com/coatcheck/pkg/signin/oidc.", "github.com/coreos/go-oidc/", "github.com/go-jose/go-jose/", "golang.org/x/oauth2"}

// The programs that do need foreignCode and openIDCode, server and coatcheck, contain all of
// it. So the names in both are still right.
func TestOthersHaveForeignCode(t *testing.T) {
	folder := filepath.Join(binaries(), "others")
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
	for _, foreign := range slices.Concat(foreignCode, openIDCode) {
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

// zipSize returns the size of a zip with only this file, as SAM makes it: by Python's
// zipfile. The race detector does not slow Python down.
func zipSize(t *testing.T, file string) int {
	t.Helper()
	const program = `import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as archive:
    archive.write(sys.argv[2], "bootstrap")`
	archive := filepath.Join(t.TempDir(), "function.zip")
	if out, err := exec.Command("python3", "-c", program, archive, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}

// Each function answers the event.json next to its main, which is for trying it by hand.
func TestSampleEvents(t *testing.T) {
	s, _ := newProvider(t, nil, hasBridge)
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
