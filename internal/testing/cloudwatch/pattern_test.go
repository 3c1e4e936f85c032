package cloudwatch_test

import (
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/cloudwatch"
)

// The examples of AWS's documentation, with the lines that it has for them.
const (
	trail = `{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
		"objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ThisFlag": true}`
	users = `{"user": {"id": 1, "email": "John.Stiles@example.com"},
		"users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
		"actions": ["GET", "PUT", "DELETE"], "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]}`
	latency = `{"latency": 55.5, "errorCode": 400}`
	login   = `{"level":"INFO","message":"authn_login_success","user_id":"u1"}`
)

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, line string
		want          bool
	}{
		{`{ $.eventType = "UpdateTrail" }`, trail, true},
		{`{ $.eventType = UpdateTrail }`, trail, true},
		{`{ $.eventType = "updatetrail" }`, trail, false},
		{`{ $.eventType = "UpdateTrai" }`, trail, false},
		{`{ $.sourceIPAddress != 123.123.* }`, trail, true},
		{`{ $.sourceIPAddress != 111.111.* }`, trail, false},
		{`{ $.sourceIPAddress = "111*" }`, trail, true},
		{`{ $.sourceIPAddress = 11x.1* }`, trail, false}, // a dot is a dot
		{`{ $.eventType = "*Trail" }`, trail, true},
		{`{ $.eventType = "*pdate*" }`, trail, true},
		{`{ $.eventType = "*pdate" }`, trail, false},
		{`{ $.arrayKey[0] = "value" }`, trail, true},
		{`{ $.arrayKey[1] = "value" }`, trail, false},
		{`{ $.arrayKey[2] = "value" }`, trail, false},
		{`{ $.eventType[0] = "value" }`, trail, false},
		{`{ $.objectList[1].id = 2 }`, trail, true},
		{`{ $.objectList[0].id = 2 }`, trail, false},
		{`{ $.objectList[1].kind = 2 }`, trail, false},
		{`{ $.SomeObject IS NULL }`, trail, true},
		{`{ $.eventType IS NULL }`, trail, false},
		{`{ $.SomeOtherObject IS NULL }`, trail, false},
		{`{ $.SomeOtherObject NOT EXISTS }`, trail, true},
		{`{ $.eventType NOT EXISTS }`, trail, false},
		{`{ $.ThisFlag IS TRUE }`, trail, true},
		{`{ $.ThisFlag IS FALSE }`, trail, false},
		{`{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }`, users, true},
		{`{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }`, users, false},
		{`{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = 5 && $.actions[2] = nomatch }`, users, true},
		{`{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = 5) && $.actions[2] = nomatch }`, users, false},
		{`{ $.users = 1 }`, users, false},  // a list is no value: the filter is not applied,
		{`{ $.users != 1 }`, users, false}, // whatever the operator is
		{`{ $.user.id = 1 || $.users != 1 }`, users, false},
		{`{ $.latency >= 55.5 }`, latency, true},
		{`{ $.latency > 55.5 }`, latency, false},
		{`{ $.latency < 10e3 }`, latency, true},
		{`{ $.latency < 10e-3 }`, latency, false},
		{`{ $.latency <= 55 }`, latency, false},
		{`{ $.latency > +50 }`, latency, true},
		{`{ $.errorCode = 400 }`, latency, true},
		{`{ $.errorCode != 500 }`, latency, true},
		{`{ $.latency = * }`, latency, true},
		{`{ $.other = * }`, latency, false},
		{`{ $.message = "authn_login_success" && ($.user_id NOT EXISTS || $.user_id != "canary") }`, login, true},
		{`{ $.message = "authn_login_success" && ($.user_id NOT EXISTS || $.user_id != "u1") }`, login, false},
		{`{ $.message = "authn_login_success" && ($.id NOT EXISTS || $.id != "u1") }`, login, true},
		{`{ $.message = "sys_failure" && $.id != "u1" }`, login, false}, // whatever the second condition is
		{`{ $.message = "authn_login_success" }`, "START RequestId: 8476a536", false},
		{`{ $.message = "authn_login_success" }`, `["authn_login_success"]`, false},
	} {
		p, err := cloudwatch.ParsePattern(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		if got, err := p.Match(tt.line); err != nil || got != tt.want {
			t.Errorf("%s matches %s: %v, want %v; %v", tt.pattern, tt.line, got, tt.want, err)
		}
	}
}

// What is wrong, not known here, or not documented is refused.
func TestPatternRefuses(t *testing.T) {
	for pattern, says := range map[string]string{
		``:                          "it is empty",
		`ERROR`:                     `"{" is expected`,
		`[ip, user, status = 4*]`:   `"{" is expected`,
		`{ $.a = "b"`:               `"}" is expected`,
		`{ $.a = "b" } x`:           "something follows",
		`{ ($.a = "b" }`:            `")" is expected`,
		`{ $.a == "b" }`:            "needs quotes",
		`{ $.a = b_c }`:             `"}" is expected`,
		`{ $.a = "b*c" }`:           "stands for itself",
		`{ $.a = "" }`:              "not documented",
		`{ $.a = %b% }`:             "needs quotes",
		`{ $.a > "b" }`:             "compares numbers",
		`{ $.a IS EMPTY }`:          "not known",
		`{ $.a EXISTS }`:            "no operator",
		`{ $.a NOT NULL }`:          `"EXISTS" is expected`,
		`{ a = "b" }`:               "no selector",
		`{ $.a = "b" & $.c = "d" }`: `"}" is expected`,
		`{ $.a = "b" && }`:          "no selector",
		`{ $.a = "` + strings.Repeat("b", 1024) + `" }`: "1024",
	} {
		if _, err := cloudwatch.ParsePattern(pattern); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error with %q", pattern, err, says)
		}
	}
	for _, pattern := range []string{`{ $.other != "u1" }`, `{ $.SomeObject != "u1" }`, `{ $.ThisFlag = "true" }`, `{ $.eventType = 1 }`} {
		p, err := cloudwatch.ParsePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Match(trail); err == nil || !strings.Contains(err.Error(), "not documented") {
			t.Errorf("%s: %v, %v; want that it is not documented", pattern, got, err)
		}
	}
}
