package signin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"example.com/coatcheck/pkg/audit"
	"example.com/coatcheck/pkg/session"
)

const activityPath = "/activity"

// activityLength is how many entries one answer has at most.
const activityLength = 20

// activity shows users what has happened to their account and their sessions.
type activity struct{ trail audit.Reader }

// Activity returns the route of /activity, which shows users what the trail has of them.
// Set [Config.Activity] too, so that the menu leads there.
func Activity(sessions *session.Manager, trail audit.Reader) Routes {
	return Routes{"GET /activity": sessions.Require(http.HandlerFunc(activity{trail}.show)).ServeHTTP}
}

// activityEntry holds the fields of an entry that its user may see. It is an allow-list, as
// profile is. Who the operator was is not in it: a name from the operators' own system is of
// no use to users, and tells whoever has taken over a session whom to attack next.
type activityEntry struct {
	Event          string    `json:"event"`
	At             time.Time `json:"at"`
	SessionID      string    `json:"session_id"` // "" if it is about no session
	Current        bool      `json:"current"`    // whether it is about the session that asks
	IP             string    `json:"ip"`         // "" if no request asked for it, or an operator's did
	UserAgent      string    `json:"user_agent"`
	Reason         string    `json:"reason"`
	ByOperator     bool      `json:"by_operator"`
	NewDevice      bool      `json:"new_device"`
	FailedAttempts int       `json:"failed_attempts"` // to sign in, just before
}

// activityList is what one answer tells.
type activityList struct {
	Entries []activityEntry `json:"activity"`
	Older   *string         `json:"older"` // the path of what is older; null if there is nothing
}

// activityPage is the data of the page.
type activityPage struct {
	activityList
	Begins   bool // whether the list begins with the newest entry
	Days     int  // how long an entry is kept; 0 if the list does not say
	Password bool // whether the menu leads to the page for passwords
}

func (a activity) show(w http.ResponseWriter, r *http.Request) {
	before, err := beforeOf(r)
	if err != nil {
		fail(w, r, err)
		return
	}
	// What writes the trail must not learn the key of an entry that it could write over. So the
	// next request tells the other functions no query.
	w.Header().Set("Referrer-Policy", "strict-origin")
	s := session.FromContext(r.Context())
	found, err := a.trail.List(r.Context(), s.UserID, before, activityLength+1)
	if err != nil {
		fail(w, r, err)
		return
	}
	list := listOf(found, s.ID)
	if !WantsPage(r) {
		WriteJSON(w, http.StatusOK, list)
		return
	}
	writePage(w, r, http.StatusOK, "activity", Page{"menu.activity", activityPath, activityPage{
		list, before == "", daysKept(found), slices.ContainsFunc(pagesOf(r.Context()).menuOf(s), func(m MenuItem) bool { return m.Path == passwordPath }),
	}})
}

// listOf returns what is told of the entries. If there is one more than an answer has, the
// answer says where the next one begins.
func listOf(found []audit.Entry, current string) (list activityList) {
	if len(found) > activityLength {
		found = found[:activityLength]
		older := activityPath + "?" + url.Values{"before": {found[activityLength-1].Key()}}.Encode()
		list.Older = &older
	}
	list.Entries = make([]activityEntry, 0, len(found))
	for _, e := range found {
		list.Entries = append(list.Entries, entryOf(e, current))
	}
	return list
}

func entryOf(e audit.Entry, current string) activityEntry {
	told := activityEntry{
		Event: e.Event, At: e.At, SessionID: e.SessionID, Current: e.SessionID != "" && e.SessionID == current,
		Reason: e.Reason, ByOperator: e.Actor != "", NewDevice: e.Details["new_device"] == "true",
	}
	told.FailedAttempts, _ = strconv.Atoi(e.Details["failures"]) // what is no number tells nothing
	if !told.ByOperator {
		told.IP, told.UserAgent = e.IP, e.UserAgent
	}
	return told
}

// daysKept returns for how many days the newest entry is kept.
func daysKept(found []audit.Entry) int {
	if len(found) == 0 || found[0].ExpiresAt.IsZero() {
		return 0
	}
	return int(found[0].ExpiresAt.Sub(found[0].At).Round(24*time.Hour) / (24 * time.Hour))
}

// beforeOf returns the key of the entry before which the list begins, or "" for the newest
// one. It comes with the request, so no store gets what is no key.
func beforeOf(r *http.Request) (string, error) {
	values := r.URL.Query()["before"]
	if len(values) == 0 {
		return "", nil
	}
	if _, _, err := audit.ParseKey(values[0]); err != nil || len(values) > 1 {
		return "", badRequest("problem.before")
	}
	return values[0], nil
}

// happened are the keys of the texts for each kind of event that package audit keeps.
var happened = map[string]string{
	"authn_login_success":            "activity.signed_in",
	"authn_reauthentication_success": "activity.confirmed",
	"authn_password_change":          "activity.password_changed",
	"authn_login_lock":               "activity.locked",
	"authn_ended_by_provider":        "activity.provider_ended",
	"session_ended":                  "activity.session_ended",
	"session_converted":              "activity.converted",
	"user_created":                   "activity.created",
	"user_updated":                   "activity.updated",
	"user_renamed":                   "activity.renamed",
	"user_deleted":                   "activity.deleted",
	"user_exported":                  "activity.exported",
	"user_unlocked":                  "activity.unlocked",
	"password_set":                   "activity.password_set",
}

// Happened returns the key of the text that says what happened. An event that only a later
// version of the program knows has a text too.
func (e activityEntry) Happened() string {
	key, known := happened[e.Event]
	switch {
	case !known:
		return "activity.unknown"
	case e.Event == "session_ended" && e.ByOperator:
		return "activity.ended_by_operator"
	case e.Event == "session_ended" && e.Reason == "logout":
		return "activity.signed_out"
	}
	return key
}

// reasons are the keys of the texts for why a session has ended.
var reasons = map[string]string{
	"revoked":          "activity.why_revoked",
	"replaced":         "activity.why_replaced",
	"limit":            "activity.why_limit",
	"cookie_not_kept":  "activity.why_cookie",
	"password_changed": "activity.why_password",
	"roles_changed":    "activity.why_roles",
	"disabled":         "activity.why_disabled",
	"deleted":          "activity.why_deleted",
	"provider":         "activity.why_provider",
	"not_before":       "activity.why_before",
}

// Sender reports whether the text of Happened does not say which device it was, and somebody
// with a device asked for it.
func (e activityEntry) Sender() bool {
	key := e.Happened()
	return e.UserAgent != "" && (key == "activity.session_ended" || key == "activity.locked" || key == "activity.unknown")
}

// Why returns the key of the text that says why a session has ended, or "" if there is none.
func (e activityEntry) Why() string {
	if e.Event != "session_ended" || e.ByOperator && e.Reason == "revoked" {
		return ""
	}
	return reasons[e.Reason]
}
