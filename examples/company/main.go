// Command portal is where a company's customers see their invoices. Its users, its page and
// its looks are the company's own; of Coatcheck it takes the sign-in, the sessions and the
// pages around them.
package main

import (
	"context"
	"database/sql"
	"net/http"
	"os"

	_ "github.com/jackc/pgx/v5/stdlib"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/bcp47"
)

func main() {
	serve(must(portal(context.Background())))
}

func portal(ctx context.Context) (http.Handler, error) {
	here := must(signinconfig.Site())
	pages := must(signin.NewPages(signin.Config{Site: here}))
	db := must(sql.Open("pgx", os.Getenv("DATABASE_URL")))
	kept := sqlstore.New(db, sqlstore.PostgreSQL)
	if err := kept.Migrate(ctx); err != nil {
		return nil, err
	}
	if err := sqlaccounts.Migrate(ctx, kept.Database()); err != nil {
		return nil, err
	}
	sessions := must(config.Sessions(kept, pages.Fail))
	directory := accounts.NewDirectory(users{db}, accounts.Config{})
	passwords := must(signinconfig.Authenticator(directory, sqlaccounts.NewAttempts(kept.Database())))
	window := must(config.ReauthenticationWindow())
	o := signin.Options{Values: tenantOf(db)}
	return pages.Handler(
		signin.Login(sessions, passwords, o), signin.Logout(sessions), signin.Profile(sessions),
		signin.Reauthenticate(sessions, passwords, nil), signin.Sessions(sessions, window),
		signin.Password(sessions, passwords), signin.Preferences(sessions, directory, bcp47.Canonical),
	), nil
}

func must[T any](value T, err error) T {
	if err != nil {
		config.Exit(err)
	}
	return value
}
