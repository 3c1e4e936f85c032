package lambdahttp

import (
	"errors"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// field is the name and one value of a header or of a parameter of the query.
type field struct{ name, value string }

// fields are headers or parameters in the order of the event. In JSON they are an object
// whose members are texts, lists of texts, or null. They are nil if there is no object.
type fields []field

var errFields = errors.New("neither a text nor a list of texts")

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (f *fields) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	switch dec.PeekKind() {
	case '{':
		*f = make(fields, 0, 16)
	case 'n':
		return dec.SkipValue()
	default:
		return errFields
	}
	dec.ReadToken() // the brace
	for dec.PeekKind() == '"' {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if err := f.read(unquote(name), dec); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken() // the other brace
	return err
}

// usual has the names of headers that most requests have, by their JSON. They need no memory
// of their own in each invocation.
var usual = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Content-Length",
		"Content-Type", "Cookie", "Host", "Origin", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "User-Agent",
		"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"} {
		names[`"`+name+`"`] = name
		name = strings.ToLower(name)
		names[`"`+name+`"`] = name
	}
	return names
}()

// unquote returns the text of a JSON string that a decoder has read.
func unquote(value jsontext.Value) string {
	if name, ok := usual[string(value)]; ok {
		return name
	}
	name, _ := jsontext.AppendUnquote(nil, value)
	return string(name)
}

// read reads what the member with this name has.
func (f *fields) read(name string, dec *jsontext.Decoder) error {
	isList := dec.PeekKind() == '['
	if isList {
		dec.ReadToken() // the bracket
	}
	for {
		switch dec.PeekKind() {
		case '"':
			value, err := dec.ReadToken()
			if err != nil {
				return err
			}
			*f = append(*f, field{name, value.String()})
		case 'n': // or what only begins like null
			if err := dec.SkipValue(); err != nil {
				return err
			}
		case ']': // it cannot be the end of another list
			_, err := dec.ReadToken()
			return err
		default:
			return errFields
		}
		if !isList {
			return nil
		}
	}
}

// query returns the query of an event that has it in parts. A load balancer leaves the parts
// as they were sent, and API Gateway has decoded them. To encode what is still encoded would
// make %2525 of %25.
func (e *event) query() string {
	all := e.MultiValueQuery
	if len(all) == 0 {
		all = e.Query
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
