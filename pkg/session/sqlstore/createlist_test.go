package sqlstore_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/faults"
	"example.com/coatcheck/pkg/session"
)

// siblings stores n more sessions of s's user.
func (r *fixture) siblings(s *session.Session, n int) (all []*session.Session) {
	r.Helper()
	for range n {
		other := s.Clone()
		other.ID = faults.ID()
		want(r, r.store.Create(r.Context(), other), nil)
		all = append(all, other)
	}
	return all
}

// A login on PostgreSQL is one statement, and one that ends a session too is two.
func TestLoginIsOneStatement(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	site := faults.NewSite(p.Fixture, session.Config{})
	for i := range 12 {
		p.proxy.Take()
		site.Login("u1")
		want := []string{"CALL"}
		if i >= 10 {
			want = []string{"CALL", "DELETE"}
		}
		if got := p.proxy.Take(); !slices.Equal(got, want) {
			t.Errorf("login %d sent %v, want %v", i+1, got, want)
		}
	}
}

// Up to 500 others are listed; more are left to List.
func TestCreateAndListOfMany(t *testing.T) {
	t.Parallel()
	r := newFixture(t, postgreSQL)
	s := r.Created()
	r.siblings(s, 499)
	for _, listed := range []int{501, 0} {
		created := s.Clone()
		created.ID = faults.ID()
		all, err := r.store.CreateAndList(t.Context(), created)
		if want(t, err, nil); len(all) != listed {
			t.Errorf("%d sessions, want %d", len(all), listed)
		}
		r.Holds(created)
	}
}

// The session is stored beside damaged ones. They are named, and the others returned.
func TestCreateAndListBesideDamage(t *testing.T) {
	t.Parallel()
	r := newFixture(t, postgreSQL)
	healthy := r.Created()
	others := r.siblings(healthy, 2)
	r.exec(`UPDATE coatcheck_sessions SET roles = 'null' WHERE id = $1`, others[0].ID)
	r.exec(`UPDATE coatcheck_sessions SET secret = ''::bytea WHERE id = $1`, others[1].ID)
	created := healthy.Clone()
	created.ID = faults.ID()
	all, err := r.store.CreateAndList(t.Context(), created)
	if want(t, err, errOutage); len(all) != 2 || all[0].ID != created.ID || all[1].ID != healthy.ID {
		t.Errorf("CreateAndList returned %v, want the new session and the healthy one", all)
	}
	for _, says := range []string{others[0].ID + `": field "roles"`, others[1].ID + `": field "secret" has 0 bytes`, "sqlstore: CreateAndList on table coatcheck_sessions"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%v; want %s in it", err, says)
		}
	}
	want(t, get.Do(t.Context(), r.store, created), nil)
}

// On the tables of the release before, which have no procedure, a login still works.
func TestCreateAndListWithoutTheProcedure(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	p.exec("DROP PROCEDURE coatcheck_sessions_create")
	p.wantCreatedByInsert()
}

// wantCreatedByInsert reports an error unless CreateAndList stores sessions, and leaves the list
// to its caller.
func (p *proxied) wantCreatedByInsert() {
	p.Helper()
	p.proxy.Take()
	s := newSession()
	all, err := p.store.CreateAndList(p.Context(), s)
	if want(p, err, nil); len(all) != 0 {
		p.Errorf("%d sessions, want that the list is left to List", len(all))
	}
	if got := p.proxy.Take(); !slices.Contains(got, "INSERT") {
		p.Errorf("it sent %v", got)
	}
	p.Holds(s)
	_, err = p.store.CreateAndList(p.Context(), s)
	want(p, err, session.ErrConflict)
}

// limitedRole makes a role that may use the table and nothing else, until the test ends.
func (r *fixture) limitedRole() (role string) {
	r.Helper()
	var schema string
	want(r, r.db.QueryRow("SELECT current_schema()").Scan(&schema), nil)
	role = strings.ToLower(schema + "_user")
	r.exec("CREATE ROLE " + role)
	r.exec("GRANT USAGE ON SCHEMA " + schema + " TO " + role)
	r.exec("GRANT SELECT, INSERT, UPDATE, DELETE ON coatcheck_sessions TO " + role)
	r.Cleanup(func() {
		_, err := r.db.Exec("RESET ROLE; DROP OWNED BY " + role + "; DROP ROLE " + role)
		want(r, err, nil)
	})
	return role
}

// Where nobody may call a procedure unless it was granted, a login still works; who may not
// insert is told so.
func TestCreateAndListWithoutExecute(t *testing.T) {
	t.Parallel()
	p := newProxied(t)
	role := p.limitedRole()
	p.exec("REVOKE EXECUTE ON PROCEDURE coatcheck_sessions_create FROM PUBLIC")
	p.db.SetMaxOpenConns(1)
	p.exec("SET ROLE " + role)
	p.wantCreatedByInsert()
	for _, change := range []string{"GRANT EXECUTE ON PROCEDURE coatcheck_sessions_create TO ", "REVOKE INSERT ON coatcheck_sessions FROM "} {
		p.exec("RESET ROLE; " + change + role + "; SET ROLE " + role)
		var wrong error
		if strings.HasPrefix(change, "REVOKE") {
			wrong = errOutage
		}
		want(t, createAndList.Do(t.Context(), p.store, newSession()), wrong)
	}
}

// The procedure also works under another default isolation, and for a user who may do no more
// than its statements need.
func TestCreateAndListForAnyUser(t *testing.T) {
	t.Parallel()
	r := newFixture(t, postgreSQL)
	role := r.limitedRole()
	r.db.SetMaxOpenConns(1)
	for _, set := range []string{"SET ROLE " + role, "SET default_transaction_isolation = 'serializable'"} {
		r.exec(set)
		s := newSession()
		want(t, createAndList.Do(t.Context(), r.store, s), nil)
		want(t, get.Do(t.Context(), r.store, s), nil)
	}
}
