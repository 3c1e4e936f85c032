package legacy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Introspect says where a monolith answers whose its cookies are. It is for those whose
// sessions nobody else can read: pickles, objects of Java, files, a format of one's own.
//
// The monolith answers at one address, to GET and DELETE. A request has the monolith's own
// cookies, as the user's browser sent them, and "Authorization: Bearer KEY". The answer to
// a GET is
//
//   - 200 and a JSON object if the cookies are a session. Its user_id is a text or an
//     integer, or null if nobody is signed in. It may have identity, a text which is the same
//     for the whole life of that session and in no other session; signed_in_at, when the user
//     gave their password, and expires_at, times as RFC 3339 writes them; and data, an object
//     with texts, numbers and booleans;
//   - 401 if they are none, or have expired. If the cookie is good itself and its session has
//     ended, a JSON object with its identity may say which session that was;
//   - 403 if the key is wrong. That and all else is an outage: nobody knows. So is 404, which
//     is what an address without a route answers: it says nothing about a session.
//
// DELETE ends the session and answers 204; 401 says that there was none. In Flask:
//
//	@app.route("/whose", methods=["GET", "DELETE"])
//	def whose():
//	    if not hmac.compare_digest(request.headers.get("Authorization", ""), "Bearer " + KEY):
//	        abort(403)
//	    if "user_id" not in session:
//	        abort(401)
//	    if request.method == "DELETE":
//	        session.clear()
//	        return "", 204
//	    return {"user_id": session["user_id"], "identity": session["login_id"]}
//
// The login puts login_id there, a new secrets.token_urlsafe() each time.
type Introspect struct {
	// URL is the address, which begins with https://. On the same machine, http:// will do.
	URL string

	Key     []byte   // a secret of 16 characters of ASCII or more, for this alone
	Cookies []string // the names of the cookies that the monolith needs

	// Timeout is how long an answer may take as a whole. The default is 2 seconds.
	Timeout time.Duration

	// Transport sends the requests. The default is [http.DefaultTransport].
	Transport http.RoundTripper
}

type introspect struct {
	Introspect
	client http.Client
}

// maxAnswer is how many bytes of an answer are read. More is an outage.
const maxAnswer = 64 << 10

