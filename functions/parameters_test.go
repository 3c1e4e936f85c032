package functions_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"example.com/coatcheck/internal/testing/dynamotest"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/bridgeconfig"
	"example.com/coatcheck/pkg/config/dynamoconfig"
	"example.com/coatcheck/pkg/config/oidcconfig"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/signin/oidc/memlinks"
	"example.com/coatcheck/pkg/signin/site"
)

// parameter is one parameter of template.yaml that a variable of the functions has.
type parameter struct {
	Default        string   `yaml:"Default"`
	AllowedPattern string   `yaml:"AllowedPattern"`
	AllowedValues  []string `yaml:"AllowedValues"`
	MinValue       int      `yaml:"MinValue"`
	MaxValue       int      `yaml:"MaxValue"`
	MaxLength      int      `yaml:"MaxLength"`
}

// parameterVariables maps each variable of the functions that is a !Ref of a parameter to
// the name of that parameter.
func parameterVariables(t *testing.T) (parameters map[string]parameter, variables map[string]string) {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Parameters map[string]parameter `yaml:"Parameters"`
	}
	if err := yaml.Load(text, &template); err != nil {
		t.Fatal(err)
	}
	variables = map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^ +([A-Z_]+): !Ref (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		if _, ok := template.Parameters[match[2]]; ok {
			variables[match[1]] = match[2]
		}
	}
	return template.Parameters, variables
}

// values returns values that the pattern allows: for each choice in it the first and the
// last possibility, alone and together with others, and random ones.
func values(t *testing.T, pattern string) (all []string) {
	t.Helper()
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(12, 4))
	for n := range 400 {
		choose := func(of int) int { // one of the first numbers from 0 on
			switch {
			case n == 0:
				return 0
			case n == 1:
				return of - 1
			case n < 100 && rng.IntN(2) == 0:
				return rng.IntN(2) * (of - 1)
			default:
				return rng.IntN(of)
			}
		}
		var value strings.Builder
		generate(&value, parsed, choose)
		all = append(all, value.String())
	}
	return all
}

// generate writes one text that the expression matches.
func generate(out *strings.Builder, expression *syntax.Regexp, choose func(of int) int) {
	repeat := func(least, most int) {
		if most < 0 {
			most = least + 3
		}
		for range least + choose(most-least+1) {
			generate(out, expression.Sub[0], choose)
		}
	}
	switch expression.Op {
	case syntax.OpLiteral:
		out.WriteString(string(expression.Rune))
	case syntax.OpCharClass:
		total := 0
		for i := 0; i < len(expression.Rune); i += 2 {
			total += int(expression.Rune[i+1]-expression.Rune[i]) + 1
		}
		place := rune(choose(total))
		for i := 0; i < len(expression.Rune); i += 2 {
			if size := expression.Rune[i+1] - expression.Rune[i] + 1; place >= size {
				place -= size
				continue
			}
			out.WriteRune(expression.Rune[i] + place)
			return
		}
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range expression.Sub {
			generate(out, sub, choose)
		}
	case syntax.OpAlternate:
		generate(out, expression.Sub[choose(len(expression.Sub))], choose)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpRepeat:
		repeat(expression.Min, expression.Max)
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine:
	default:
		panic("not understood: " + expression.String())
	}
}

// startAll reads every variable as the functions do when they start.
func startAll() error {
	if _, err := config.Sessions(memstore.New(), nil); err != nil {
		return err
	}
	if _, err := config.ReauthenticationWindow(); err != nil {
		return err
	}
	if _, err := config.AuditRetention(); err != nil {
		return err
	}
	if _, err := signinconfig.Site(); err != nil {
		return err
	}
	if os.Getenv("BRIDGE_ENDS_AT") != "" { // a Rule of the template wants it if there is a bridge
		sessions, err := config.Sessions(memstore.New(), nil)
		if err != nil {
			return err
		}
		users := accounts.NewRegistrar(memaccounts.New(), accounts.Config{})
		cookies := []site.LegacyCookie{{Name: "session", Stateless: true}} // those of LEGACY_SOURCES, which no pattern describes
		if _, err := bridgeconfig.Converter(context.Background(), cookies, sessions, users, membridge.New()); err != nil {
			return err
		}
	}
	directory, err := signinconfig.Directory(memaccounts.New())
	if err != nil {
		return err
	}
	_, err = signinconfig.Authenticator(directory, memaccounts.NewAttempts())
	return err
}

