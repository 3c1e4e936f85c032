package functions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/cloudwatch"
	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/events"
)

type metricFilter struct {
	LogGroupName, FilterPattern string
	MetricTransformations       []struct {
		MetricNamespace, MetricName, MetricValue, Unit string
		DefaultValue                                   *float64
		Dimensions                                     []struct{ Key, Value string }
	}
}

// counts returns what the filters count in these lines: a metric by its name, and by the
// value of its dimension if it has one.
func counts(t *testing.T, filters map[string]metricFilter, lines []string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for id, f := range filters {
		p, err := cloudwatch.ParsePattern(f.FilterPattern)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for _, line := range lines {
			matched, err := p.Match(line)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if matched {
				found[metricOf(t, f, line)]++
			}
		}
	}
	return found
}

// metricOf returns the name of the metric that a line counts for. The fields that the
// filter takes out of the line must be there.
func metricOf(t *testing.T, f metricFilter, line string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatal(err)
	}
	m := f.MetricTransformations[0]
	if name, ok := strings.CutPrefix(m.MetricValue, "$."); ok {
		if _, isNumber := fields[name].(float64); !isNumber {
			t.Errorf("%s has no number %s: %s", m.MetricName, name, line)
		}
	}
	name := m.MetricName
	for _, d := range m.Dimensions {
		value, _ := fields[strings.TrimPrefix(d.Value, "$.")].(string)
		if value == "" {
			t.Errorf("%s has no %s: %s", m.MetricName, d.Value, line)
		}
		name += " " + value
	}
	return name
}

// metricFilters returns the filters of a stack with a canary.
func metricFilters(t *testing.T, canary string) map[string]metricFilter {
	t.Helper()
	e := translate(t).evaluate(t, map[string]string{"CanaryUserId": canary})
	return resourcesOf[metricFilter](e, "AWS::Logs::MetricFilter")
}

// lines takes what the functions have logged since the last call.
type lines struct {
	s    *stack
	seen map[string]int
}

func (l lines) take() (all []string) {
	for id, function := range l.s.functions {
		log := function.log.String()
		all = append(all, strings.Split(strings.TrimSuffix(log[l.seen[id]:], "\n"), "\n")...)
		l.seen[id] = len(log)
	}
	return all
}

// happening is something that users do, and what it counts.
type happening struct {
	what  string
	do    func()
	want  map[string]int
	lines []string
}

// What the functions log moves exactly the counts that it should. A letter that is wrong in
// the name of an event in a pattern is noticed.
func TestMetrics(t *testing.T) {
	s := newStack(t, map[string]string{"ATTEMPTS_LADDER": "1,1h,1h,2", "SESSION_KEYS": firstKey})
	s.addForeignUser(t)
	filters, log := metricFilters(t, "carol-id"), lines{s, map[string]int{}}
	steps := s.metricSteps(t)
	for i := range steps {
		steps[i].do()
		steps[i].lines = log.take()
		if got := counts(t, filters, steps[i].lines); !maps.Equal(got, steps[i].want) {
			t.Errorf("%s counts %v, want %v:\n%s", steps[i].what, got, steps[i].want, strings.Join(steps[i].lines, "\n"))
		}
	}
	for id, f := range filters {
		for _, name := range regexp.MustCompile(`"[a-z]+_[a-z_]+"`).FindAllString(f.FilterPattern, -1) {
			wrong := f
			wrong.FilterPattern = strings.Replace(f.FilterPattern, name, name[:len(name)-2]+`x"`, 1)
			noticed := slices.ContainsFunc(steps, func(h happening) bool {
				return !maps.Equal(counts(t, map[string]metricFilter{id: wrong}, h.lines), counts(t, map[string]metricFilter{id: f}, h.lines))
			})
			if _, known := events.Find(strings.Trim(name, `"`)); !noticed && !known {
				t.Errorf("%s counts %s, which is no event, and which nothing here logs", id, name)
			}
		}
	}
}

