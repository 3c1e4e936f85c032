package runbook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/coatcheck/internal/testing/dynamotest"
)

// This program stands in for two others while commands of the runbook run. For sam: moto
// makes no change set of a template, so the test does with the translation what sam deploy
// does. For aws: one command alone, which restores a table, because DynamoDB Local keeps no
// earlier state. Every other command of aws is that of AWS.

// askStack hands the arguments to the test, prints what it answers and returns the exit
// status.
func askStack(args []string) int {
	args[0] = filepath.Base(args[0])
	text, err := json.Marshal(args)
	if err == nil {
		var resp *http.Response
		if resp, err = http.Post(os.Getenv("STAND_IN_FOR_SAM"), "application/json", bytes.NewReader(text)); err == nil {
			defer resp.Body.Close()
			io.Copy(os.Stdout, resp.Body)
			if resp.StatusCode == http.StatusOK {
				return 0
			}
			return 1
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// restore is the command of aws for which the test stands in.
var restore = []string{"dynamodb", "restore-table-to-point-in-time"}

// callAWS becomes the program aws that is next on the PATH.
func callAWS(args []string) int {
	if len(args) > 2 && slices.Equal(args[1:3], restore) {
		return askStack(args)
	}
	for _, folder := range filepath.SplitList(os.Getenv("PATH"))[1:] {
		file := filepath.Join(folder, "aws")
		if _, err := os.Stat(file); err == nil {
			err = syscall.Exec(file, args, os.Environ())
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	fmt.Fprintln(os.Stderr, "there is no aws on the PATH")
	return 1
}

// standIn answers what askStack asks.
func (s *stack) standIn(w http.ResponseWriter, r *http.Request) {
	var args []string
	err := json.NewDecoder(r.Body).Decode(&args)
	said := ""
	switch {
	case err != nil || len(args) < 2:
		err = fmt.Errorf("called as %q: %v", args, err)
	case args[0] == "aws":
		err = s.restoreTable(args[3:])
	case args[1] == "build":
		said = "Built.\n"
	case args[1] == "deploy":
		if err = s.samDeploy(args[2:]); err == nil {
			said = "Successfully created/updated stack - " + s.name + " in " + region + "\n"
		}
	case args[1] == "delete":
		_, err = s.aws("cloudformation", "delete-stack", "--stack-name", s.name)
	default:
		err = fmt.Errorf("nobody stands in for sam %s", args[1])
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		said = err.Error() + "\n"
	}
	io.WriteString(w, said)
}

// samDeploy deploys with the options of sam deploy. Options that say how it asks and what it
// prints change nothing here.
func (s *stack) samDeploy(args []string) error {
	parameters := map[string]string{}
	overriding := false
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "--"):
			overriding = arg == "--parameter-overrides"
		case overriding:
			for _, pair := range split(arg) {
				name, value, ok := strings.Cut(pair, "=")
				if !ok {
					return fmt.Errorf("%q is no parameter", pair)
				}
				parameters[name] = strings.Trim(value, `"`)
			}
		case args[max(i-1, 0)] == "--stack-name" && arg != s.name:
			return fmt.Errorf("the stack is called %s, not %s", s.name, arg)
		}
	}
	return s.deploy(parameters)
}

// split splits at blanks that are not in double quotes.
func split(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

// restoreTable makes a table of another name with the items that were saved for the table,
// as point-in-time recovery does with those of an earlier time.
func (s *stack) restoreTable(args []string) error {
	options := map[string]string{}
	for i := 0; i+1 < len(args); i++ {
		if strings.HasPrefix(args[i], "--") {
			options[args[i]] = args[i+1]
		}
	}
	source, target := options["--source-table-name"], options["--target-table-name"]
	saved, ok := s.saved[source]
	if !ok || target == "" || options["--restore-date-time"] == "" {
		return fmt.Errorf("nothing was saved of %q, or the target %q or the time %q is missing", source, target, options["--restore-date-time"])
	}
	client := dynamotest.Client(s, dynamotest.Endpoint(s))
	described, err := client.DescribeTable(s.Context(), &dynamodb.DescribeTableInput{TableName: &source})
	if err != nil {
		return err
	}
	if _, err := client.CreateTable(s.Context(), &dynamodb.CreateTableInput{
		TableName: &target, BillingMode: "PAY_PER_REQUEST",
		KeySchema: described.Table.KeySchema, AttributeDefinitions: described.Table.AttributeDefinitions,
	}); err != nil {
		return err
	}
	for _, item := range saved {
		if _, err := client.PutItem(s.Context(), &dynamodb.PutItemInput{TableName: &target, Item: item}); err != nil {
			return err
		}
	}
	return nil
}

// save keeps the items of a table as they are now, for restoreTable.
func (s *stack) save(table string) {
	s.Helper()
	all, err := dynamotest.Client(s, dynamotest.Endpoint(s)).Scan(s.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		s.Fatal(err)
	}
	s.saved[table] = all.Items
}
