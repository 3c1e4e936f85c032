package legacytest

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite" // a database/sql driver

	"example.com/coatcheck/pkg/legacy"
)

// keyValue is a key-value store with the entry of a case.
type keyValue struct {
	mutex   sync.Mutex
	values  map[string][]byte
	expires time.Time
	isDown  bool
}

var errDown = errors.New("the store is down")

// KeyValue returns a store that has the entry of the case and nothing else.
func (c *Case) KeyValue() legacy.KeyValue {
	kv := &keyValue{values: make(map[string][]byte)}
	if c.Store != nil {
		kv.values[c.Store.Key] = c.Store.Value
		if c.Store.Seconds >= 0 {
			kv.expires = c.Now.Add(time.Duration(c.Store.Seconds) * time.Second)
		}
	}
	c.onDown(func() {
		kv.mutex.Lock()
		defer kv.mutex.Unlock()
		kv.isDown = true
	})
	return kv
}

// onDown adds to what makes an outage.
func (c *Case) onDown(f func()) {
	before := c.down
	c.down = func() {
		if before != nil {
			before()
		}
		f()
	}
}

// Get implements [legacy.KeyValue].
func (kv *keyValue) Get(ctx context.Context, key string) ([]byte, time.Time, error) {
	kv.mutex.Lock()
	defer kv.mutex.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	value, found := kv.values[key]
	switch {
	case kv.isDown:
		return nil, time.Time{}, errDown
	case !found:
		return nil, time.Time{}, legacy.ErrNoRow
	}
	return value, kv.expires, nil
}

// Delete implements [legacy.KeyValue].
func (kv *keyValue) Delete(_ context.Context, key string) error {
	kv.mutex.Lock()
	defer kv.mutex.Unlock()
	if kv.isDown {
		return errDown
	}
	delete(kv.values, key)
	return nil
}

// Database returns a database with the tables that the statements make and, in the table
// with that name, the row of the case. Give the key's column COLLATE NOCASE: MySQL compares
// texts like that, and a source must not take one key for another there.
func (c *Case) Database(t testing.TB, table string, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c.onDown(func() { db.Close() })
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if c.Row != nil {
		insert(t, db, table, c.Row)
	}
	return db
}

func insert(t testing.TB, db *sql.DB, table string, row map[string]any) {
	t.Helper()
	columns := slices.Sorted(maps.Keys(row))
	var values []any
	for _, column := range columns {
		value := row[column]
		if number, ok := value.(float64); ok {
			value = int64(number) // sessions have no other numbers in their columns
		}
		values = append(values, value)
	}
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")
	if _, err := db.Exec(`INSERT INTO "`+table+`" (`+strings.Join(columns, ", ")+`) VALUES (`+marks+`)`, values...); err != nil {
		t.Fatal(err)
	}
}
