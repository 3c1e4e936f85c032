package history

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/anishathalye/porcupine"
)

// String tells what is wrong, with the calls in the order in which they began.
func (v *violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", v.what)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  from–to\tbrowser\tcall\tanswer")
	for _, s := range v.steps {
		a, got := s.Input.(action), s.Output.(answer)
		to := fmt.Sprint(s.Return)
		if s.Return == never {
			to = ""
		}
		fmt.Fprintf(w, "  %d–%s\t%d\t%v\t%s\n", s.Call, to, s.ClientId, a, got.of(a))
	}
	w.Flush()
	return b.String()
}

// picture draws the violation into a file of the folder, and returns a sentence about it.
func (v *violation) picture(folder string) string {
	path, err := v.draw(folder)
	if err != nil {
		return fmt.Sprintf("There is no picture: %v", err)
	}
	return "The picture, for a browser: " + path
}

func (v *violation) draw(folder string) (path string, err error) {
	if folder == "" {
		folder, err = os.MkdirTemp("", "history")
	} else {
		err = os.MkdirAll(folder, 0o700)
	}
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, fmt.Sprintf("violation-%d.html", v.plan.seed))
	_, info := porcupine.CheckOperationsVerbose(v.model, inLanes(v.steps), checkTimeout)
	return path, porcupine.VisualizePath(v.model, info, path)
}

// inLanes gives each browser as many lines of the picture as it needs: what one call does is
// often several steps at once.
func inLanes(steps []porcupine.Operation) []porcupine.Operation {
	type lane struct {
		browser int
		until   int64
	}
	var lanes []lane
	steps = slices.Clone(steps)
	slices.SortStableFunc(steps, func(a, b porcupine.Operation) int {
		return cmp.Or(cmp.Compare(a.ClientId, b.ClientId), cmp.Compare(a.Call, b.Call))
	})
	for i, s := range steps {
		n := slices.IndexFunc(lanes, func(l lane) bool { return l.browser == s.ClientId && l.until < s.Call })
		if n < 0 {
			n, lanes = len(lanes), append(lanes, lane{browser: s.ClientId})
		}
		lanes[n].until = s.Return
		steps[i].ClientId = n
	}
	return steps
}

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.user, other.user), cmp.Compare(k.id, other.id))
}

func (k key) String() string { return fmt.Sprintf("session %d of user %d", k.id, k.user) }

// String tells what the call was. What was made the same everywhere is left out.
func (a action) String() string {
	switch a.verb {
	case create:
		return "create" + with(", secret", a.newSecret) + with(", data", a.data) + with(", at", a.at)
	case load, list:
		return string(a.verb) + with(" by secret", a.secret) + with(", not if proved before", a.notBefore)
	case touch:
		return string(a.verb) + with(" at", a.at)
	case update:
		return fmt.Sprintf("update by secret %d%s%s", a.secret, with(", from data", a.prior), with(" to", a.data))
	case renew, reauthenticate:
		return fmt.Sprintf("%s secret %d%s%s", a.verb, a.secret, with(" to", a.newSecret), with(", at", a.at))
	case signIn:
		return "login" + with(", session", a.session.id)
	case destroy:
		return "log out" + with(" by secret", a.secret)
	}
	return string(a.verb)
}

// with returns the words with the number, or nothing if that is 0.
func with(words string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(words, " ", n)
}

// of tells what the answer to the call was.
func (got answer) of(a action) string {
	switch got.outcome {
	case noSession:
		if a.verb == list {
			return "not there"
		}
		return "no session"
	case conflict:
		return "conflict"
	case unknown:
		return "nobody knows"
	}
	if a.verb != load && a.verb != list {
		return "done"
	}
	if a.verb == list {
		return "there" + got.saw.contents()
	}
	return "accepted" + got.saw.contents()
}

func (p page) contents() string {
	return with(", data", p.data) + with(", proved at", p.proved) + with(", seen at", p.seen) + with(", ends after", p.ends) + with(", browser", p.browser)
}

// String tells what the model knows of a session.
func (p page) String() string {
	if p.life != alive {
		return []string{absent: "no session", ended: "ended"}[p.life]
	}
	return fmt.Sprint("secret ", p.secret, with(", before", p.previous), p.contents())
}
