package lambdahttp

import (
	"net/http"
	"net/url"
	"strings"
)

// field is the name and one value of a header or of a parameter of the query.
type field struct{ name, value string }

// fields are headers or parameters in the order of the event. In JSON they are an object
// whose members are texts, lists of texts, or null. They are nil if there is no object.
type fields []field

// fields takes the next value.
func (w *walker) fields() fields {
	if w.kind() != '{' {
		w.begins('{')
		return nil
	}
	if w.found == nil {
		w.found = make(fields, 0, min(len(w.text)/64, 64)) // about as many as the event has, in one piece
	}
	before := len(w.found)
	for name := range w.members() {
		if w.kind() != '[' {
			w.field(name)
			continue
		}
		for range w.elements() {
			w.field(name)
		}
	}
	return w.found[before:len(w.found):len(w.found)]
}

// field takes the next value, which counts unless it is null.
func (w *walker) field(name string) {
	if w.begins('"') {
		w.found = append(w.found, field{name, w.string()})
	}
}

// usual has the canonical names of headers that most requests have, as front doors spell them.
// They need no memory of their own in each invocation.
var usual = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Content-Length",
		"Content-Type", "Cookie", "Host", "Origin", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "User-Agent",
		"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"} {
		names[name], names[strings.ToLower(name)] = name, name
	}
	return names
}()

// canonical is [http.CanonicalHeaderKey].
func canonical(name string) string {
	if name, ok := usual[name]; ok {
		return name
	}
	return http.CanonicalHeaderKey(name)
}

// query returns the query of an event that has it in parts. A load balancer leaves the parts
// as they were sent, and API Gateway has decoded them. To encode what is still encoded would
// make %2525 of %25.
func (e *event) query() string {
	all := e.multiValueQuery
	if len(all) == 0 {
		all = e.parameters
	}
	var query strings.Builder
	for i, f := range all {
		if i > 0 {
			query.WriteByte('&')
		}
		if e.kind != loadBalancer && e.kind != loadBalancerMulti {
			f = field{url.QueryEscape(f.name), url.QueryEscape(f.value)}
		}
		query.WriteString(f.name)
		query.WriteByte('=')
		query.WriteString(f.value)
	}
	return query.String()
}

// joinCookies returns the one Cookie header of an event, given the cookies that it has in a
// list of their own and the lines of its Cookie header. The places may be copies of each
// other: a function URL and sam local fill both. A cookie that two places have is there
// once; one that a place has twice is there twice. Cookies with one name and different values
// all stay, because whoever reads them must see that there are two.
func joinCookies(list, lines []string) string {
	joined := strings.Join(list, "; ")
	if len(lines) == 0 {
		return joined
	}
	places := make([]string, 0, 1+len(lines))
	if joined != "" {
		places = append(places, joined)
	}
	for _, line := range lines {
		if joined == "" || !sameCookies(joined, line) {
			places = append(places, line)
		}
	}
	if len(places) == 1 {
		return places[0]
	}
	return mergeCookies(places)
}

// sameCookies reports whether a line has the cookies of the list, in the same order. A comma
// of the line may stand for a separator, since a gateway joins the lines of a header with it.
// A comma of the list may not: the line would be taken for one cookie and have two. Quotes
// count for nothing, since sam local takes them away.
func sameCookies(list, line string) bool {
	if list == line {
		return true
	}
	bare := strings.NewReplacer(" ", "", `"`, "")
	list, line = bare.Replace(list), bare.Replace(line)
	return list == line || list == strings.ReplaceAll(line, ",", ";")
}

// mergeCookies returns each cookie as often as the place that has it most often.
func mergeCookies(places []string) string {
	var cookies []string
	merged := map[string]int{}
	for _, place := range places {
		here := map[string]int{}
		for cookie := range strings.SplitSeq(place, ";") {
			cookie = strings.TrimSpace(cookie)
			here[cookie]++
			if cookie != "" && here[cookie] > merged[cookie] {
				merged[cookie]++
				cookies = append(cookies, cookie)
			}
		}
	}
	return strings.Join(cookies, "; ")
}
