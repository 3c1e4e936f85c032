package legacy

import (
	"testing"
	"time"
)

// TestEarlier: the zero time means never.
func TestEarlier(t *testing.T) {
	never, one, two := time.Time{}, time.Unix(1, 0), time.Unix(2, 0)
	for _, test := range []struct{ a, b, want time.Time }{
		{never, never, never}, {one, never, one}, {never, one, one}, {one, two, one}, {two, one, one},
	} {
		if got := earlier(test.a, test.b); !got.Equal(test.want) {
			t.Errorf("of %v and %v: %v", test.a, test.b, got)
		}
	}
}

// TestTableNames: the name of a table is quoted, whatever is in it.
func TestTableNames(t *testing.T) {
	for _, test := range []struct {
		quote       byte
		table, want string
	}{
		{0, "sessions", `"sessions"`},
		{0, "shop.sessions", `"shop"."sessions"`},
		{0, `a" WHERE 1=1; --`, `"a"" WHERE 1=1; --"`},
		{'`', "a` WHERE", "`a`` WHERE`"},
		{'`', `a"b`, "`a\"b`"},
	} {
		if got := (SQL{Quote: test.quote}).name(test.table); got != test.want {
			t.Errorf("%s: %s, want %s", test.table, got, test.want)
		}
	}
}

// TestSQLTimes: a column with a time, as the drivers give it.
func TestSQLTimes(t *testing.T) {
	want := time.Unix(1793521800, 0).UTC()
	for _, column := range []any{
		want, want.In(time.FixedZone("", 3600)), int64(1793521800), int64(1793521800000), "2026-11-01 08:30:00", []byte("2026-11-01 08:30:00"),
		"2026-11-01 09:30:00+01:00", "2026-11-01T08:30:00Z",
	} {
		var got sqlTime
		if err := got.Scan(column); err != nil || got.Time != want {
			t.Errorf("%v: %v, %v; want %v", column, got.Time, err, want)
		}
	}
	got := sqlTime{want}
	if err := got.Scan(nil); err != nil || !got.IsZero() {
		t.Errorf("NULL: %v, %v", got.Time, err)
	}
	for _, column := range []any{"tomorrow", "", "0000-00-00 00:00:00", 1.5, true} {
		if err := got.Scan(column); err == nil {
			t.Errorf("%v: accepted", column)
		}
	}
}

// TestTextsAreUTF8: a text that is no UTF-8 goes nowhere.
func TestTextsAreUTF8(t *testing.T) {
	if got := texts(map[string]any{"good": "Zoë", "bad": "Zo\xeb"}); got["good"] != "Zoë" || len(got) != 1 {
		t.Errorf("%q", got)
	}
}
