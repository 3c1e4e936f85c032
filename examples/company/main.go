// Command portal is where a company's customers see their invoices. Its users, its look and
// that page are the company's own; of Coatcheck it takes the sign-in, the sessions and the
// pages around them.
package main

import (
	"embed"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/accounts/sqlaccounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/session/sqlstore"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/bcp47"
	"example.com/coatcheck/pkg/signin/oidc"
	"example.com/coatcheck/pkg/signin/oidc/sqllinks"
	"example.com/coatcheck/pkg/signin/site"
	"example.com/coatcheck/pkg/signin/texts"
)

//go:embed pages texts
var files embed.FS

func main() {
	slog.SetDefault(lambdacontext.NewLogger())
	here := must(signinconfig.Site()) // PUBLIC_ORIGIN, OIDC_NAME and others
	here.Brand = site.Brand{Name: "Blue Harbour", Accent: must(site.ParseAccent("#0b5394,#9fc5e8"))}
	pages := must(signin.NewPages(signin.Config{
		Site: here, Texts: must(texts.New(folder("texts"), "en", "de")), Templates: folder("pages"),
		Samples: map[string][]any{"invoices": {owed{"A customer", []invoice{{"1", "9.50", "2026-12-31"}}}}}, // NewPages tries the page
		Menu:    []signin.MenuItem{{Path: "/invoices", Text: "invoices.title"}},
	}))

	db := open(must(config.Required("DATABASE_URL")))
	store := sqlstore.New(db, sqlstore.PostgreSQL)
	sessions := must(config.Sessions(store, pages.Fail))
	directory := accounts.NewDirectory(users{db}, accounts.Config{Hasher: password.Hasher{BcryptCost: 10, Product: here.Brand.Name}})
	passwords := must(signinconfig.Authenticator(directory, sqlaccounts.NewAttempts(store.Database())))
	asked := must(oidcconfig.Config(sqllinks.New(store.Database()), here.Origin, nil)) // OIDC_ISSUER and others
	asked.Values = map[string]string{"tenant": valueTenant}

	options := signin.Options{Values: refuseWithoutTenant}
	serve(pages.Handler(
		signin.Login(sessions, passwords, options), signin.SSO(sessions, must(oidc.New(asked)), options), signin.Logout(sessions),
		signin.Reauthenticate(sessions, passwords, nil), signin.Password(sessions, passwords),
		signin.Profile(sessions), signin.Preferences(sessions, directory, bcp47.Canonical),
		signin.Sessions(sessions, must(config.ReauthenticationWindow())), invoices(pages, sessions, db),
	))
}
