package dynamotest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"example.com/coatcheck/internal/local/samtemplate"
)

// Call is one call that reached a [Proxy].
type Call struct {
	Action string // as sent: "GetItem", "TransactWriteItems"

	// Uses are the actions on tables for which IAM requires a permission. Most calls
	// have one. A transaction has one for each part, and a batch has one for each
	// table. Tables have their real names.
	Uses []samtemplate.Access

	// Attributes are the top-level attributes that the call names, sorted: those of
	// its key or item, and those of its expressions. Conditions of a policy with
	// dynamodb:Attributes are about these. Empty for batches and transactions.
	Attributes []string

	// Returns says what the call asks for beyond the attributes that it names:
	// "ALL_ATTRIBUTES" if it reads without a projection, else its ReturnValues, or
	// its ReturnValuesOnConditionCheckFailure. Empty means nothing.
	Returns string

	// ReturnValues is that parameter as sent, empty if the call leaves it out.
	ReturnValues string

	// Read and Write are the consumed capacity units that DynamoDB reports. It
	// reports none for a call that fails, although a failed condition costs as much
	// as its write. DynamoDB Local reports too few for a transaction that changes
	// nothing.
	Read, Write float64

	Fault  Fault
	Status int // of the HTTP response; 0 if the sender got no response
}

// reading and writing are the actions that report their consumed capacity units.
var (
	reading = []string{"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}
	writing = []string{"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
)

// parts maps the name of a transaction's part in a request to the name of its IAM
// action.
var parts = map[string]string{
	"Get": "GetItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem",
}

// parse reads a call from a request in DynamoDB's JSON 1.0 protocol. The body that it
// returns also asks for the consumed units.
func parse(target string, body []byte) (*Call, []byte, error) {
	_, action, ok := strings.Cut(target, ".")
	if !ok {
		return &Call{}, body, fmt.Errorf("not a DynamoDB call: X-Amz-Target is %q", target)
	}
	call := &Call{Action: action}
	var in struct {
		named
		TableName     string
		RequestItems  map[string]json.RawMessage
		TransactItems []map[string]struct{ TableName string }
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &in); err != nil {
		return call, body, fmt.Errorf("%s: %w", action, err)
	}
	if err := json.Unmarshal(body, &fields); err != nil {
		return call, body, fmt.Errorf("%s: %w", action, err)
	}
	if in.TableName != "" {
		call.Uses = append(call.Uses, samtemplate.Access{Action: action, Table: in.TableName})
		call.Attributes, call.Returns, call.ReturnValues = in.attributes(), in.returns(action), in.ReturnValues
	}
	for table := range in.RequestItems {
		call.Uses = append(call.Uses, samtemplate.Access{Action: action, Table: table})
	}
	for _, item := range in.TransactItems {
		for part, of := range item {
			call.Uses = append(call.Uses, samtemplate.Access{Action: parts[part], Table: of.TableName})
		}
	}
	if slices.Contains(reading, action) || slices.Contains(writing, action) {
		if _, ok := fields["ReturnConsumedCapacity"]; !ok {
			fields["ReturnConsumedCapacity"] = json.RawMessage(`"TOTAL"`)
		}
	}
	body, err := json.Marshal(fields)
	return call, body, err
}

// named is what a call says about attributes.
type named struct {
	Key, Item map[string]json.RawMessage

	ConditionExpression, UpdateExpression, ProjectionExpression, KeyConditionExpression, FilterExpression string

	ExpressionAttributeNames map[string]string

	ReturnValues, ReturnValuesOnConditionCheckFailure string
}

// word matches, in an expression, a path such as preferences.#key or list[0], also with
// the bracket of a function's call after it. It matches values (:now) too, so that they
// are not mistaken for a part of a path.
var word = regexp.MustCompile(`[:#]?\w+(?:\.#?\w+|\[\d+\])*(?:\s*\()?`)

// operators are the words of expressions that are neither functions nor attributes.
var operators = []string{"SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"}

// attributes returns the top-level attributes that the call names.
func (n named) attributes() []string {
	names := slices.Concat(slices.Collect(maps.Keys(n.Key)), slices.Collect(maps.Keys(n.Item)))
	for _, expression := range []string{n.ConditionExpression, n.UpdateExpression, n.ProjectionExpression, n.KeyConditionExpression, n.FilterExpression} {
		for _, path := range word.FindAllString(expression, -1) {
			name, function := strings.CutSuffix(path, "(")
			name, _, _ = strings.Cut(strings.TrimSpace(name), ".")
			name, _, _ = strings.Cut(name, "[")
			if function || strings.HasPrefix(name, ":") || slices.Contains(operators, strings.ToUpper(name)) {
				continue
			}
			if full, ok := n.ExpressionAttributeNames[name]; ok {
				name = full
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// returns says what the call asks for beyond the attributes that it names.
func (n named) returns(action string) string {
	if slices.Contains(reading, action) && n.ProjectionExpression == "" {
		return "ALL_ATTRIBUTES"
	}
	for _, asked := range []string{n.ReturnValues, n.ReturnValuesOnConditionCheckFailure} {
		if asked != "" && asked != "NONE" {
			return asked
		}
	}
	return ""
}

// count sets the units of the call to those that an answer reports. An answer has one
// object, or a list of objects for transactions and batches.
func (c *Call) count(answer []byte) {
	type units struct{ CapacityUnits float64 }
	var one struct{ ConsumedCapacity units }
	var many struct{ ConsumedCapacity []units }
	total := 0.0
	if json.Unmarshal(answer, &one) == nil {
		total = one.ConsumedCapacity.CapacityUnits
	} else if json.Unmarshal(answer, &many) == nil {
		for _, u := range many.ConsumedCapacity {
			total += u.CapacityUnits
		}
	}
	if slices.Contains(reading, c.Action) {
		c.Read = total
	} else {
		c.Write = total
	}
}

// Uses returns the actions of the calls, sorted and without duplicates. Instead of the
// names that [Tables] returned, they have the logical IDs of the tables. So the result
// can be compared with the policies of a function in a [samtemplate.Template].
func Uses(calls []Call, tables map[string]string) []samtemplate.Access {
	ids := map[string]string{}
	for id, name := range tables {
		ids[name] = id
	}
	var uses []samtemplate.Access
	for _, call := range calls {
		for _, use := range call.Uses {
			if id, ok := ids[use.Table]; ok {
				use.Table = id
			}
			uses = append(uses, use)
		}
	}
	slices.SortFunc(uses, samtemplate.Access.Compare)
	return slices.Compact(uses)
}
