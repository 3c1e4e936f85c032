package dynamostore_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/dynamostore"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }

const (
	none    = dynamotest.None
	refused = dynamotest.Refuse
	hanging = dynamotest.Hang
	lost    = dynamotest.LoseAnswer
	late    = dynamotest.Hold
)

// tries is how often the client sends a call, the first time included.
const tries = 3

// rig is a Store on a table of its own, behind a proxy.
type rig struct {
	t      *testing.T
	proxy  *dynamotest.Proxy
	store  *dynamostore.Store // through the proxy
	direct *dynamostore.Store // past the proxy
	client *dynamodb.Client   // past the proxy
	table  string

	between func() // if not nil, runs once, before the second try of a call
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, proxy: dynamotest.NewProxy(t), table: dynamotest.Tables(t)["SessionsTable"]}
	r.client = dynamotest.Client(t, dynamotest.Endpoint(t))
	r.direct = dynamostore.New(r.client, r.table)
	r.store = r.through(func(o *dynamodb.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = tries
			o.Backoff = retry.BackoffDelayerFunc(r.backoff)
		})
	})
	return r
}

// through returns a Store whose client sends its calls through the proxy.
func (r *rig) through(options ...func(*dynamodb.Options)) *dynamostore.Store {
	return dynamostore.New(dynamodb.New(dynamotest.Client(r.t, r.proxy.URL).Options(), options...), r.table)
}

// backoff stands where the SDK waits before it sends a call again.
func (r *rig) backoff(int, error) (time.Duration, error) {
	if f := r.between; f != nil {
		r.between = nil
		f()
	}
	return 0, nil
}

// now is the time of the tests that do not need the real one: no Store reads a clock.
var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// newSession returns a session of a new user that is alive at now.
func newSession() *session.Session {
	return &session.Session{
		ID:              random(16),
		UserID:          rand.Text(),
		Roles:           []string{"reader"},
		Values:          map[string]string{"count": "1"},
		CreatedAt:       now.Add(-time.Hour + 678*time.Millisecond),
		AuthenticatedAt: now.Add(-time.Hour),
		LastSeenAt:      now.Add(-time.Minute),
		ExpiresAt:       now.Add(29 * time.Minute),
		Version:         1,
		IP:              "192.0.2.1",
		UserAgent:       "test/1.0",
		Secret:          [32]byte{1},
		PreviousSecret:  [32]byte{2},
	}
}

func random(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// created returns a new session that is in the table.
func (r *rig) created() *session.Session {
	r.t.Helper()
	s := newSession()
	want(r.t, r.direct.Create(r.t.Context(), s), nil)
	return s
}

// holds demands that the table has the session just as it is in s.
func (r *rig) holds(s *session.Session) {
	r.t.Helper()
	got, err := r.direct.Get(r.t.Context(), s.Key())
	want(r.t, err, nil)
	if !reflect.DeepEqual(got, s) {
		r.t.Errorf("stored is\n\t%+v\nwant\n\t%+v", got, s)
	}
}

// gone demands that the table has no item under the session's key.
func (r *rig) gone(s *session.Session) {
	r.t.Helper()
	_, err := r.direct.Get(r.t.Context(), s.Key())
	want(r.t, err, session.ErrNoSession)
}

// change alters the item of a session behind everybody's back. The expression
// calls its field #f and its value, if it has one, :v.
func (r *rig) change(key session.Key, expression, field string, value types.AttributeValue) {
	r.t.Helper()
	in := &dynamodb.UpdateItemInput{
		TableName:                &r.table,
		Key:                      attributes{"owner": text(key.Owner), "id": text(key.ID)},
		UpdateExpression:         &expression,
		ExpressionAttributeNames: map[string]string{"#f": field},
	}
	if value != nil {
		in.ExpressionAttributeValues = attributes{":v": value}
	}
	_, err := r.client.UpdateItem(r.t.Context(), in)
	want(r.t, err, nil)
}

func (r *rig) set(key session.Key, field string, value types.AttributeValue) {
	r.t.Helper()
	r.change(key, "SET #f = :v", field, value)
}

// item returns the raw item of a session.
func (r *rig) item(key session.Key) attributes {
	r.t.Helper()
	out, err := r.client.GetItem(r.t.Context(), &dynamodb.GetItemInput{
		TableName: &r.table, Key: attributes{"owner": text(key.Owner), "id": text(key.ID)}, ConsistentRead: new(true),
	})
	want(r.t, err, nil)
	return out.Item
}

type attributes = map[string]types.AttributeValue

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
func binary(b ...byte) types.AttributeValue {
	return &types.AttributeValueMemberB{Value: b}
}

// errOutage stands for any error that is not a verdict on the session.
var errOutage = errors.New("an outage")

// want demands that got is target: nil, an error, or errOutage.
func want(t *testing.T, got, target error) {
	t.Helper()
	ok := errors.Is(got, target)
	if target == errOutage {
		ok = got != nil && !errors.Is(got, session.ErrNoSession) && !errors.Is(got, session.ErrConflict)
	}
	if !ok {
		t.Fatalf("error is %v, want %v", got, target)
	}
}

// site is a Manager on the rig's Store, and what a browser does with it.
type site struct {
	*session.Manager
	*rig
}

func newSite(t *testing.T, cfg session.Config) *site {
	t.Helper()
	r := newRig(t)
	cfg.Logger = slog.New(slog.DiscardHandler)
	m, err := session.New(r.store, cfg)
	want(t, err, nil)
	return &site{m, r}
}

const cookieName = "__Host-SESSIONID"

// request returns a request with a cookie for each token.
func (s *site) request(tokens ...string) *http.Request {
	r := httptest.NewRequest("GET", "https://app.example/", nil).WithContext(s.t.Context())
	for _, token := range tokens {
		r.Header.Add("Cookie", cookieName+"="+token)
	}
	return r
}

// login creates a session for the user, and returns it with its token.
func (s *site) login(userID string) (*session.Session, string) {
	s.t.Helper()
	w := httptest.NewRecorder()
	created, err := s.Create(w, s.request(), session.User{ID: userID, Roles: []string{"reader"}, Values: map[string]string{"count": "1"}})
	want(s.t, err, nil)
	return created, s.cookie(w).Value
}

// cookie returns the only cookie that the response sets.
func (s *site) cookie(w http.ResponseWriter) *http.Cookie {
	s.t.Helper()
	lines := w.Header()["Set-Cookie"]
	if len(lines) != 1 {
		s.t.Fatalf("the response has %d Set-Cookie lines, want one", len(lines))
	}
	cookie, err := http.ParseSetCookie(lines[0])
	want(s.t, err, nil)
	return cookie
}

// load returns what a request with the token finds.
func (s *site) load(token string) (*session.Session, error) { return s.Load(s.request(token)) }

func (s *site) alive(token string) *session.Session {
	s.t.Helper()
	got, err := s.load(token)
	want(s.t, err, nil)
	return got
}

func (s *site) dead(token string) {
	s.t.Helper()
	_, err := s.load(token)
	want(s.t, err, session.ErrNoSession)
}

// stored returns how many sessions the table has for the user, dead ones too.
func (s *site) stored(userID string) int {
	s.t.Helper()
	all, err := s.direct.List(s.t.Context(), (&session.Session{UserID: userID}).Key().Owner)
	want(s.t, err, nil)
	return len(all)
}

func noCookie(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if lines := w.Header()["Set-Cookie"]; len(lines) != 0 {
		t.Errorf("the response has %d Set-Cookie lines, want none", len(lines))
	}
}
