// Command migration shows a migration to a person: a Flask monolith and the product are
// behind one host, and a page moves routes from one to the other and back. The command
// make migration-demo runs it. The environment variable PORT is the port of the host, 8080
// by default.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"example.com/coatcheck/internal/local/migration"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "migration:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "migration-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	fmt.Println("Fetching Flask and building the server; the first time this takes a minute.")
	stack, err := migration.Start(ctx, migration.Options{
		Framework: migration.Flask, Stateless: true, Port: cmp.Or(os.Getenv("PORT"), "8080"), Folder: folder,
	})
	if ctx.Err() != nil { // the user has ended the program, so an error is no failure
		return nil
	}
	if err != nil {
		return err
	}
	defer stack.Stop()
	if _, err := stack.Operate(ctx, migration.Password, "users", "add", "nora", "--display-name", "Nora"); err != nil {
		return err
	}
	fmt.Printf("Harbour News is at %s\n", stack.URL)
	fmt.Printf(steps, stack.URL, migration.Password)
	select {
	case <-ctx.Done():
		fmt.Println("Stopping.")
		return nil
	case <-stack.Ours.Exited():
		return fmt.Errorf("the server has ended by itself; it said: %s", stack.Ours.Log())
	}
}

// steps are what a person can click. Its arguments are the address and the password of
// everybody.
const steps = `It is a Flask application, which ada, ben, cleo and dan read. Everybody's password is %[2]q.
%[1]s/moves has a button for each move. Keep it open in a second tab.

 1. Sign in at %[1]s/login as "ada". The page is the monolith's.
 2. Move /profile. Click Profile: the page is Coatcheck's now, and you are Ada still.
    News and Cart are the monolith's, and they know you by Coatcheck's session.
 3. In a private window sign in as "ben", at the monolith, and leave it so.
 4. Move /login, and set the mode only. In a third browser, or after a logout, sign in
    as "nora", who is new: the monolith has no such user, but its pages greet her.
 5. As Ben click Cart. The monolith's cookie is good for nothing but one thing now: on
    the way to the login page Coatcheck makes a session of it, without a click.
 6. Move /logout, and press Sign out on a page of the monolith, as Ben. Neither side knows
    him now, and a copy of any cookie of his opens nothing.
 7. Set the mode also, and move back /logout, /login and /profile, one at a time. Look
    at News and Profile after each: nobody is signed out.

Ctrl-C ends it.

`
