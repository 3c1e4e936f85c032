package memlinks_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
	"example.com/coatcheck/pkg/signin/oidc/oidctest"
)

func TestStore(t *testing.T) {
	oidctest.Run(t, func(*testing.T) oidc.Store { return memlinks.New() })
}

// What has not expired stays when expired records are removed.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, ctx := memlinks.New(), t.Context()
		at := time.Now()
		if _, err := store.End(ctx, "long", at, at.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for i := range 3000 {
			if _, err := store.End(ctx, fmt.Sprint(i), at, at.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if i == 1500 {
				time.Sleep(time.Minute)
			}
		}
		for id, want := range map[string]time.Time{"long": at.UTC(), "0": {}, "1500": {}, "2999": {}} {
			if _, got, err := store.Ended(ctx, id); err != nil || !got.Equal(want) {
				t.Errorf("%s ended at %v, %v; want %v", id, got, err, want)
			}
		}
	})
}
