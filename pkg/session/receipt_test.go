package session_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/coatcheck/pkg/session"
)

// A browser that keeps the cookie costs no call. The session of one that does not is
// ended, by one call.
func TestRedeem(t *testing.T) {
	signed := func(keys ...[]byte) session.Config { return session.Config{SigningKeys: keys} }
	type made struct{ receipt, token string }
	cut := func(receipt string) []string { return strings.Split(receipt, ".") }
	with := func(part int, text string) func(made, made) string {
		return func(mine, _ made) string {
			parts := cut(mine.receipt)
			parts[part] = text
			return strings.Join(parts, ".")
		}
	}
	mine := func(mine, _ made) string { return mine.receipt }
	mixed := func(mine, other made) string { // the other session's hash
		parts := cut(mine.receipt)
		parts[2] = cut(other.receipt)[2]
		return strings.Join(parts, ".")
	}
	now := "946684800" // in a bubble
	for name, tt := range map[string]struct {
		login, redeem session.Config
		receipt       func(mine, other made) string
		wait          time.Duration
		cookies       func(mine, other made) []string
		kept, ended   bool
		calls         int
		err           error
	}{
		"no cookie":                     {receipt: mine, ended: true, calls: 1},
		"its cookie":                    {receipt: mine, cookies: func(mine, _ made) []string { return []string{cookie(mine.token)} }, kept: true},
		"another session's cookie":      {receipt: mine, cookies: func(_, other made) []string { return []string{cookie(other.token)} }, kept: true},
		"a worthless cookie":            {receipt: mine, cookies: func(_, _ made) []string { return []string{cookie("")} }, kept: true},
		"several cookies":               {receipt: mine, cookies: func(mine, other made) []string { return []string{cookie(mine.token), cookie(other.token)} }, kept: true},
		"a similar cookie":              {receipt: mine, cookies: func(mine, _ made) []string { return []string{"x" + cookie(mine.token)} }, ended: true, calls: 1},
		"malformed, with a cookie":      {receipt: with(0, "x"), cookies: func(mine, _ made) []string { return []string{cookie(mine.token)} }, kept: true},
		"a minute later":                {receipt: mine, wait: time.Minute, ended: true, calls: 1},
		"more than a minute later":      {receipt: mine, wait: time.Minute + time.Second, err: session.ErrNoSession},
		"from the future, within clock": {receipt: with(3, "946684860"), ended: true, calls: 1},
		"from the future":               {receipt: with(3, "946684861"), err: session.ErrNoSession},
		"from the distant future":       {receipt: with(3, "9223372036854775807"), err: session.ErrNoSession},
		"from the distant past":         {receipt: with(3, "-9223372036854775808"), err: session.ErrNoSession},
		"no time":                       {receipt: with(3, ""), err: session.ErrNoSession},
		"a time that is none":           {receipt: with(3, "1e9"), err: session.ErrNoSession},
		"another session's hash":        {receipt: mixed, calls: 1},
		"a token":                       {receipt: func(mine, _ made) string { return mine.token }, err: session.ErrNoSession},
		"a token with a time":           {receipt: func(mine, _ made) string { return mine.token + "." + now }, calls: 1},
		"a short owner":                 {receipt: with(0, strings.Repeat("A", 21)), err: session.ErrNoSession},
		"a long ID":                     {receipt: with(1, strings.Repeat("A", 23)), err: session.ErrNoSession},
		"a hash in another spelling":    {receipt: with(2, strings.Repeat("A", 42)+"B"), err: session.ErrNoSession},
		"a part too many":               {receipt: func(mine, _ made) string { return mine.receipt + ".x" }, err: session.ErrNoSession},
		"dots":                          {receipt: func(_, _ made) string { return "..." }, err: session.ErrNoSession},
		"nothing":                       {receipt: func(_, _ made) string { return "" }, err: session.ErrNoSession},

		"signed":                 {login: signed(keyA), redeem: signed(keyA), receipt: mine, ended: true, calls: 1},
		"signed by an older key": {login: signed(keyA), redeem: signed(keyB, keyA), receipt: mine, ended: true, calls: 1},
		"signed by another key":  {login: signed(keyA), redeem: signed(keyB), receipt: mine, err: session.ErrNoSession},
		"signed, without keys":   {login: signed(keyA), receipt: mine, err: session.ErrNoSession},
		"unsigned, with keys":    {redeem: signed(keyA), receipt: mine, err: session.ErrNoSession},
		"signed, at another time": {login: signed(keyA), redeem: signed(keyA), receipt: with(3, "946684801"),
			err: session.ErrNoSession},
		"signed, another session's hash": {login: signed(keyA), redeem: signed(keyA), receipt: mixed, err: session.ErrNoSession},
		"signed, another MAC":            {login: signed(keyA), redeem: signed(keyA), receipt: with(4, strings.Repeat("A", 22)), err: session.ErrNoSession},
		"the MAC of a token": {login: signed(keyA), redeem: signed(keyA), receipt: func(mine, _ made) string { return mine.token[:secretEnd] + "." + now + mine.token[secretEnd:] },
			err: session.ErrNoSession},
		"dots, with keys":    {redeem: signed(keyA), receipt: func(_, _ made) string { return "...." }, err: session.ErrNoSession},
		"nothing, with keys": {redeem: signed(keyA), receipt: func(_, _ made) string { return "" }, err: session.ErrNoSession},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newFixture(t, tt.login)
				var all [2]made
				for i := range all {
					s, token := r.login("u1")
					all[i] = made{r.Receipt(s), token}
				}
				time.Sleep(tt.wait)
				var cookies []string
				if tt.cookies != nil {
					cookies = tt.cookies(all[0], all[1])
				}
				r.store.count()
				kept, err := r.withConfig(tt.redeem).Redeem(r.request(cookies...), tt.receipt(all[0], all[1]))
				want(t, err, tt.err)
				if n := r.store.count("Delete"); kept != tt.kept || n != tt.calls || r.store.count() != 0 {
					t.Errorf("kept: %v, %d Deletes, and perhaps more; want %v, %d and nothing else", kept, n, tt.kept, tt.calls)
				}
				r.wantAlive(all[1].token)
				if tt.ended {
					r.wantDead(all[0].token)
				} else {
					r.wantAlive(all[0].token)
				}
			})
		})
	}
}