// metricSteps is a way through all outcomes.
func (s *stack) metricSteps(t *testing.T) []happening {
	var cookie, old string
	do := func(status int, in request) reply {
		r := s.do(t, in)
		wantStatus(t, r, status)
		return r
	}
	wrong := func(status int) func() { return func() { do(status, login("a wrong guess")) } }
	signIn := func() { cookie = s.signIn(t) }
	get := func(status int) func() { return func() { do(status, profile(cookie)) } }
	sessions, made := s.tables["SessionsTable"], map[string]int{"SignIns": 1, "SessionsCreated": 1}
	return []happening{
		{what: "a cold start of each function", do: func() { s.startAll(t) }, want: map[string]int{"ColdStarts": len(s.functions)}},
		{what: "a sign-in", do: signIn, want: made},
		{what: "a wrong password", do: wrong(http.StatusUnauthorized), want: map[string]int{"SignInsRefused": 1}},
		{what: "one too early", do: wrong(http.StatusTooManyRequests), want: map[string]int{"SignInsThrottled": 1}},
		{what: "one too many", do: func() {
			s.moveBack(t, "AttemptsTable", "last_at", 2*60*60*1000)
			wrong(http.StatusUnauthorized)()
		}, want: map[string]int{"SignInsRefused": 1, "NamesLocked": 1}},
		{what: "the canary's sign-in, logout and wrong password", do: func() {
			canary := do(http.StatusOK, loginAs(foreignUser, foreignPassword))
			do(http.StatusNoContent, request{method: "POST", path: "/logout", cookie: canary.cookie()})
			do(http.StatusUnauthorized, loginAs(foreignUser, "wrong"))
		}, want: map[string]int{}},
		{what: "a browser whose name looks like an event", do: func() {
			in := profile(cookie)
			in.headers = http.Header{"User-Agent": {`","message":"authn_login_lock","user_agent":"`}}
			do(http.StatusOK, in)
			in.cookie = cookie + "; " + strings.Replace(cookie, ".", ".x", 1) // so that its name is logged
			do(http.StatusUnauthorized, in)
		}, want: map[string]int{"CookiesRefused session_cookies_differ": 1}},
		{what: "a profile", do: get(http.StatusOK), want: map[string]int{}},
		{what: "a touch that fails", do: func() {
			s.moveBack(t, "SessionsTable", "last_seen_at", 4*60)
			s.proxy.Fail("UpdateItem "+sessions, slices.Repeat([]dynamotest.Fault{dynamotest.Refuse}, 3)...) // the SDK tries three times
			get(http.StatusOK)()
		}, want: map[string]int{"TouchesFailed": 1}},
		{what: "an outage", do: func() {
			s.proxy.FailAll(dynamotest.Refuse)
			get(http.StatusServiceUnavailable)()
			s.proxy.FailAll(dynamotest.None)
		}, want: map[string]int{"Outages": 1}},
		{what: "two cookies", do: func() {
			do(http.StatusUnauthorized, profile(cookie+"; "+strings.Replace(cookie, ".", ".x", 1)))
		}, want: map[string]int{"CookiesRefused session_cookies_differ": 1}},
		{what: "a token that nobody has signed", do: func() {
			secret := strings.LastIndex(cookie, ".") + 1
			do(http.StatusUnauthorized, profile(cookie[:secret]+strings.Repeat("A", len(cookie)-secret)))
		}, want: map[string]int{"CookiesRefused session_token_forged": 1}},
		{what: "a logout", do: func() { do(http.StatusNoContent, request{method: "POST", path: "/logout", cookie: cookie}) },
			want: map[string]int{"SessionsEnded logout": 1}},
		{what: "a lock that ends", do: func() { s.empty(t, "AttemptsTable") }, want: map[string]int{}},
		{what: "another sign-in", do: signIn, want: made},
		{what: "the password given again", do: func() {
			old = cookie
			cookie = do(http.StatusNoContent, request{method: "POST", path: "/reauthenticate", cookie: cookie, contentType: "application/json",
				body: fmt.Sprintf(`{"password": %q}`, password)}).cookie()
		}, want: map[string]int{}},
		{what: "the token of before", do: func() { do(http.StatusUnauthorized, profile(old)) }, want: map[string]int{"CookiesRefused authn_token_reuse": 1}},
		{what: "another password, and the other session ends", do: func() {
			other := cookie
			cookie = s.signIn(t)
			cookie = do(http.StatusNoContent, changePassword(cookie, password, nextPassword)).cookie()
			do(http.StatusUnauthorized, profile(other))
		}, want: map[string]int{"SignIns": 1, "SessionsCreated": 1, "SessionsEnded password_changed": 1}},
		{what: "all sessions ended", do: func() {
			do(http.StatusNoContent, request{method: "POST", path: "/sessions/revoke-all", cookie: cookie})
		},
			want: map[string]int{"SessionsEnded revoked": 1}},
		{what: "a sign-in that the audit trail does not take", do: func() {
			s.proxy.Fail("PutItem "+s.tables["AuditTable"], slices.Repeat([]dynamotest.Fault{dynamotest.Refuse}, 3)...)
			cookie = s.signInWith(t, nextPassword)
		}, want: map[string]int{"SignIns": 1, "SessionsCreated": 1, "AuditFailures": 1}},
		{what: "a session that was not used", do: func() {
			s.moveBack(t, "SessionsTable", "last_seen_at", 60*60)
			get(http.StatusUnauthorized)()
		}, want: map[string]int{"SessionsEnded idle": 1}},
	}
}

