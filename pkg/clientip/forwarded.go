package clientip

import (
	"strings"

	"example.com/coatcheck/internal/lazily"
)

// listed returns the hops of one line of X-Forwarded-For.
func listed(line string) (hops []string) {
	for hop := range strings.SplitSeq(line, ",") {
		if hop = strings.Trim(hop, " \t"); hop != "" {
			hops = append(hops, hop)
		}
	}
	return hops
}

// parameter matches what stands up to the next delimiter of a line of Forwarded (RFC
// 7239, section 4): a name and its value, or nothing. The value may be a quoted string.
// The delimiter is a semicolon before the next parameter of a hop, a comma before the
// next hop, or the end of the line. Unlike the RFC it allows a colon in a value that
// is not quoted, because some proxies write a port so.
var parameter = lazily.Regexp(`^[ \t]*(?:([^\s",;=]+)=(?:([^\s",;]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*(;|,|$)`)

// escape matches an escaped character of a quoted string.
var escape = lazily.Regexp(`\\(.)`)

// forwarded returns the hops of one line of Forwarded. A hop is the value of "for", and
// empty if there is none. If the line is malformed, nobody knows where a hop ends, so
// the line has one hop, which is empty.
func forwarded(line string) (hops []string) {
	malformed := []string{""}
	for more := true; more; {
		node, parameters, named := "", 0, 0
		for delimiter := ";"; delimiter == ";"; {
			m := parameter().FindStringSubmatch(line)
			if m == nil {
				return malformed
			}
			if m[1] != "" {
				parameters++
			}
			if strings.EqualFold(m[1], "for") {
				node, named = m[2]+escape().ReplaceAllString(m[3], "$1"), named+1
			}
			line, delimiter = line[len(m[0]):], m[4]
			more = delimiter != ""
		}
		if named > 1 {
			return malformed
		}
		if parameters > 0 {
			hops = append(hops, node)
		}
	}
	return hops
}
