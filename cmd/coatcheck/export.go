package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode"

	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/session"
)

type exportUser struct {
	Name   string `arg:"" optional:"" help:"Name of the user."`
	UserID string `placeholder:"ID" help:"The user ID instead of the name; for one who signs in at an OpenID provider: openid:https://id.example.com#123."`
}

// Help implements [kong.HelpProvider].
func (exportUser) Help() string {
	return `It writes one JSON document with everything that the store keeps of one person: the account, claims, sessions, failed
attempts, the audit trail, links at an OpenID provider, records of a bridge. Of passwords it says how they are hashed, and it has
no hash and no token. Handle it as what it is: hand it to nobody but that person.

A deleted user's trail is found by --user-id. If OIDC_ISSUER or BRIDGE_TABLE is set, it reads the whole table of the links or of
the bridge; with Redis it goes through all keys. Logs are no part of the store.`
}

// Validate is called by kong.
func (c *exportUser) Validate() error {
	if (c.Name == "") == (c.UserID == "") {
		return errors.New("give a name, or --user-id")
	}
	return nil
}

// Run implements the command.
func (c *exportUser) Run(ctx context.Context, at address) (err error) {
	b, err := openSessions(ctx, at)
	if err != nil {
		return err
	}
	defer b.close(&err)
	if err := b.identify(ctx); err != nil {
		return err
	}
	account, err := b.person(ctx, c.Name, c.UserID)
	if err != nil {
		return err
	}
	document, err := b.export(ctx, account)
	if err != nil {
		return err
	}
	b.tell(ctx, "user_exported", account.UserID, "", "")
	return output{}.printJSON(document)
}

// person returns the account of the name or of the user ID. Whoever has only a user ID gets
// an account that is nothing but that.
func (b *backend) person(ctx context.Context, name, userID string) (*accounts.Account, error) {
	if userID == "" {
		return b.find(ctx, name)
	}
	account, err := b.directory.FindID(ctx, userID)
	if errors.Is(err, accounts.ErrNotFound) {
		return &accounts.Account{UserID: userID}, nil
	}
	return account, err
}

// export collects all that is kept of a person.
func (b *backend) export(ctx context.Context, account *accounts.Account) (map[string]any, error) {
	document := map[string]any{"exported_at": time.Now().UTC().Truncate(time.Second), "user_id": account.UserID, "owner": ownerOf(account)}
	for name, collect := range map[string]func(context.Context, *accounts.Account) (any, error){
		"account": b.exportAccount, "claims": b.exportClaims, "sessions": b.exportSessions,
		"failed_attempts": b.exportAttempts, "audit": b.exportAudit, "records": b.exportRecords,
	} {
		part, err := collect(ctx, account)
		if err != nil {
			return nil, fmt.Errorf("reading the part %s: %w", name, err)
		}
		document[name] = part
	}
	return document, nil
}

func (b *backend) exportAccount(_ context.Context, account *accounts.Account) (any, error) {
	if account.Name == "" {
		return nil, nil
	}
	all := fieldsOf(*account)
	all["password_scheme"] = password.Scheme(account.PasswordHash)
	if account.ImportedHash != "" {
		all["imported_password_scheme"] = password.Scheme(account.ImportedHash)
	}
	return all, nil
}

func (b *backend) exportClaims(ctx context.Context, account *accounts.Account) (any, error) {
	return b.directory.Claims(ctx, account)
}

func (b *backend) exportSessions(ctx context.Context, account *accounts.Account) (any, error) {
	kept, err := b.Sessions()
	if err != nil {
		return nil, err
	}
	all, err := kept.List(ctx, ownerOf(account)) // also those that have ended and are not removed yet
	return listOf(all), err
}

func (b *backend) exportAttempts(ctx context.Context, account *accounts.Account) (any, error) {
	limiter, err := openLimiter(b)
	if err != nil {
		return nil, err
	}
	kept, err := limiter.Kept(ctx, account.Subject())
	return listOf(kept), err
}

func (b *backend) exportAudit(ctx context.Context, account *accounts.Account) (any, error) {
	trail, err := b.Audit()
	if err != nil || trail == nil {
		return nil, err
	}
	entries, err := trail.List(ctx, account.UserID, "", math.MaxInt32)
	all := listOf(entries)
	for i, entry := range entries {
		all[i]["key"] = entry.Key()
	}
	return all, err
}

// exportRecords returns the links at a provider and the records of a bridge that name the
// user's sessions. They have no key by which a user's could be found.
func (b *backend) exportRecords(ctx context.Context, account *accounts.Account) (any, error) {
	found, owner := []map[string]string{}, ownerOf(account)
	for record, err := range b.Records(ctx, storeconfig.Bridge, storeconfig.Links) {
		if err != nil {
			return nil, err
		}
		if about(record, owner) {
			record.Fields["part"] = string(record.Part)
			found = append(found, record.Fields)
		}
	}
	return found, nil
}

// about reports whether a field of the record contains the text.
func about(record storeconfig.Record, text string) bool {
	for _, value := range record.Fields {
		if strings.Contains(value, text) {
			return true
		}
	}
	return false
}

// ownerOf returns by what the stores know the sessions of the user.
func ownerOf(account *accounts.Account) string {
	return (&session.Session{UserID: account.UserID}).Key().Owner
}

func listOf[T any](all []T) []map[string]any {
	list := make([]map[string]any, len(all))
	for i, one := range all {
		list[i] = fieldsOf(one)
	}
	return list
}

// fieldsOf returns the fields of a struct, so that what a later release keeps is in the export
// by itself. It leaves out empty ones, and secrets: fields that are tagged as no part of JSON.
func fieldsOf(one any) map[string]any {
	all, value := map[string]any{}, reflect.Indirect(reflect.ValueOf(one))
	for i := range value.NumField() {
		field, v := value.Type().Field(i), value.Field(i)
		switch {
		case field.Tag.Get("json") == "-", v.IsZero():
		case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
			all[snake(field.Name)] = fieldsOf(v.Interface())
		default:
			all[snake(field.Name)] = v.Interface()
		}
	}
	return all
}

// snake returns the name of a field as it is written in JSON: user_id for UserID.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
