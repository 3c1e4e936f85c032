package accounts

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"example.com/coatcheck/pkg/signin/authn"
)

// The checks in this file apply when an account is made or changed. What was stored
// before stays as it is. Their errors do not quote the text, because an import may
// contain a hash in the wrong place.

func checkDisplayName(text string) error {
	if err := checkText(text); err != nil {
		return fmt.Errorf("the display name %w", err)
	}
	return nil
}

// maxRoles is the maximum total size of a user's roles, in bytes. The roles, the user ID
// and the names must fit into a session, which holds 4 KB.
const maxRoles = 2048

func checkRoles(roles []string) error {
	bytes := 0
	for i, role := range roles {
		if err := checkRole(role); err != nil {
			return fmt.Errorf("role %d %w", i+1, err)
		}
		bytes += len(role)
	}
	if bytes > maxRoles {
		return fmt.Errorf("the roles have %d bytes together; at most %d", bytes, maxRoles)
	}
	return nil
}

// listSyntax are the characters with which databases and programs write lists. A role
// that contains one is most likely a list that nobody has taken apart: {admin,editor} of
// PostgreSQL, ["admin"] of JSON, a,b of MySQL.
const listSyntax = ",;|{}[]\"'\\"

// checkRole is the rule for the name of a role. A role is compared byte by byte, so it
// contains nothing that people do not see or that they leave out.
func checkRole(role string) error {
	if err := checkText(role); err != nil {
		return err
	}
	switch {
	case strings.ContainsFunc(role, unicode.IsSpace):
		return errors.New("contains a blank; write its words with - or _ between them")
	case strings.ContainsFunc(role, ignorable):
		return errors.New("contains a character that cannot be seen; leave it out")
	case strings.ContainsAny(role, listSyntax):
		return errors.New("contains one of " + strings.Join(strings.Split(listSyntax, ""), " ") + " with which lists are written; give each role by itself")
	}
	return nil
}

// checkUserID is the rule for a user ID that another system has given. It is a key in the
// stores, and a part of each session of the user.
func checkUserID(id string) error {
	err := checkText(id)
	if err == nil && strings.TrimSpace(id) != id {
		err = errors.New("has blanks around it; leave them out")
	}
	if err == nil && isOpenID(id) {
		err = errors.New("begins with " + authn.OpenIDPrefix + ", as only those of users do who sign in at an OpenID provider; give the user another one")
	}
	if err != nil {
		return fmt.Errorf("the user ID %w", err)
	}
	return nil
}

// isOpenID reports whether the user ID is that of a user who signs in at an OpenID provider.
// No account has one. A release that did not know this may have imported one.
func isOpenID(id string) bool { return strings.HasPrefix(id, authn.OpenIDPrefix) }
