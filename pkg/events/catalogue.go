package events

import (
	"log/slog"
	"strings"
)

// info, warn and failure make a kind of that level, without Reasons and Kept. An event at
// LevelInfo is for the record, at LevelWarn somebody should look at it, at LevelError
// somebody has to act.
func info(name, fields, when string) Kind {
	return Kind{Name: name, Level: slog.LevelInfo, Fields: strings.Fields(fields), When: when}
}

func warn(name, fields, when string) Kind {
	k := info(name, fields, when)
	k.Level = slog.LevelWarn
	return k
}

func failure(name, fields, when string) Kind {
	k := info(name, fields, when)
	k.Level = slog.LevelError
	return k
}

// kept returns k as one that package audit keeps.
func (k Kind) kept() Kind {
	k.Kept = true
	return k
}

// reasons returns k with an attribute reason, which has one of these values.
func (k Kind) reasons(values string) Kind {
	k.Fields = append(k.Fields, "reason")
	k.Reasons = strings.Fields(values)
	return k
}

// The attributes that many kinds have.
const (
	client    = " ip user_agent "                            // who sent the request
	signedIn  = " user_id session_id " + client              // whose session it is, and who sent the request
	request   = " method path " + signedIn                   // the request itself too
	operation = " user_id ip user_agent actor before after " // what an operator did to whose account
)