// NewIntrospect returns a source that asks the monolith. It follows no redirect, so that the
// cookies and the key reach no other address. Whether a session is bound to a password is
// for the monolith to check: the source binds none.
func NewIntrospect(o Introspect) (Source, error) {
	if err := cmp.Or(checkIntrospectURL(o.URL), checkIntrospectKey(o.Key)); err != nil {
		return nil, fmt.Errorf("Introspect: %w", err)
	}
	if len(o.Cookies) == 0 {
		return nil, errors.New("Introspect: Cookies: at least one name is needed")
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("Introspect: Timeout: %v is negative", o.Timeout)
	}
	return introspect{o, http.Client{
		Transport:     o.Transport,
		Timeout:       cmp.Or(o.Timeout, 2*time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func checkIntrospectURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return optionError("URL", "it is no address such as https://www.example.com/whose")
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return optionError("URL", "it begins with %s:// and should begin with https://, because cookies and the key cross it", u.Scheme)
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func checkIntrospectKey(key []byte) error {
	if len(key) < 16 {
		return optionError("Key", "it should have 16 characters at least")
	}
	for _, c := range key {
		if c <= ' ' || c > '~' {
			return optionError("Key", "it should have visible characters of ASCII alone")
		}
	}
	return nil
}

// Cookies implements [Source].
func (i introspect) Cookies() []string { return i.Introspect.Cookies }

// Open implements [Source].
func (i introspect) Open(ctx context.Context, cookies map[string]string, now time.Time) (Claim, error) {
	header, err := i.header(cookies)
	if err != nil {
		return Claim{}, err
	}
	status, body, err := i.ask(ctx, http.MethodGet, header)
	switch {
	case err != nil:
		return Claim{}, err
	case status == http.StatusUnauthorized:
		return Claim{}, introspectedEnd(body)
	case status != http.StatusOK:
		return Claim{}, fmt.Errorf("asking the monolith whose a cookie is: it answered %d", status)
	}
	claim, err := introspected(body)
	if err != nil {
		return Claim{}, err
	}
	if !claim.ExpiresAt.IsZero() && !now.Before(claim.ExpiresAt) {
		return Claim{}, fmt.Errorf("%w: its session has expired", ErrRejected)
	}
	claim.End = func(ctx context.Context) error { return i.end(ctx, header) }
	return claim, nil
}

// header returns the value of the header Cookie: those cookies that the monolith needs, as
// the browser sent them.
func (i introspect) header(cookies map[string]string) (string, error) {
	var pairs []string
	for _, name := range i.Introspect.Cookies {
		value := cookies[name]
		if value == "" {
			continue
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || r == ';' }) {
			return "", fmt.Errorf("%w: no browser sends such a cookie", ErrRejected)
		}
		pairs = append(pairs, name+"="+value)
	}
	if pairs == nil {
		return "", ErrAbsent
	}
	return strings.Join(pairs, "; "), nil
}

// ask sends a request and returns the answer.
func (i introspect) ask(ctx context.Context, method, cookies string) (status int, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, i.URL, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Cookie", cookies)
	request.Header.Set("Authorization", "Bearer "+string(i.Key))
	request.Header.Set("Accept", "application/json")
	response, err := i.client.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // without the address, which may have a secret in it
	}
	if err != nil {
		return 0, nil, fmt.Errorf("asking the monolith whose a cookie is: %w", err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, fmt.Errorf("asking the monolith whose a cookie is: %w", err)
	}
	if len(body) > maxAnswer {
		return 0, nil, fmt.Errorf("asking the monolith whose a cookie is: the answer is longer than %d bytes", maxAnswer)
	}
	return response.StatusCode, body, nil
}

// introspected reads an answer. One that is not as it should be is an outage, and never
// says that somebody is nobody.
func introspected(body []byte) (Claim, error) {
	const problem = "asking the monolith whose a cookie is: the answer has no "
	answer, err := decodeJSON(body)
	if err != nil {
		return Claim{}, errors.New(problem + "JSON object")
	}
	user, found := answer["user_id"]
	id, err := userID(user)
	if !found || err != nil {
		return Claim{}, errors.New(problem + "user_id that is a text, an integer or null")
	}
	identity, ok := answer["identity"].(string)
	if !ok && answer["identity"] != nil {
		return Claim{}, errors.New(problem + "identity that is a text")
	}
	signedIn, err := introspectedTime(answer["signed_in_at"])
	if err != nil {
		return Claim{}, errors.New(problem + "signed_in_at that is a time")
	}
	expires, err := introspectedTime(answer["expires_at"])
	if err != nil {
		return Claim{}, errors.New(problem + "expires_at that is a time")
	}
	data, ok := answer["data"].(map[string]any)
	if !ok && answer["data"] != nil {
		return Claim{}, errors.New(problem + "data that is an object")
	}
	return Claim{UserID: id, Identity: identity, SignedInAt: signedIn, ExpiresAt: expires, Data: texts(data)}, nil
}

// introspectedEnd reads the answer that there is no session: it may say which one has ended.
func introspectedEnd(body []byte) error {
	answer, _ := decodeJSON(body)
	if identity, _ := answer["identity"].(string); identity != "" {
		return &EndedError{identity}
	}
	return fmt.Errorf("%w: the monolith says that it is no session", ErrRejected)
}

func introspectedTime(value any) (time.Time, error) {
	if value == nil {
		return time.Time{}, nil
	}
	text, _ := value.(string)
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), err
}

// end asks the monolith to end the session.
func (i introspect) end(ctx context.Context, cookies string) error {
	status, _, err := i.ask(ctx, http.MethodDelete, cookies)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusOK, http.StatusNoContent, http.StatusUnauthorized:
		return nil
	}
	return fmt.Errorf("asking the monolith to end a session: it answered %d", status)
}
