package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/lambdahttp"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/signin/oidc/sqllinks"
)

// must ends the program if it cannot start, and says why.
func must[T any](value T, err error) T {
	if err != nil {
		config.Exit(err)
	}
	return value
}

// folder returns a folder of the files that the program has in it.
func folder(name string) fs.FS { return must(fs.Sub(files, name)) }

// open opens the company's database, and makes Coatcheck's tables there if they are missing.
func open(address string) *sql.DB {
	db := must(sql.Open("pgx", address))
	db.SetMaxOpenConns(10) // of this process; Lambda runs many
	db.SetMaxIdleConns(10)
	db.SetConnMaxIdleTime(5 * time.Minute)
	ctx, store := context.Background(), sqlstore.New(db, sqlstore.PostgreSQL)
	for _, err := range []error{store.Migrate(ctx), sqlaccounts.Migrate(ctx, store.Database()), sqllinks.Migrate(ctx, store.Database())} {
		if err != nil {
			config.Exit(err)
		}
	}
	return db
}

// serve answers the requests of Lambda, or else those that come to ADDR.
func serve(handler http.Handler) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambdahttp.Start(handler)
		return
	}
	address := cmp.Or(os.Getenv("ADDR"), "localhost:8080")
	listener := must(net.Listen("tcp", address))
	fmt.Printf("The portal is at http://%s\n", address)
	server := http.Server{Handler: handler, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	config.Exit(server.Serve(listener))
}
