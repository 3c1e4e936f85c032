package dynamotest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"example.com/coatcheck/internal/local/samtemplate"
)

// Call is one call that reached a [Proxy].
type Call struct {
	Action string // as sent: "GetItem", "TransactWriteItems"

	// Uses are the actions on tables that IAM asks permission for. There is one
	// for most calls, one per part for a transaction, one per table for a batch.
	// Tables have their real names.
	Uses []samtemplate.Access

	// Read and Write are the units consumed, as DynamoDB tells. It tells none for
	// a call that fails, although a failed condition costs what its write would;
	// DynamoDB Local tells too few for a transaction that changes nothing.
	Read, Write float64

	Fault  Fault
	Status int // of the HTTP answer; 0 if the sender got none
}

// reading and writing are the actions that report the units they consume.
var (
	reading = []string{"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}
	writing = []string{"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
)

// parts are the parts of a transaction, by their names in a request, as IAM
// calls them.
var parts = map[string]string{
	"Get": "GetItem", "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem",
}

// parse reads a call from a request in DynamoDB's JSON 1.0 protocol. The body it
// returns also asks for the consumed units.
func parse(target string, body []byte) (*Call, []byte, error) {
	_, action, ok := strings.Cut(target, ".")
	if !ok {
		return &Call{}, body, fmt.Errorf("not a DynamoDB call: X-Amz-Target is %q", target)
	}
	call := &Call{Action: action}
	var in struct {
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

// count adds the units that an answer reports: one object, or a list of them for
// transactions and batches.
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

// Uses returns what calls did, each once, sorted, with the tables' logical IDs
// in place of the names that [Tables] gave them: comparable with a function's
// policies in a [samtemplate.Template].
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
