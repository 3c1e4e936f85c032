package dynamo

import (
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func s(v string) types.AttributeValue { return &types.AttributeValueMemberS{Value: v} }
func n(v string) types.AttributeValue { return &types.AttributeValueMemberN{Value: v} }

// full has one field of each type that an Item reads, named by its type.
func full() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"S":    s("grüße"),
		"N":    n("-9223372036854775808"),
		"BOOL": &types.AttributeValueMemberBOOL{Value: true},
		"B":    &types.AttributeValueMemberB{Value: append([]byte{1}, make([]byte, 31)...)},
		"L":    &types.AttributeValueMemberL{Value: []types.AttributeValue{s("a"), s("")}},
		"M":    &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"k": s("v")}},
	}
}

// readers has functions that read a field as a type, by the name of the type.
var readers = map[string]func(*Item, string) any{
	"S":    func(i *Item, f string) any { return i.String(f) },
	"N":    func(i *Item, f string) any { return i.Int(f) },
	"BOOL": func(i *Item, f string) any { return i.Bool(f) },
	"B":    func(i *Item, f string) any { return i.Hash(f) },
	"L":    func(i *Item, f string) any { return i.StringList(f) },
	"M":    func(i *Item, f string) any { return i.StringMap(f) },
}

func TestItemReadsEveryType(t *testing.T) {
	want := map[string]any{
		"S": "grüße", "N": int64(-1 << 63), "BOOL": true, "B": [32]byte{1},
		"L": []string{"a", ""}, "M": map[string]string{"k": "v"},
	}
	for kind, read := range readers {
		item := NewItem("things", "one", full())
		if got := read(item, kind); !reflect.DeepEqual(got, want[kind]) || item.Err() != nil {
			t.Errorf("%s = %v, %v; want %v", kind, got, item.Err(), want[kind])
		}
	}
}

func TestItemReportsMissingFields(t *testing.T) {
	for kind, read := range readers {
		item := NewItem("things", "one", nil)
		got := read(item, "gone")
		if !reflect.ValueOf(got).IsZero() {
			t.Errorf("%s of a missing field = %v, want the zero value", kind, got)
		}
		wantError(t, item.Err(), `table "things", item "one": field "gone" is missing`)

		item = NewItem("things", "one", nil)
		if got := read(item.Optional(), "gone"); !reflect.ValueOf(got).IsZero() || item.Err() != nil {
			t.Errorf("%s of an absent optional field = %v, %v; want the zero value and no error", kind, got, item.Err())
		}
	}
}

func TestItemReportsWrongTypes(t *testing.T) {
	stored := full()
	stored["NULL"] = &types.AttributeValueMemberNULL{Value: true}
	stored["SS"] = &types.AttributeValueMemberSS{Value: []string{"a"}}
	stored["NS"] = &types.AttributeValueMemberNS{Value: []string{"1"}}
	stored["BS"] = &types.AttributeValueMemberBS{Value: [][]byte{{1}}}
	stored["unknown"] = nil
	for kind, read := range readers {
		for field := range stored {
			if field == kind {
				continue
			}
			item := NewItem("things", "one", stored)
			if got := read(item.Optional(), field); !reflect.ValueOf(got).IsZero() {
				t.Errorf("%s of a field of type %s = %v, want the zero value", kind, field, got)
			}
			wantError(t, item.Err(), `table "things", item "one": field "`+field+`" is of type `+field+`, want `+kind)
		}
	}
}

func TestItemReportsDamageInside(t *testing.T) {
	secret := "do-not-quote"
	for name, test := range map[string]struct {
		kind  string
		value types.AttributeValue
		want  string
	}{
		"fraction": {"N", n("1.5"), `field "f" is not a whole number of 64 bits`},
		"too big":  {"N", n("9223372036854775808"), `field "f" is not a whole number of 64 bits`},
		"no digit": {"N", n(secret), `field "f" is not a whole number of 64 bits`},
		"short":    {"B", &types.AttributeValueMemberB{Value: make([]byte, 31)}, `field "f" has 31 bytes, want 32`},
		"list": {"L", &types.AttributeValueMemberL{Value: []types.AttributeValue{s("a"), n(secret)}},
			`field "f" holds an element of type N, want S`},
		"map": {"M", &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"k": n(secret)}},
			`field "f" holds an element of type N, want S`},
	} {
		item := NewItem("things", "one", map[string]types.AttributeValue{"f": test.value})
		readers[test.kind](item, "f")
		wantError(t, item.Err(), `table "things", item "one": `+test.want)
		if strings.Contains(item.Err().Error(), secret) {
			t.Errorf("%s: the error quotes what is stored: %v", name, item.Err())
		}
	}
}

func TestItemKeepsTheFirstError(t *testing.T) {
	item := NewItem("things", "one", full())
	item.String("first")
	item.Optional().Int("S")
	_ = item.String("S")
	wantError(t, item.Err(), `table "things", item "one": field "first" is missing`)
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
