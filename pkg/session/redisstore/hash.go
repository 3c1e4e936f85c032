package redisstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"example.com/coatcheck/internal/stores/rediscall"
	"example.com/coatcheck/pkg/session"
)

// createArgs returns the arguments of createScript.
func createArgs(s *session.Session) ([]any, error) {
	fields, err := updateFields(s, s.Version)
	if s.LastIP != "" || s.LastUserAgent != "" {
		fields = append(fields, "last_ip", s.LastIP, "last_user_agent", s.LastUserAgent)
	}
	if s.Persistent {
		fields = append(fields, "persistent", "1")
	}
	if !s.EndsAt.IsZero() {
		fields = append(fields, "ends_at", s.EndsAt.Unix())
	}
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
	ends := int64(0) // instead of HDEL, which an ACL may not allow
	if !s.EndsAt.IsZero() {
		ends = s.EndsAt.Unix()
	}
	return slices.Concat([]any{now.Unix(), s.Version, s.ExpiresAt.Unix()}, fields, expiryFields(s), []any{"ends_at", ends}), err
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
	h, err := rediscall.NewHash(key, reply)
	if err != nil {
		return nil, err
	}
	return decodeHash(h, id)
}

// decodeHash returns the session in the hash.
func decodeHash(h *rediscall.Hash, id string) (*session.Session, error) {
	if len(h.Fields) == 0 {
		return nil, session.ErrNoSession
	}
	s := &session.Session{
		ID:              id,
		UserID:          h.Text("user_id"),
		Roles:           h.Strings("roles"),
		Values:          values(h),
		CreatedAt:       time.UnixMilli(h.Int("created_at")).UTC(),
		AuthenticatedAt: time.Unix(h.Int("authenticated_at"), 0).UTC(),
		LastSeenAt:      time.Unix(h.Int("last_seen_at"), 0).UTC(),
		ExpiresAt:       time.Unix(h.Int("expires_at"), 0).UTC(),
		EndsAt:          endsAt(h),
		Persistent:      persistent(h),
		Version:         h.Int("version"),
		IP:              h.Text("ip"),
		UserAgent:       h.Text("user_agent"),
		LastIP:          h.Fields["last_ip"], // absent before the first touch, and in sessions of earlier releases
		LastUserAgent:   h.Fields["last_user_agent"],
		Secret:          secret(h, "secret"),
		PreviousSecret:  secret(h, "previous_secret"),
	}
	if err := h.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// endsAt reads a field that few sessions have. 0 is written over one that has been dropped.
func endsAt(h *rediscall.Hash) time.Time {
	if ends, present := h.Fields["ends_at"]; !present || ends == "0" {
		return time.Time{}
	}
	return time.Unix(h.Int("ends_at"), 0).UTC()
}

// persistent reads a field that only persistent sessions have.
func persistent(h *rediscall.Hash) bool {
	_, present := h.Fields["persistent"]
	return present && h.Bool("persistent")
}

func secret(h *rediscall.Hash, field string) (secret [32]byte) {
	text := h.Text(field)
	if len(text) != len(secret) {
		h.Fail(field, fmt.Sprintf("has %d bytes, want %d", len(text), len(secret)))
	}
	copy(secret[:], text)
	return secret
}

// values decodes elements into pointers, because null would otherwise become an empty
// string.
func values(h *rediscall.Hash) map[string]string {
	var elements map[string]*string
	err := json.Unmarshal([]byte(h.Text("values")), &elements)
	if err != nil || elements == nil {
		h.Fail("values", "is not a JSON object of strings")
	}
	values := make(map[string]string, len(elements))
	for name, e := range elements {
		if e == nil {
			h.Fail("values", "is not a JSON object of strings")
			return nil
		}
		values[name] = *e
	}
	return values
}
