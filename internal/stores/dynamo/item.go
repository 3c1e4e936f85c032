// Package dynamo has what our DynamoDB tables need besides the SDK. [Item] reads an
// item field by field, with errors that name the damaged field. [CountAttempts]
// counts how often a call was sent.
package dynamo

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Item reads the fields of one stored item by type, without reflection. If a field
// is missing or of the wrong type, the SDK's own decoder returns a zero value. An
// Item returns an error that names table, key and field.
//
// A method that cannot read its field returns the zero value, and the Item keeps the
// first such error. Read every field, then check [Item.Err] once. Errors never quote
// what is stored. An Item must be used by one goroutine only.
type Item struct {
	table, key string
	attributes map[string]types.AttributeValue
	optional   bool
	err        *error // shared with the view from Optional
}

// NewItem returns a reader of attributes. Errors contain table and key: write the
// key in a readable form, for example "owner/id".
func NewItem(table, key string, attributes map[string]types.AttributeValue) *Item {
	return &Item{table: table, key: key, attributes: attributes, err: new(error)}
}

// Optional returns a view of the same item in which an absent field reads as the
// zero value. A field of the wrong type is still an error.
func (i *Item) Optional() *Item {
	view := *i
	view.optional = true
	return &view
}

// Err returns the first error of the item and its optional view, or nil if there was
// none.
func (i *Item) Err() error { return *i.err }

// String reads a field of type S.
func (i *Item) String(field string) string {
	if m, ok := member[*types.AttributeValueMemberS](i, field); ok {
		return m.Value
	}
	return ""
}

// Int reads a field of type N that holds a whole number of 64 bits.
func (i *Item) Int(field string) int64 {
	m, ok := member[*types.AttributeValueMemberN](i, field)
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(m.Value, 10, 64)
	if err != nil {
		i.fail(field, "is not a whole number of 64 bits")
		return 0
	}
	return n
}

// Bool reads a field of type BOOL.
func (i *Item) Bool(field string) bool {
	m, ok := member[*types.AttributeValueMemberBOOL](i, field)
	return ok && m.Value
}

// Hash reads a field of type B that holds a SHA-256: exactly 32 bytes.
func (i *Item) Hash(field string) (hash [32]byte) {
	m, ok := member[*types.AttributeValueMemberB](i, field)
	if !ok {
		return hash
	}
	if len(m.Value) != len(hash) {
		i.fail(field, fmt.Sprintf("has %d bytes, want %d", len(m.Value), len(hash)))
		return hash
	}
	return [32]byte(m.Value)
}

// StringList reads a field of type L whose elements are all of type S.
func (i *Item) StringList(field string) []string {
	m, ok := member[*types.AttributeValueMemberL](i, field)
	if !ok {
		return nil
	}
	list := make([]string, len(m.Value))
	for n, v := range m.Value {
		list[n] = i.element(field, v)
	}
	return list
}

// StringMap reads a field of type M whose values are all of type S.
func (i *Item) StringMap(field string) map[string]string {
	m, ok := member[*types.AttributeValueMemberM](i, field)
	if !ok {
		return nil
	}
	values := make(map[string]string, len(m.Value))
	for k, v := range m.Value {
		values[k] = i.element(field, v)
	}
	return values
}

// element reads one string inside the list or map that field holds.
func (i *Item) element(field string, v types.AttributeValue) string {
	if m, ok := v.(*types.AttributeValueMemberS); ok {
		return m.Value
	}
	i.fail(field, fmt.Sprintf("holds an element of type %s, want S", typeName(v)))
	return ""
}

// member returns the field as an attribute of type M. If ok is false, there is
// nothing to read: the field is optional and absent, or member has kept an error.
func member[M types.AttributeValue](i *Item, field string) (m M, ok bool) {
	v, present := i.attributes[field]
	if !present {
		if !i.optional {
			i.fail(field, "is missing")
		}
		return m, false
	}
	if m, ok = v.(M); !ok {
		i.fail(field, fmt.Sprintf("is of type %s, want %s", typeName(v), typeName(m)))
	}
	return m, ok
}

func (i *Item) fail(field, problem string) {
	if *i.err == nil {
		*i.err = fmt.Errorf("table %q, item %q: field %q %s", i.table, i.key, field, problem)
	}
}

// typeName returns DynamoDB's own descriptor of v's type.
func typeName(v types.AttributeValue) string {
	switch v.(type) {
	case *types.AttributeValueMemberS:
		return "S"
	case *types.AttributeValueMemberN:
		return "N"
	case *types.AttributeValueMemberB:
		return "B"
	case *types.AttributeValueMemberBOOL:
		return "BOOL"
	case *types.AttributeValueMemberL:
		return "L"
	case *types.AttributeValueMemberM:
		return "M"
	case *types.AttributeValueMemberNULL:
		return "NULL"
	case *types.AttributeValueMemberSS:
		return "SS"
	case *types.AttributeValueMemberNS:
		return "NS"
	case *types.AttributeValueMemberBS:
		return "BS"
	default:
		return "unknown"
	}
}
