package redisstore

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/pkg/session"
)

// createArgs returns the arguments of createScript.
func createArgs(s *session.Session) ([]any, error) {
	fields, err := updateFields(s, s.Version)
	return slices.Concat([]any{s.ExpiresAt.Unix()}, fields, expiryFields(s), []any{
		"user_id", s.UserID, "ip", s.IP, "user_agent", s.UserAgent,
		"created_at", s.CreatedAt.UnixMilli(), "last_seen_at", s.LastSeenAt.Unix(),
	}), err
}

// updateArgs returns the arguments of updateScript.
func updateArgs(s *session.Session, now time.Time, newVersion int64) ([]any, error) {
	fields, err := updateFields(s, newVersion)
	if s.ExpiresAt.IsZero() {
		return append([]any{now.Unix(), s.Version, ""}, fields...), err
	}
	return slices.Concat([]any{now.Unix(), s.Version, s.ExpiresAt.Unix()}, fields, expiryFields(s)), err
}

// updateFields returns the fields that every Update writes, each followed by its
// value.
func updateFields(s *session.Session, version int64) ([]any, error) {
	roles, err := json.Marshal(s.Roles)
	if err != nil {
		return nil, fmt.Errorf("redisstore: encoding the roles of session %s: %w", s.ID, err)
	}
	values, err := json.Marshal(s.Values, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("redisstore: encoding the values of session %s: %w", s.ID, err)
	}
	return []any{
		"version", version, "roles", roles, "values", values,
		"secret", string(s.Secret[:]), "previous_secret", string(s.PreviousSecret[:]),
	}, nil
}

// expiryFields returns the fields that only some Updates write, each followed by its
// value.
func expiryFields(s *session.Session) []any {
	return []any{"authenticated_at", s.AuthenticatedAt.Unix(), "expires_at", s.ExpiresAt.Unix()}
}

// decode reads a session from the answer of HGETALL for its key. If a field is
// missing or malformed, the error names it. The error is not ErrNoSession, which
// would sign the user out.
func decode(key, id string, reply any) (*session.Session, error) {
	pairs, err := stringArray(key, reply)
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 {
		return nil, session.ErrNoSession
	}
	h := &hash{key: key, fields: make(map[string]string, len(pairs)/2)}
	for i := 1; i < len(pairs); i += 2 {
		h.fields[pairs[i-1]] = pairs[i]
	}
	s := &session.Session{
		ID:              id,
		UserID:          h.text("user_id"),
		Roles:           h.roles(),
		Values:          h.values(),
		CreatedAt:       time.UnixMilli(h.number("created_at")).UTC(),
		AuthenticatedAt: time.Unix(h.number("authenticated_at"), 0).UTC(),
		LastSeenAt:      time.Unix(h.number("last_seen_at"), 0).UTC(),
		ExpiresAt:       time.Unix(h.number("expires_at"), 0).UTC(),
		Version:         h.number("version"),
		IP:              h.text("ip"),
		UserAgent:       h.text("user_agent"),
		Secret:          h.secret("secret"),
		PreviousSecret:  h.secret("previous_secret"),
	}
	if h.err != nil {
		return nil, h.err
	}
	return s, nil
}

// stringArray reads an array of strings.
func stringArray(key string, reply any) ([]string, error) {
	array, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("redisstore: key %q: the server answered with %T, want an array", key, reply)
	}
	all := make([]string, len(array))
	for i, v := range array {
		if all[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("redisstore: key %q: the server answered with %T in an array, want strings", key, v)
		}
	}
	return all, nil
}

// hash reads the fields of one hash by type. It keeps the first error. No error
// quotes what is stored.
type hash struct {
	key    string
	fields map[string]string
	err    error
}

func (h *hash) text(field string) string {
	text, ok := h.fields[field]
	if !ok {
		h.fail(field, "is missing")
	}
	return text
}

func (h *hash) number(field string) int64 {
	n, err := strconv.ParseInt(h.text(field), 10, 64)
	if err != nil {
		h.fail(field, "is not a whole number of 64 bits")
	}
	return n
}

func (h *hash) secret(field string) (secret [32]byte) {
	text := h.text(field)
	if len(text) != len(secret) {
		h.fail(field, fmt.Sprintf("has %d bytes, want %d", len(text), len(secret)))
	}
	copy(secret[:], text)
	return secret
}

// roles and values decode elements into pointers, because null would otherwise
// become an empty string.

func (h *hash) roles() []string {
	var elements []*string
	err := json.Unmarshal([]byte(h.text("roles")), &elements)
	if err != nil || elements == nil || slices.Contains(elements, nil) {
		h.fail("roles", "is not a JSON array of strings")
		return nil
	}
	roles := make([]string, len(elements))
	for i, e := range elements {
		roles[i] = *e
	}
	return roles
}

func (h *hash) values() map[string]string {
	var elements map[string]*string
	err := json.Unmarshal([]byte(h.text("values")), &elements)
	if err != nil || elements == nil {
		h.fail("values", "is not a JSON object of strings")
	}
	values := make(map[string]string, len(elements))
	for name, e := range elements {
		if e == nil {
			h.fail("values", "is not a JSON object of strings")
			return nil
		}
		values[name] = *e
	}
	return values
}

func (h *hash) fail(field, problem string) {
	if h.err == nil {
		h.err = fmt.Errorf("redisstore: key %q: field %q %s", h.key, field, problem)
	}
}
