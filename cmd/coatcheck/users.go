package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/coatcheck/internal/accounts"
	"example.com/coatcheck/internal/environ"
	"example.com/coatcheck/internal/password"
)

type addUser struct {
	Name        string   `arg:"" help:"Name to sign in with; upper and lower case are the same."`
	DisplayName string   `placeholder:"TEXT" help:"How pages address the user. Default: the name."`
	Role        []string `sep:"none" help:"A role that the user has; repeat it for more."`
}

// Help implements [kong.HelpProvider].
func (addUser) Help() string {
	return fmt.Sprintf(`The password is asked for twice, without showing it. When standard input is not a terminal,
its first line is the password. It has at least %d characters and at most %d bytes, and is taken as it is. Common
passwords, the user's name, one piece repeated and runs of the keyboard are refused.`,
		password.MinCharacters, password.MaxBytes)
}

// Run implements the command.
func (c *addUser) Run(ctx context.Context) error {
	client, err := environ.DynamoDB(ctx)
	if err != nil {
		return err
	}
	users, err := environ.UserStore(client)
	if err != nil {
		return err
	}
	directory, err := environ.Directory(users)
	if err != nil {
		return err
	}
	pw, err := readPassword(ctx)
	if err != nil {
		return err
	}
	account, err := directory.Register(ctx, c.Name, c.DisplayName, c.Role, pw)
	if errors.Is(err, accounts.ErrExists) {
		return fmt.Errorf("%w; choose another name", err)
	}
	if err != nil {
		return err
	}
	fmt.Printf("Added user %q with the user ID %s.\n", account.Name, account.UserID)
	return nil
}
