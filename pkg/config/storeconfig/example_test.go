package storeconfig_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/storeconfig"
)

// A program keeps its sessions where its operator says, and makes the tables if they are
// missing. The file of SQLite is in a folder that goes away, for this example.
func Example() {
	folder, err := os.MkdirTemp("", "stores")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	for _, address := range []string{storeconfig.Memory, "sqlite:" + filepath.Join(folder, "shop.db")} {
		if err := open(address); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 0 sessions, on this machine: true
	// 0 sessions, on this machine: true
}

func open(address string) error {
	ctx := context.Background()
	opened, err := storeconfig.Open(ctx, address)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := storeconfig.Prepare(ctx, opened, true); err != nil {
		return err
	}
	store, err := opened.Sessions()
	if err != nil {
		return err
	}
	sessions, err := config.Sessions(store, nil)
	if err != nil {
		return err
	}
	live, err := sessions.List(ctx, "u1")
	fmt.Printf("%d sessions, on this machine: %t\n", len(live), opened.Local())
	return err
}
