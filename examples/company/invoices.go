package main

import (
	"context"
	"database/sql"
	"net/http"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/authn"
)

// valueTenant is the key of the session's value that says for which customer the user is
// here.
const valueTenant = "tenant"

// refuseWithoutTenant keeps users out who are here for no customer, such as those of whom
// the provider says none.
func refuseWithoutTenant(_ *http.Request, u authn.User) (map[string]string, error) {
	if u.Attributes[valueTenant] == "" {
		return nil, authn.ErrRefused
	}
	return nil, nil
}

// owed is what the page shows, and what programs get as JSON.
type owed struct {
	Tenant   string    `json:"tenant"`
	Invoices []invoice `json:"invoices"`
}

type invoice struct {
	Number string `json:"number"`
	Amount string `json:"amount"`
	Due    string `json:"due"`
}

// invoices returns the route of /invoices, for signed-in users.
func invoices(pages *signin.Pages, sessions *session.Manager, db *sql.DB) signin.Routes {
	show := func(w http.ResponseWriter, r *http.Request) {
		owed, err := owedBy(r.Context(), db, session.FromContext(r.Context()).Values[valueTenant])
		switch {
		case err != nil:
			pages.Fail(w, r, err)
		case signin.WantsPage(r):
			pages.Write(w, r, http.StatusOK, "invoices", signin.Page{Title: "invoices.title", Here: "/invoices", Data: owed})
		default:
			signin.WriteJSON(w, http.StatusOK, owed)
		}
	}
	return signin.Routes{"GET /invoices": sessions.Require(http.HandlerFunc(show)).ServeHTTP}
}

func owedBy(ctx context.Context, db *sql.DB, tenant string) (owed, error) {
	o := owed{Tenant: tenant, Invoices: []invoice{}}
	rows, err := db.QueryContext(ctx, `SELECT number, to_char(cents / 100.0, 'FM999999990.00'), due::text FROM invoices WHERE tenant = $1 ORDER BY due`, tenant)
	if err != nil {
		return o, err
	}
	defer rows.Close()
	for rows.Next() {
		var i invoice
		if err := rows.Scan(&i.Number, &i.Amount, &i.Due); err != nil {
			return o, err
		}
		o.Invoices = append(o.Invoices, i)
	}
	return o, rows.Err()
}
