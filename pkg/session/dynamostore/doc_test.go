package dynamostore_test

import (
	"go/doc/comment"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/local/samtemplate"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

// block returns the code block of the package's documentation that contains the text.
func block(t *testing.T, text string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	want(t, err, nil)
	var found []string
	for _, part := range new(comment.Parser).Parse(file.Doc.Text()).Content {
		if code, ok := part.(*comment.Code); ok && strings.Contains(code.Text, text) {
			found = append(found, code.Text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d blocks of the documentation have %q in them, want one", len(found), text)
	}
	return found[0]
}

// tableIn reads a table from a template.
func tableIn(t *testing.T, file, id string) samtemplate.Table {
	t.Helper()
	template, err := samtemplate.Read(file)
	want(t, err, nil)
	table, ok := template.Tables[id]
	if !ok {
		t.Fatalf("%s has no table %s", file, id)
	}
	return table
}

// The table is the same, whoever makes it: the functions here, template.yaml, and what
// the documentation says for CloudFormation and Terraform.
func TestTable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "template.yaml")
	want(t, os.WriteFile(file, []byte("Resources:\n"+indent(block(t, "AWS::DynamoDB::Table"))), 0o600), nil)
	for name, table := range map[string]samtemplate.Table{
		"template.yaml":                     tableIn(t, "../../../template.yaml", "SessionsTable"),
		"CloudFormation, as in the comment": tableIn(t, file, "Sessions"),
	} {
		if got, documented := table.CreateInput("sessions"), dynamostore.CreateTableInput("sessions"); !reflect.DeepEqual(got, documented) {
			t.Errorf("%s has %+v, CreateTableInput %+v", name, got, documented)
		}
		if got, documented := table.TTLInput("sessions"), dynamostore.UpdateTimeToLiveInput("sessions"); !reflect.DeepEqual(got, documented) {
			t.Errorf("%s has %+v, UpdateTimeToLiveInput %+v", name, got, documented)
		}
	}
	create, ttl := readTerraform(t, block(t, "aws_dynamodb_table"))
	if documented := dynamostore.CreateTableInput("sessions"); !reflect.DeepEqual(create, documented) {
		t.Errorf("Terraform has %+v, CreateTableInput %+v", create, documented)
	}
	if documented := dynamostore.UpdateTimeToLiveInput("sessions"); !reflect.DeepEqual(ttl, documented) {
		t.Errorf("Terraform has %+v, UpdateTimeToLiveInput %+v", ttl, documented)
	}
}

func indent(text string) string { return regexp.MustCompile(`(?m)^`).ReplaceAllString(text, "  ") }

var (
	terraformOpen  = regexp.MustCompile(`^(\w+)(?: "\w+")* \{$`)
	terraformValue = regexp.MustCompile(`^(\w+) += (?:"(\w+)"|(true))$`)
)

// readTerraform reads a resource in the few forms of HCL that the documentation uses, and
// returns what Terraform's provider makes of it. Everything else fails the test.
func readTerraform(t *testing.T, text string) (*dynamodb.CreateTableInput, *dynamodb.UpdateTimeToLiveInput) {
	t.Helper()
	create := &dynamodb.CreateTableInput{}
	ttl := &dynamodb.UpdateTimeToLiveInput{TimeToLiveSpecification: &types.TimeToLiveSpecification{}}
	var blocks []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		open, value := terraformOpen.FindStringSubmatch(line), terraformValue.FindStringSubmatch(line)
		if open != nil {
			if blocks = append(blocks, open[1]); open[1] == "attribute" {
				create.AttributeDefinitions = append(create.AttributeDefinitions, types.AttributeDefinition{})
			}
			continue
		}
		if line == "}" && len(blocks) > 0 {
			blocks = blocks[:len(blocks)-1]
			continue
		}
		if line == "" {
			continue
		}
		if value == nil {
			t.Fatalf("the line %q is not understood", line)
		}
		setTerraform(t, create, ttl, strings.Join(append(blocks, value[1]), "."), value[2]+value[3])
	}
	if len(blocks) > 0 {
		t.Fatalf("the blocks %q do not end", blocks)
	}
	return create, ttl
}

func setTerraform(t *testing.T, create *dynamodb.CreateTableInput, ttl *dynamodb.UpdateTimeToLiveInput, name, value string) {
	t.Helper()
	last := max(0, len(create.AttributeDefinitions)-1)
	switch name {
	case "resource.name":
		create.TableName, ttl.TableName = &value, &value
	case "resource.billing_mode":
		create.BillingMode = types.BillingMode(value)
	case "resource.hash_key":
		create.KeySchema = append(create.KeySchema, types.KeySchemaElement{AttributeName: &value, KeyType: types.KeyTypeHash})
	case "resource.range_key":
		create.KeySchema = append(create.KeySchema, types.KeySchemaElement{AttributeName: &value, KeyType: types.KeyTypeRange})
	case "resource.attribute.name":
		create.AttributeDefinitions[last].AttributeName = &value
	case "resource.attribute.type":
		create.AttributeDefinitions[last].AttributeType = types.ScalarAttributeType(value)
	case "resource.ttl.attribute_name":
		ttl.TimeToLiveSpecification.AttributeName = &value
	case "resource.ttl.enabled":
		ttl.TimeToLiveSpecification.Enabled = new(value == "true")
	default:
		t.Fatalf("%s is not an argument of aws_dynamodb_table that is understood", name)
	}
}

var action = regexp.MustCompile(`dynamodb:(\w+)`)

