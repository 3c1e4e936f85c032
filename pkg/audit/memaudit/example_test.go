package memaudit_test

import (
	"context"
	"fmt"
	"time"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/audit/memaudit"
)

// The entries of a user come newest first, page by page.
func Example() {
	ctx, store := context.Background(), memaudit.New()
	for i, event := range []string{"authn_login_success", "authn_password_change", "session_ended"} {
		at := time.Date(2026, 11, 27, 12, 30, i, 0, time.UTC)
		e := audit.Entry{UserID: "u1", At: at, ID: "AAAAAAAAAAAAAAAAAAAAAA", Event: event, ExpiresAt: time.Now().Add(time.Hour)}
		if err := store.Append(ctx, e); err != nil {
			fmt.Println(err)
		}
	}
	for before := ""; ; {
		page, err := store.List(ctx, "u1", before, 2)
		if err != nil || len(page) == 0 {
			return
		}
		for _, e := range page {
			fmt.Println(e.At.Format(time.TimeOnly), e.Event)
			before = e.Key()
		}
		fmt.Println("--")
	}
	// Output:
	// 12:30:02 session_ended
	// 12:30:01 authn_password_change
	// --
	// 12:30:00 authn_login_success
	// --
}
