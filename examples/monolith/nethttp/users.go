package main

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
)

// users are the shop's own: the hashes of their passwords, by name. A real shop has them
// in its database, each with a salt of its own, and counts wrong guesses.
var users = map[string][]byte{"ada": hash("seven quiet umbrellas")}

func hash(password string) []byte {
	key, err := pbkdf2.Key(sha256.New, password, []byte("bookshop salt"), 600_000, 32)
	if err != nil {
		panic(err) // only with other arguments
	}
	return key
}

// passwordIsRight takes as long for names that nobody has.
func passwordIsRight(user, password string) bool {
	return subtle.ConstantTimeCompare(users[user], hash(password)) == 1
}