// kinds are sorted by name.
var kinds = []Kind{
	info("account_busy", request, "Two changes of one account met. The client was asked to try again."),
	failure("account_unusable", "user_id error"+client, "Nobody can sign in to an account. password_hash: its hash cannot be read; set a new password. openid_id: its user ID is that of somebody who signs in at an OpenID provider; give its user another one.").reasons("openid_id password_hash"),
	failure("audit_failed", "event user_id session_id error", "The audit trail could not be written. The request went on, and the event is in the log alone."),
	info("authn_ended_by_provider", "user_id session_id provider", "The OpenID provider has ended a session there, or all of a user, and so they ended here.").kept(),
	warn("authn_login_fail", request+"error provider", "A sign-in, or the password that a signed-in user gave again, was refused. unknown: nobody has the name. malformed: nobody can have it. changed: the account was changed meanwhile. unusable: account_unusable or user_not_created says why. untrusted, not_asked, ended_there: what came back from the OpenID provider does not count. refused: nothing more is known.").reasons("changed disabled ended_there malformed not_asked password refused unknown untrusted unusable"),
	warn("authn_login_lock", "by key failures user_id"+client, "So many attempts have failed in a row that no more are looked at. by: of one name, of the known devices of one user, or of one user who is signed in.").kept(),
	warn("authn_login_new_device", signedIn, "A user has signed in on a device that was not known."),
	info("authn_login_success", signedIn+"new_device failures provider", "Somebody has signed in. new_device: whether the device was not known. failures: how many attempts had failed in a row before.").kept(),
	warn("authn_login_successafterfail", signedIn+"failures", "Somebody has signed in after failed attempts."),
	warn("authn_notice_untrusted", "error provider"+client, "Somebody has sent a notice that a session at the OpenID provider has ended, and it is not the provider's."),
	info("authn_password_change", signedIn, "A user has changed the password.").kept(),
	info("authn_reauthentication_success", signedIn+"provider", "A signed-in user has proved again who they are.").kept(),
	warn("authn_token_reuse", signedIn, "A token came that a renewal has replaced. Somebody else may have it."),
	failure("authorizer_missing", "error"+client, "A function that trusts an authorizer was called without one: its route is not behind it."),
	warn("authz_fail", request+"error", "A request was refused. not_proxied: it did not come through the proxy. other_user: another user came back from the OpenID provider. role: the user lacks a role.").reasons("not_proxied other_user role"),
	warn("bridge_window_failed", "error", "The bridge to another system could not ask its store until when it is open. Its next conversion tries again."),
	failure("canary_failed", "user_id step error", "The canary has found something wrong with the product. step: where."),
	info("canary_ok", "user_id password_changed", "The canary has found nothing wrong. password_changed: whether it has changed its password too."),
	warn("certificate_not_kept", "error", "cmd/server could not store its own certificate, so browsers will warn again after the next start."),
	info("client_gone", request+"error", "A client has disconnected before it had the answer."),
	failure("event_lost", "event panic stack", "A function that was passed to events.Tee has panicked."),
	warn("excess_rate_limit_exceeded", request+"error locked", "An attempt to give a password was not looked at, because too many have failed. reason: which limit it was. locked: whether waiting does not help.").reasons("device name network user"),
	warn("expired_rows_left", "table error", "Expired rows of a SQL table were not removed. A later call tries again."),
	info("input_validation_fail", request+"status error", "A request was malformed."),
	info("keys_changed", "user_id actor before after", "An operator has made the next value of SESSION_KEYS. before, after: the names of its keys, the one that signs first. It holds once it is deployed. It is about everybody, and so its user_id is that of no user.").kept(),
	failure("lambda_event_unknown", "error", "A function was invoked with what is no HTTP request."),
	info("legacy_session_ended", signedIn+"source", "A session of another system was ended, and what has become of it here."),
	warn("malicious_cors", "method path error"+client, "A page of another site has made a browser send a write. It was refused."),
	info("migration_closed", "user_id actor before", "An operator has closed the bridge: no session of another system becomes one here any more. It is about everybody, and so its user_id is that of no user.").kept(),
	warn("name_claim_left", "user_id actor error", "A deleted user's name is still claimed. Whoever adds a user of that name removes the claim."),
	warn("oidc_discovery_failed", "error", "The OpenID provider did not say what it is. What it has said before goes on to hold."),
	warn("password_rehash_failed", "user_id error"+client, "A weaker password hash was not replaced. The next sign-in tries again."),
	info("password_rehashed", "user_id"+client, "A sign-in has replaced a weaker password hash, or one of another framework."),
	info("password_set", operation, "An operator has set a user's password.").kept(),
	failure("response_header_dropped", "header", "A handler has set a header that cannot be sent: its name is not one, or its value has control characters.").reasons("name value"),
	failure("response_incomplete", "method path error", "A handler has not written the answer that it began. The client got a 500."),
	failure("response_too_large", "bytes limit body status method", "An answer was larger than Lambda or a load balancer takes. Nothing of it was sent; the client got a 500."),
	warn("session_client_changed", signedIn, "A session is used from another address or browser than at its last touch."),
	info("session_conversion_refused", "source detail user_id"+client, "A session of another system did not become one here.").reasons(conversionReasons),
	info("session_converted", signedIn+"source age_seconds", "A session of another system has become one here.").kept(),
	warn("session_cookies_differ", client, "A request had several different session cookies, and counts as signed out. The user should delete them."),
	info("session_created", signedIn, "A session was made."),
	warn("session_discard_failed", signedIn+"error", "A session for which nobody has a token was left in the store until it expires."),
	info("session_ended", signedIn+"by_session_id actor", "Somebody has ended a session. by_session_id: the session in which it was done, or that has replaced it; actor: the operator who did it.").reasons("cookie_not_kept deleted disabled limit logout not_before password_changed provider replaced revoked roles_changed").kept(),
	info("session_expired", signedIn, "A request came with a session whose time is over: it was not used for too long, its lifetime has passed, it was made before the cut-off, or the session of another system that it continued is over. expired: its stored time has passed.").reasons("ends_at expired idle lifetime not_before"),
	warn("session_limit_failed", signedIn+"error", "The sessions of a user beyond the limit were not ended. The next login tries again."),
	warn("session_link_left", signedIn+"source error", "A conversion has failed, and left what says that it has happened. The user has to give the password."),
	info("session_renewed", signedIn, "A session got a new token, after the user has proved again who they are."),
	info("session_token_forged", client, "A token came that has the shape of ours, and was signed by none of our keys: somebody made it up, or its key was removed."),
	warn("session_touch_failed", signedIn+"error", "The idle timeout of a session was not extended. The request went on."),
	failure("session_unavailable", "method path error"+client, "The store failed and the request was answered 503, in a program without an ErrorHandler of its own. The product says sys_failure instead."),
	warn("session_value_left_out", signedIn+"source key", "A value of another system's session was too large for the session here."),
	info("sessions_ended_before", "user_id actor before count", "An operator has ended every session from before a time. Each has a session_ended too. It is about everybody, and so its user_id is that of no user.").kept(),
	failure("sys_crash", request+"status panic stack", "A handler has panicked. The client got a 500."),
	failure("sys_failure", request+"status error", "A request was answered with a status from 500 up, usually because a store is away."),
	info("sys_startup", "init_ms", "A program is ready. init_ms: how long that took, in milliseconds."),
	failure("sys_startup_failed", "error", "A program could not start, and has ended."),
	warn("throttle_failed", "by key user_id error"+client, "A counter of failed attempts was not changed. clear: a user who has signed in keeps the failures. keep: a lock ends early. withdraw: an attempt counts that should not.").reasons("clear keep withdraw"),
	info("user_created", operation+"origin", "A user was added, by an operator or at a first sign-in.").kept(),
	info("user_deleted", operation, "An operator has deleted a user.").kept(),
	info("user_exported", operation, "An operator has exported what is kept of a user.").kept(),
	warn("user_not_created", "user_id error"+client, "Another system knows a name and a password, and no user can be made of that. account: no account can be as it says. user_id: its user ID is somebody's here, or was. The sign-in was refused.").reasons("account user_id"),
	info("user_renamed", operation, "An operator has given a user another name.").kept(),
	warn("user_touch_failed", "user_id error"+client, "That a user has signed in today was not written to the account. The sign-in went on, and the next one tries again."),
	info("user_unlocked", operation, "An operator has forgotten the failed attempts to sign in as a user.").kept(),
	info("user_updated", operation, "An operator has set a user's display name or roles, has disabled or enabled a user, or has made the store forget the hash of an import.").kept(),
}

// conversionReasons are why a session of another system does not come over.
const conversionReasons = "account_closed anonymous closed ended expired password rejected sealed several_claims two_values user user_id values"
