package signinconfig

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"example.com/coatcheck/internal/lazily"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/signin/site"
)

// The secrets of password hashes that are kept outside the database.
const (
	PasswordPeppers = "PASSWORD_PEPPERS" // optional: comma-separated, new hashes are made with the first, each id:key, the key as in SESSION_KEYS
	DevisePepper    = "DEVISE_PEPPER"    // optional: config.pepper of the Rails application whose "$2a$" hashes were imported
)

// Directory returns the directory of the accounts in store, with the hasher of [Hasher]. The
// options change what no variable says, such as Logger.
func Directory(store accounts.Store, options ...func(*accounts.Config)) (*accounts.Directory, error) {
	cfg, err := directoryConfig(options)
	if err != nil {
		return nil, err
	}
	return accounts.NewDirectory(store, cfg), nil
}

// Registrar returns the registrar of the accounts in registry, as [Directory] returns a
// directory.
func Registrar(registry accounts.Registry, options ...func(*accounts.Config)) (*accounts.Registrar, error) {
	cfg, err := directoryConfig(options)
	if err != nil {
		return nil, err
	}
	return accounts.NewRegistrar(registry, cfg), nil
}

func directoryConfig(options []func(*accounts.Config)) (cfg accounts.Config, err error) {
	cfg.Hasher, err = Hasher()
	for _, option := range options {
		option(&cfg)
	}
	return cfg, err
}

// Hasher returns a hasher with the secrets of PASSWORD_PEPPERS and DEVISE_PEPPER. New
// passwords may not be made of the product's name, which is BRAND_NAME.
func Hasher() (password.Hasher, error) {
	peppers, err := peppers(os.Getenv(PasswordPeppers))
	if err != nil {
		return password.Hasher{}, err
	}
	name, err := read(BrandName, site.ParseName)
	if err != nil {
		return password.Hasher{}, err
	}
	return password.Hasher{Peppers: peppers, DevisePepper: os.Getenv(DevisePepper), Product: cmp.Or(name, site.DefaultName)}, nil
}

// pepperID matches the characters that the PHC string format allows in a keyid,
// without its punctuation.
var pepperID = lazily.Regexp(`^[0-9A-Za-z]{1,11}$`)

// peppers reads a list of peppers. Its error never quotes value, because it contains
// secrets.
func peppers(value string) ([]password.Pepper, error) {
	if value == "" {
		return nil, nil
	}
	var all []password.Pepper
	for i, text := range strings.Split(value, ",") {
		id, encoded, _ := strings.Cut(strings.TrimSpace(text), ":")
		keys, err := config.ParseKeys(PasswordPeppers, encoded)
		if err != nil || !pepperID().MatchString(id) {
			return nil, fmt.Errorf("%s: entry %d is not id:key, with an id of 1 to 11 letters and digits and a key of standard base64 of at least 32 bytes; make a key with: openssl rand -base64 32", PasswordPeppers, i+1)
		}
		all = append(all, password.Pepper{ID: id, Key: keys[0]})
	}
	return all, nil
}