// permissions returns the actions that the documentation names for each method.
func permissions(t *testing.T) (methods map[string][]string, all []string) {
	t.Helper()
	methods = map[string][]string{}
	for line := range strings.Lines(block(t, "dynamodb:GetItem")) {
		names, _, _ := strings.Cut(line, "dynamodb:")
		var actions []string
		for _, match := range action.FindAllStringSubmatch(line, -1) {
			actions = append(actions, match[1])
		}
		slices.Sort(actions)
		for _, name := range strings.Split(names, ",") {
			methods[strings.TrimSpace(name)] = actions
		}
		all = append(all, actions...)
	}
	slices.Sort(all)
	return methods, slices.Compact(all)
}

// The documentation names all the actions that the functions of template.yaml have on the
// table of sessions, and no others.
func TestPermissions(t *testing.T) {
	t.Parallel()
	template, err := samtemplate.Read("../../../template.yaml")
	want(t, err, nil)
	var allowed []string
	for _, function := range template.Functions {
		for _, access := range function.Access {
			if access.Table == "SessionsTable" {
				allowed = append(allowed, access.Action)
			}
		}
	}
	slices.Sort(allowed)
	if _, all := permissions(t); len(all) != 5 || !slices.Equal(all, slices.Compact(allowed)) {
		t.Errorf("the documentation names %q, template.yaml allows %q; want five", all, slices.Compact(allowed))
	}
}

// Each method of a Manager makes the calls that the documentation names for it, and no
// others.
func TestPermissionsOfMethods(t *testing.T) {
	t.Parallel()
	site, r := newSite(t, session.Config{MaxSessions: 2})
	s, token := site.Login("u1")
	load := func() {
		r.change(s.Key(), "SET #f = #f - :v", "last_seen_at", number("240")) // a touch is due
		site.Alive(token)
	}
	// guarded serves a request behind one of Require and its relatives.
	guarded := func(guard func(http.Handler) http.Handler) func() {
		return func() {
			r.change(s.Key(), "SET #f = #f - :v", "last_seen_at", number("240"))
			guard(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), site.Request(token))
		}
	}
	// raced makes another write come first.
	raced := func(write func() error) func() {
		return func() {
			other := s.Clone()
			want(t, r.Direct.Update(t.Context(), other, other.LastSeenAt, other.Version^1), nil)
			want(t, write(), nil)
		}
	}
	w := httptest.NewRecorder()
	calls := map[string]func(){
		"Load": load,
		"LoadForwarded": func() {
			r.change(s.Key(), "SET #f = #f - :v", "last_seen_at", number("240"))
			_, err := site.LoadForwarded(site.Request(token))
			want(t, err, nil)
		},
		"Require":          guarded(site.Require),
		"Optional":         guarded(site.Optional),
		"RequireRole":      guarded(func(next http.Handler) http.Handler { return site.RequireRole("reader", next) }),
		"RequireRecent":    guarded(func(next http.Handler) http.Handler { return site.RequireRecent(time.Hour, next) }),
		"Update":           raced(func() error { return site.Update(t.Context(), s, func(*session.Session) {}) }),
		"Renew":            raced(func() error { return site.Renew(t.Context(), w, s) }),
		"Reauthenticate":   raced(func() error { return site.Reauthenticate(t.Context(), w, s) }),
		"ReauthenticateAt": raced(func() error { return site.ReauthenticateAt(t.Context(), w, s, time.Now()) }),
		"ReauthenticateAlone": func() {
			site.Login("u1")
			r.proxy.Take()
			raced(func() error { return site.ReauthenticateAlone(t.Context(), w, s) })()
		},
		"Create": func() {
			for range 3 {
				site.Login("u2")
			}
		},
		"Redeem": func() {
			other, _ := site.Login("u2")
			r.proxy.Take()
			_, err := site.Redeem(site.Request(), site.Receipt(other))
			want(t, err, nil)
		},
		"Destroy": func() { want(t, site.Destroy(w, site.Request(token)), nil) },
		"Revoke":  func() { want(t, site.Revoke(t.Context(), "u2", faults.ID()), session.ErrNoSession) },
		"RevokeKey": func() {
			want(t, site.RevokeKey(t.Context(), session.Key{Owner: s.Key().Owner, ID: faults.ID()}), session.ErrNoSession)
		},
		"List":      func() { site.List(t.Context(), "u2") },
		"RevokeAll": func() { want(t, site.RevokeAll(t.Context(), "u2"), nil) },
	}
	documented, _ := permissions(t)
	for _, method := range []string{
		"Load", "LoadForwarded", "Require", "Optional", "RequireRole", "RequireRecent", "Update", "Renew", "Reauthenticate", "ReauthenticateAt", "ReauthenticateAlone",
		"Create", "Destroy", "Redeem", "Revoke", "RevokeKey", "List", "RevokeAll",
	} {
		r.proxy.Take()
		calls[method]()
		var got []string
		for _, use := range dynamotest.Uses(r.proxy.Take(), nil) {
			got = append(got, use.Action)
		}
		slices.Sort(got)
		if !slices.Equal(got, documented[method]) {
			t.Errorf("%s calls %q, the documentation says %q", method, got, documented[method])
		}
		delete(documented, method)
	}
	if len(documented) > 0 {
		t.Errorf("methods that nobody tried: %v", documented)
	}
	manager := reflect.TypeFor[*session.Manager]()
	for i := range manager.NumMethod() {
		method := manager.Method(i).Name
		if calls[method] == nil && !slices.Contains(callNoStore, method) {
			t.Errorf("the documentation does not say which actions %s needs", method)
		}
	}
}

// callNoStore are the methods of a Manager that need no permission.
var callNoStore = []string{"ClearCookie", "HasCookie", "OffersPersistent", "Receipt"}