// looks are the variables of which no pattern can say whether a function takes them: what
// an SVG image draws, whether people can read text in a color, and whether a time has come. Each has values that
// functions take, and one that stops them, with what they say.
var looks = map[string]struct {
	taken       []string
	stops, says string
}{
	"BRAND_LOGO":          {[]string{"", `<svg viewBox='0 0 32 32'><path d='M0 0h9'/></svg>`}, "<svg viewBox='0 0 9 9'><script/></svg>", "BRAND_LOGO: the element <script> is not allowed"},
	"SESSIONS_NOT_BEFORE": {[]string{"", "2024-02-29T23:59:59Z", "2026-10-31T00:00:00Z"}, "2099-01-01T00:00:00Z", "SESSIONS_NOT_BEFORE is 2099-01-01T00:00:00Z; it must not be a time to come"},
	"BRAND_COLORS":        {[]string{"", "#0b5394,#9fc5e8"}, "#ffff00,#9fc5e8", "BRAND_COLORS: the color for light pages, #ffff00, has a contrast of 1.04:1"},
}

// Whatever the template accepts, no function is stopped by it when it starts: neither by
// one parameter while the others have their defaults, nor by several together. The looks
// of a brand and a time to come are the exceptions, and docs/operate.md says so.
func TestParametersNeverStopAFunction(t *testing.T) {
	parameters, variables := parameterVariables(t)
	if len(variables) < 8 {
		t.Fatalf("only %v found", variables)
	}
	all := map[string][]string{}
	for variable, name := range variables {
		all[variable] = []string{"any text; §$%&, even this"}
		switch p := parameters[name]; {
		case looks[variable].taken != nil:
			all[variable] = looks[variable].taken
		case p.AllowedValues != nil:
			all[variable] = p.AllowedValues
		case p.AllowedPattern != "":
			all[variable] = values(t, p.AllowedPattern)
		case p.MaxValue > 0:
			all[variable] = []string{fmt.Sprint(p.MinValue), fmt.Sprint(p.MaxValue)}
		}
	}
	t.Setenv("LEGACY_LOGIN_KEY", strings.Repeat("k", 32)) // a Rule of the template wants it beside the URL
	delete(variables, "LEGACY_LOGIN_KEY")
	// The client is slow to make, and reads no variable of ours: it is made for each
	// different endpoint, and for nothing else.
	const endpoint = "AWS_ENDPOINT_URL_DYNAMODB"
	slices.Sort(all[endpoint])
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
		t.Setenv(name, value) // Lambda sets it
	}
	for _, value := range slices.Compact(all[endpoint]) {
		t.Setenv(endpoint, value)
		if _, err := dynamoconfig.Client(t.Context()); err != nil {
			t.Fatalf("%s=%s is accepted by the template, and stops a function: %v", endpoint, value, err)
		}
	}
	delete(variables, endpoint)
	t.Setenv("LEGACY_SOURCES", bridgeVariables["LEGACY_SOURCES"]) // a secret, which no pattern describes
	set := func(variable, value string) string {
		t.Setenv(variable, value)
		return fmt.Sprintf("%s=%s ", variable, value)
	}
	for variable, name := range variables {
		set(variable, parameters[name].Default)
	}
	if err := startAll(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	for variable, name := range variables {
		for _, value := range all[variable] {
			told := set(variable, value)
			if err := startAll(); err != nil {
				t.Fatalf("%s is accepted by the template, and stops a function: %v", told, err)
			}
		}
		set(variable, parameters[name].Default)
	}
	for variable, look := range looks {
		set(variable, look.stops)
		if err := startAll(); err == nil || !strings.HasPrefix(err.Error(), look.says) {
			t.Errorf("%s=%s: %v", variable, look.stops, err)
		}
		set(variable, "")
	}
	rng := rand.New(rand.NewPCG(12, 5))
	for range 400 {
		told := ""
		for variable := range variables {
			told += set(variable, all[variable][rng.IntN(len(all[variable]))])
		}
		if err := startAll(); err != nil {
			t.Fatalf("%s are accepted by the template, and stop a function: %v", told, err)
		}
	}
}

