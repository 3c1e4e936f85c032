package dynamostore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/stores/dynamo"
	"example.com/coatcheck/pkg/session"
)

type attributes = map[string]types.AttributeValue

func encode(s *session.Session) attributes {
	key := s.Key()
	item := attributes{
		"owner":            text(key.Owner),
		"id":               text(key.ID),
		"user_id":          text(s.UserID),
		"roles":            list(s.Roles),
		"values":           stringMap(s.Values),
		"created_at":       number(s.CreatedAt.UnixMilli()),
		"authenticated_at": seconds(s.AuthenticatedAt),
		"last_seen_at":     seconds(s.LastSeenAt),
		TTLAttribute:       seconds(s.ExpiresAt),
		"version":          number(s.Version),
		"ip":               text(s.IP),
		"user_agent":       text(s.UserAgent),
		"secret":           binary(s.Secret),
		"previous_secret":  binary(s.PreviousSecret),
	}
	for name, value := range map[string]string{"last_ip": s.LastIP, "last_user_agent": s.LastUserAgent} {
		if value != "" {
			item[name] = text(value)
		}
	}
	if !s.EndsAt.IsZero() {
		item["ends_at"] = seconds(s.EndsAt)
	}
	if s.Persistent {
		item["persistent"] = &types.AttributeValueMemberBOOL{Value: true}
	}
	return item
}

// decode reads an item. If a field is missing or of the wrong type, the error names
// it. The error is not ErrNoSession, which would sign the user out. What is optional is
// missing in most sessions, and in all of earlier releases.
func (s *Store) decode(item attributes) (*session.Session, error) {
	r := dynamo.NewItem(s.table, keyText(item), item)
	sess := &session.Session{
		ID:              r.String("id"),
		UserID:          r.String("user_id"),
		Roles:           r.StringList("roles"),
		Values:          r.StringMap("values"),
		CreatedAt:       time.UnixMilli(r.Int("created_at")).UTC(),
		AuthenticatedAt: time.Unix(r.Int("authenticated_at"), 0).UTC(),
		LastSeenAt:      time.Unix(r.Int("last_seen_at"), 0).UTC(),
		ExpiresAt:       time.Unix(r.Int(TTLAttribute), 0).UTC(),
		Persistent:      r.Optional().Bool("persistent"),
		Version:         r.Int("version"),
		IP:              r.String("ip"),
		UserAgent:       r.String("user_agent"),
		LastIP:          r.Optional().String("last_ip"),
		LastUserAgent:   r.Optional().String("last_user_agent"),
	}
	if _, present := item["ends_at"]; present {
		sess.EndsAt = time.Unix(r.Int("ends_at"), 0).UTC()
	}
	sess.Secret = r.Hash("secret")
	sess.PreviousSecret = r.Hash("previous_secret")
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("dynamostore: %w", err)
	}
	return sess, nil
}

// keyText returns the name of an item for errors: owner/id, neither of which is
// secret.
func keyText(item attributes) string {
	part := func(name string) string {
		s, _ := item[name].(*types.AttributeValueMemberS)
		if s == nil {
			return "?"
		}
		return s.Value
	}
	return part("owner") + "/" + part("id")
}

func itemKey(key session.Key) attributes {
	return attributes{"owner": text(key.Owner), "id": text(key.ID)}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func binary(b [32]byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b[:]} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func seconds(t time.Time) types.AttributeValue { return number(t.Unix()) }

func list(all []string) types.AttributeValue {
	l := make([]types.AttributeValue, len(all))
	for i, s := range all {
		l[i] = text(s)
	}
	return &types.AttributeValueMemberL{Value: l}
}

func stringMap(all map[string]string) types.AttributeValue {
	m := make(attributes, len(all))
	for k, v := range all {
		m[k] = text(v)
	}
	return &types.AttributeValueMemberM{Value: m}
}
