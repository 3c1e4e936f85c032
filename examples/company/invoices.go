package main

import (
	"database/sql"
	"net/http"

	"example.com/coatcheck/pkg/signin/authn"
)

// valueTenant is the key of a session's value that says for which customer its user is
// here.
const valueTenant = "tenant"

// tenantOf returns the tenant of the user for the user's new session: that of the row in
// the table, or for a user of the provider what its claim says.
func tenantOf(db *sql.DB) authn.ValuesFunc {
	return func(r *http.Request, u authn.User) (map[string]string, error) {
		var name string
		err := db.QueryRowContext(r.Context(), `SELECT t.name FROM users u JOIN tenants t ON t.id = u.tenant WHERE u.id::text = $1`, u.ID).Scan(&name)
		return map[string]string{valueTenant: name}, err
	}
}