// A receipt that comes twice, or after its session has ended, gets the same answer.
func TestRedeemTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFixture(t, session.Config{})
		s, _ := r.login("u1")
		r.log.reset()
		for range 2 {
			if kept, err := r.Redeem(r.request(), r.Receipt(s)); kept || err != nil {
				t.Errorf("kept: %v, %v", kept, err)
			}
		}
		r.log.wantLines("INFO session_ended reason=cookie_not_kept session_id=" + s.ID + " user_id=u1" + byClient)
	})
}

// A receipt ends its session through one renewal, as its token would, and not through
// two.
func TestRedeemAfterRenewals(t *testing.T) {
	for renewals, ended := range []bool{true, true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newFixture(t, session.Config{})
			s, token := r.login("u1")
			receipt := r.Receipt(s)
			for range renewals {
				w := httptest.NewRecorder()
				want(t, r.Renew(t.Context(), w, s), nil)
				token = tokenIn(t, w)
			}
			_, err := r.Redeem(r.request(), receipt)
			want(t, err, nil)
			if ended {
				r.wantDead(token)
			} else {
				r.wantAlive(token)
			}
		})
	}
}

// A store that is down is an outage, and leaves the session for another try.
func TestRedeemInAnOutage(t *testing.T) {
	r := newFixture(t, session.Config{})
	s, token := r.login("u1")
	r.store.down()
	_, err := r.Redeem(r.request(), r.Receipt(s))
	want(t, err, errOutage)
	r.store.up()
	r.wantAlive(token)
}

// A receipt opens nothing: whatever is cut from it is no token of a session.
func TestReceiptIsNoToken(t *testing.T) {
	for _, cfg := range []session.Config{{}, {SigningKeys: [][]byte{keyA}}} {
		r := newFixture(t, cfg)
		s, token := r.login("u1")
		receipt := r.Receipt(s)
		if secret := token[secretStart:secretEnd]; strings.Contains(receipt, secret) {
			t.Error("the receipt holds the secret")
		}
		for end := range len(receipt) + 1 {
			r.wantDead(receipt[:end])
		}
		parts := strings.Split(receipt, ".")
		r.wantDead(strings.Join(append(parts[:3:3], parts[4:]...), ".")) // with its MAC as a token's
	}
}
