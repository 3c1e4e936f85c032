package signin

import "example.com/coatcheck/pkg/session"

// NoPassword is a key of [session.User.Values] for programs that sign users in by
// themselves, through an OpenID provider for example, and then use the routes and pages
// of this package. A session in whose Values it has any text belongs to a user who has
// no password here: /password refuses, and what [Reauthenticate] does is said there.
//
// The pages also show the values of the keys "username" and "display_name", and follow
// those of "theme" (light or dark) and "language".
const NoPassword = "no_password"

func hasPassword(s *session.Session) bool { return s.Values[NoPassword] == "" }