// The template refuses what makes no sense, and accepts what people write.
func TestParameterPatterns(t *testing.T) {
	parameters, _ := parameterVariables(t)
	const key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	for name, tt := range map[string]struct{ accepted, refused []string }{
		"SessionIdleTimeout": {[]string{"10s", "45s", "1800s", "30m", "90m", "1h", "1h30m", "24h", "720h", "9599h59m", "9600h"},
			[]string{"", "0s", "5s", "9s", "0m", "0h", "30", "-30m", "1.5h", "30m1h", "1h90m", "9601h", "9600h1m", "1000000h", "30ms", "1d"}},
		"SessionsNotBefore": {[]string{"", "2026-11-30T23:59:59Z", "2024-02-29T00:00:00Z", "2026-12-31T12:00:00Z"},
			[]string{"2026-11-31T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-11-27", "2026-11-27T14:00:00", "2026-11-27T14:00:00+01:00", "2026-11-27T24:00:00Z", "now"}},
		"KmsKeyArn": {[]string{"", "arn:aws:kms:eu-west-1:123456789012:key/0b1f3c5d-0000-4000-8000-000000000000", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-0b1f3c5d00004000800000000000"},
			[]string{"alias/coatcheck", "arn:aws:kms:eu-west-1:123456789012:alias/coatcheck", "0b1f3c5d-0000-4000-8000-000000000000"}},
		"SessionPersistentIdleTimeout": {[]string{"", "168h", "10s"}, []string{"0s", "7d", "9601h"}},
		"SessionPersistentLifetime":    {[]string{"", "720h", "9600h"}, []string{"0s", "30d", "720"}},
		"SessionLifetime":              {[]string{"15m", "24h", "9600h"}, []string{"5s", "9601h", "24"}},
		"ReauthenticationWindow":       {[]string{"15m", "10s"}, []string{"0s", "0m", "15"}},
		"AttemptsLadder":               {[]string{"10,30s,1h,100", "1,1s,1s,2", "5,1m,1h30m,20"}, []string{"0,30s,1h,100", "10,0s,1h,100", "10,30s,0h,100", "10,30s,1h,0", "10,30s,1h,1", "10,30s,1h", "99999999999999999999,30s,1h,100"}},
		"LegacyLoginURL":               {[]string{"", "https://www.example.com/internal/coatcheck-login", "https://a:8443"}, []string{"http://localhost/", "https://", "https://u@a/", "https://a/?key=x", "https://a/#x", "https://a:0"}},
		"LegacyLoginKey":               {[]string{"", strings.Repeat("f", 32)}, []string{"short", strings.Repeat("f", 31) + " ", strings.Repeat("f", 31) + ","}},
		"OidcIssuer":                   {[]string{"", "https://id.example.com", "https://id.example.com:8443/realms/shop", "https://tenant.example.com/"}, []string{"http://id.example.com", "https://id.example.com/?a=b", "https://id.example.com/#f", "https://u@a", "https://ID.example.com", "id.example.com"}},
		"OidcClientId":                 {[]string{"", "shop", "1-abc.apps.example.com"}, []string{"a b", "a\n"}},
		"OidcClientSecretArn":          {[]string{"", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/oidc-AbCdEf"}, []string{"the secret itself"}},
		"OidcName":                     {[]string{"", "Müller ID"}, []string{"two\nlines", strings.Repeat("n", 51)}},
		"OidcScopes":                   {[]string{"", "openid", "openid profile email", "openid https://api.example.com/read"}, []string{"profile", "openid  email", "openid,email"}},
		"OidcRolesClaim":               {[]string{"", "groups", "realm_access.roles", "https://example.com/roles", "cognito:groups"}, []string{"a b", `a"`}},
		"OidcRoles":                    {[]string{"", "admins=admin", "admins=admin,staff=support", "0b1f3c5d-0000-4000-8000-000000000000=admin"}, []string{"admins", "=admin", "admins=", "a=b,", "a=b=c", "a=b, c=d"}},
		"AttemptsPerNetwork":           {[]string{"100,10m", "1,1s"}, []string{"0,10m", "100,0m", "100", "99999999999999999999,10m"}},
		"PublicOrigin":                 {[]string{"", "https://app.example.com", "http://localhost:8080", "https://a:443"}, []string{"https://", "https://A", "https://a/", "https://a:0", "https://a:"}},
		"TrustedOrigins": {[]string{"", "https://app.example.com", "https://app.example.com,https://b.example.com:8443", "https://a, https://b"},
			[]string{"*", "null", "https://*.example.com", "http://app.example.com", "https://A", "https://a/", "https://a,", "https://a;https://b", "https://a:0", "app.example.com"}},
		"ProxySecrets":     {[]string{"", strings.Repeat("0", 32), strings.Repeat("f", 64), key, key + "," + strings.Repeat("f", 64)}, []string{strings.Repeat("0", 31), strings.Repeat("0", 65), key + ",", key + "," + key + "," + key, key + ", " + key, "an example with blanks, and long enough"}},
		"DynamoDBEndpoint": {[]string{"", "http://host.docker.internal:8000", "http://localhost:8000", "https://dynamodb.example.com"}, []string{"http://", "http://a:b:c", "http://:::", "http://1:2:3", "http://a:", "http://a:0", "http://a:123456", "http://u@a", "ftp://a", "localhost:8000"}},
		"LegacyCookies": {[]string{"", "session", "session,session.sig", "sessionid;Path=/;Domain=example.org;Stateless,laravel_session", "__Host-s;Stateless"},
			[]string{"session;", "session,", "session;Secure", "a b", "session;Path=x", "session;Domain=https://a", "session;Domain=EXAMPLE.org", "a=b"}},
		"LegacySourcesArn":   {[]string{"", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/legacy-AbCdEf"}, []string{"shop/legacy", "arn:aws:s3:::bucket"}},
		"BridgeEndsAt":       {[]string{"", "2027-03-28T00:00:00Z"}, []string{"2027-03-28", "2027-02-30T00:00:00Z", "2027-03-28T00:00:00+01:00", "2027-13-01T00:00:00Z", "2027-03-28T24:00:00Z"}},
		"ExistingUsersTable": {[]string{"", "coatcheck-users-2026-11-27", "a.b_C"}, []string{"ab", "arn:aws:dynamodb:eu-west-1:123456789012:table/users", "a/b", strings.Repeat("t", 101)}},
		"BrandName":          {[]string{"", "Müller & Söhne", "コートチェック", strings.Repeat("n", 50)}, []string{"two\nlines", "a\tb", strings.Repeat("n", 51)}},
		"BrandColors":        {[]string{"", "#0b5394,#9FC5E8"}, []string{"#0b5394", "#0b5394, #9fc5e8", "red,blue", "#0b5394,#9fc5e8;"}},
		"BrandLinks": {[]string{"", "Help=/", "Über uns=https://shop.example:8443/a/b?c=d&e=%C3%BC#f, Help=/help"},
			[]string{"Help", "=/help", " =/help", "Help=//evil.example", "Help=javascript:alert(1)", "Help=http://shop.example", `Help=/"`, "Help=/%zz", "Help=/help,", strings.Repeat("n", 41) + "=/"}},
		"PasswordPeppers": {[]string{"", "1:" + key, "2026:" + key + ",2025:" + key, "1:" + strings.Repeat("A", 44), "1:" + strings.Repeat("A", 86) + "=="},
			[]string{key, "1:" + key + ",", "1:" + strings.Repeat("A", 43), "1:" + strings.Repeat("A", 42) + "B=", "1:" + strings.Repeat("A", 42) + "==", "a-b:" + key}},
	} {
		allowed := regexp.MustCompile(parameters[name].AllowedPattern)
		if !allowed.MatchString(parameters[name].Default) {
			t.Errorf("%s refuses its own default", name)
		}
		for _, value := range tt.accepted {
			if !allowed.MatchString(value) {
				t.Errorf("%s refuses %q", name, value)
			}
		}
		for _, value := range tt.refused {
			if allowed.MatchString(value) {
				t.Errorf("%s accepts %q", name, value)
			}
		}
	}
}

// AWS allows a function 4 KB of variables. A brand as large as the template accepts fits
// beside two keys, two peppers, two secrets of a proxy, the names of tables of a stack with
// a long name and, with a bridge, the monolith's cookies and sources. Beside the names and values, what JSON needs around them is
// counted.
func TestVariablesFit(t *testing.T) {
	parameters, variables := parameterVariables(t)
	template := dynamotest.Template(t, hasBridge, hasProvider)
	if most := parameters["BrandLogo"].MaxLength; most != site.MaxLogo {
		t.Errorf("the template accepts a logo of %d bytes, the functions one of %d", most, site.MaxLogo)
	}
	const table = 100
	sizes := map[string]int{
		"SESSIONS_TABLE": table, "USERS_TABLE": table, "ATTEMPTS_TABLE": table, "BRIDGE_TABLE": table, "AUDIT_TABLE": table, "LEGACY_SOURCES": 1800, "SESSION_KEYS": 2 * 45,
		"PASSWORD_PEPPERS": 2 * 57, "DEVISE_PEPPER": 128, "PUBLIC_ORIGIN": 100, "PROXY_SECRETS": 2*64 + 1, "BRAND_NAME": 3 * 50, "BRAND_COLORS": 15,
		"SESSIONS_NOT_BEFORE": 20, "STORE_TIMES": 138, "LEGACY_LOGIN_KEY": 32, "OIDC_NAME": 3 * 50, "OIDC_TABLE": table, "OIDC_CLIENT_SECRET": 100, "OIDC_KEYS": 2 * 45,
	}
	for id, function := range template.Functions {
		total := 0
		for variable := range function.Environment {
			if id == "ConvertFunction" && (variable == "BRAND_LOGO" || variable == "BRAND_LINKS") || id == "CallbackFunction" && variable == "TRUSTED_ORIGINS" { // empty there, to make room
				continue
			}
			size := cmp.Or(sizes[variable], parameters[variables[variable]].MaxLength, len(parameters[variables[variable]].Default)+4)
			total += len(variable) + size + len(`"":"",`)
		}
		t.Logf("%s: %d bytes", id, total)
		if total > 4096 {
			t.Errorf("%s may have %d bytes of variables; AWS allows 4096", id, total)
		}
	}
}

// Whatever the template accepts of a provider, its function is not stopped by it. Rules of the
// template want some of the parameters together, and docs/deploy.md says that the origin begins
// with https then, and that no value of the claim may be there twice.
func TestProviderParametersNeverStopAFunction(t *testing.T) {
	parameters, variables := parameterVariables(t)
	start := func() error {
		_, err := oidcconfig.Provider(memlinks.New(), os.Getenv("PUBLIC_ORIGIN"), nil)
		return err
	}
	for name, value := range providerVariables {
		t.Setenv(name, value)
	}
	tried := 0
	for variable, name := range variables {
		if !strings.HasPrefix(variable, "OIDC_") && variable != "PUBLIC_ORIGIN" {
			continue
		}
		for _, value := range values(t, parameters[name].AllowedPattern) {
			roles := strings.Split(value, ",")
			for i, role := range roles {
				roles[i], _, _ = strings.Cut(role, "=")
			}
			slices.Sort(roles)
			twice := variable == "OIDC_ROLES" && len(slices.Compact(slices.Clone(roles))) < len(roles)
			if value == "" && variable != "OIDC_SCOPES" || variable == "PUBLIC_ORIGIN" && !strings.HasPrefix(value, "https://") || variable == "OIDC_ISSUER" && len(value) > 120 {
				continue
			}
			t.Setenv(variable, value)
			if err := start(); (err != nil) != twice {
				t.Fatalf("%s=%s is accepted by the template: %v", variable, value, err)
			}
			tried++
		}
		t.Setenv(variable, providerVariables[variable])
	}
	if tried < 1000 {
		t.Errorf("only %d values were tried", tried)
	}
}

// The real binaries start and work with a lifetime that is shorter than the default of
// the idle timeout, and with a ladder that is as long as the template accepts.
func TestEdgesOfParameters(t *testing.T) {
	s := newStack(t, map[string]string{
		"SESSION_LIFETIME": "15m", "SESSION_PERSISTENT_LIFETIME": "10s", "ATTEMPTS_LADDER": "1,9999h59m,9999h59m,9999", "ATTEMPTS_PER_NETWORK": "999999,9999h59m", "PUBLIC_ORIGIN": "https://app.example.com:443",
	})
	wantStatus(t, s.do(t, login("not the password, surely")), http.StatusUnauthorized)
	wantStatus(t, s.do(t, login(password)), http.StatusTooManyRequests)
	other := s.again(t, map[string]string{"ATTEMPTS_LADDER": "9999,1h,1s,2", "SESSION_LIFETIME": "10s", "SESSION_IDLE_TIMEOUT": "9600h"})
	s.moveBack(t, "AttemptsTable", "last_at", 3_600_000)
	other.signIn(t)
}
