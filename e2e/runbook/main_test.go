// Package runbook_test runs the commands of docs/operate.md and docs/deploy.md as they stand
// there, on the functions' own binaries, DynamoDB Local, and an emulator of the rest of AWS.
// It is run by make runbooks, and not by make test.
package runbook_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/testenv"
	"example.com/coatcheck/internal/testing/testmain"
)

// binaries is the folder of the built functions, for example profile/bootstrap.
var binaries string

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "sam":
		os.Exit(askStack(os.Args))
	case "aws":
		os.Exit(callAWS(os.Args))
	}
	if err := buildFunctions(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	testmain.Main(m, dynamotest.Main, withMoto)
}

// buildFunctions builds every function of the template.
func buildFunctions() (err error) {
	if binaries, _, err = testenv.Kept(root(".cache/tested/functions")); err != nil { // until this process ends
		return err
	}
	t, err := readTemplate()
	if err != nil {
		return err
	}
	var ids []string
	for id, r := range t.Resources {
		if r.Type == "AWS::Lambda::Function" {
			ids = append(ids, id)
		}
	}
	return build(root("."), binaries, ids...)
}

// randomKey returns what openssl rand -base64 32 prints.
func randomKey() string {
	key := make([]byte, 32)
	rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}