// What the canary does is counted nowhere, apart from the entries that the audit trail did not
// take, and from cold starts, which are nobody's. The same of somebody else is counted.
func TestCanaryIsNotCounted(t *testing.T) {
	always := []string{"AuditFailures", "ColdStarts"}
	for id, f := range metricFilters(t, "canary") {
		p, err := cloudwatch.ParsePattern(f.FilterPattern)
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		for _, name := range regexp.MustCompile(`\$\.message = "(\w+)"`).FindAllStringSubmatch(f.FilterPattern, -1) {
			for user, want := range map[string]bool{"canary": slices.Contains(always, f.MetricTransformations[0].MetricName), "canary2": true} {
				if got, err := p.Match(fmt.Sprintf(`{"message": %q, "user_id": %q}`, name[1], user)); err != nil || got != want {
					t.Errorf("%s counts %s of %s: %v, %v; want %v", id, name[1], user, got, err, want)
				}
			}
		}
	}
}

// A metric of several events counts all of them.
func TestEventsOfEachMetric(t *testing.T) {
	want := map[string][]string{
		"SessionsEnded":  {"session_ended", "session_expired"},
		"CookiesRefused": {"authn_token_reuse", "session_cookies_differ", "session_token_forged"},
		"Outages":        {"session_unavailable", "sys_crash", "sys_failure"},
	}
	for id, f := range metricFilters(t, "") {
		var counted []string
		for _, parts := range regexp.MustCompile(`\$\.message = "(\w+)"`).FindAllStringSubmatch(f.FilterPattern, -1) {
			counted = append(counted, parts[1])
		}
		slices.Sort(counted)
		name := f.MetricTransformations[0].MetricName
		if events, several := want[name]; several && !slices.Equal(counted, events) || !several && len(counted) != 1 {
			t.Errorf("%s counts %q as %s, want %q, or one event", id, counted, name, events)
		}
	}
}

// Each filter is for one metric of the stack's own namespace, and none has a default value,
// which would be paid for all the time. The events in its pattern are in the catalogue, and
// have the fields that it reads.
func TestMetricFilters(t *testing.T) {
	for id, f := range metricFilters(t, "") {
		m := f.MetricTransformations[0]
		if f.LogGroupName != "FunctionLogs" || len(f.MetricTransformations) != 1 || m.MetricNamespace != "Coatcheck/"+stackName || m.DefaultValue != nil || m.Unit == "" {
			t.Errorf("%s is %+v", id, f)
		}
		reads := []string{m.MetricValue}
		for _, d := range m.Dimensions {
			reads = append(reads, d.Value)
		}
		named := regexp.MustCompile(`\$\.message = "(\w+)"`).FindAllStringSubmatch(f.FilterPattern, -1)
		if len(named) == 0 {
			t.Errorf("%s is for no event", id)
		}
		for _, name := range named {
			kind, known := events.Find(name[1])
			for _, read := range reads {
				field, ok := strings.CutPrefix(read, "$.")
				if known = known && (!ok || field == "message" || slices.Contains(kind.Fields, field)); !known {
					t.Errorf("%s counts %s and reads %s, which the catalogue does not have", id, name[1], read)
				}
			}
		}
	}
}
