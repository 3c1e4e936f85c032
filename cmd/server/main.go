// Command server is the whole product in one process. It has the same handlers as the
// Lambda functions, on one mux. It keeps sessions and users in memory, in SQLite,
// PostgreSQL or Redis, or in the deployed DynamoDB tables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/coatcheck/internal/mains/demo"
	"example.com/coatcheck/pkg/accounts/memaccounts"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/bcp47"
)

func main() {
	addr := flag.String("addr", fromEnv("ADDR", "localhost:8080"), "`host:port` to listen on; also ADDR")
	store := flag.String("store", fromEnv("STORE", "memory"), "where sessions and users are kept; also STORE:\nmemory, sqlite:`PATH`, postgres://…, redis://… (users in memory) or dynamodb")
	withDemo := flag.Bool("demo", false, "make missing SQL tables, and the user alice unless she is there; where users are in memory she always is")
	whileFile := flag.String("while", "", "end when this `FILE` is removed, or the process that started this one ends: make run does")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "server: unexpected argument %q; see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	removed := func() {}
	if *whileFile != "" {
		ctx, removed = while(ctx, *whileFile)
	}
	err := run(ctx, *addr, *store, *withDemo)
	removed()
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func fromEnv(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func run(ctx context.Context, addr, store string, withDemo bool) error {
	origin, err := config.Origin()
	if err != nil {
		return err
	}
	window, err := config.ReauthenticationWindow()
	if err != nil {
		return err
	}
	opened, err := openStores(ctx, store, withDemo)
	if err != nil {
		return err
	}
	defer opened.close()
	sessions, err := config.Sessions(opened.sessions, signin.Fail)
	if err != nil {
		return err
	}
	directory, err := config.Directory(opened.users)
	if err != nil {
		return err
	}
	authenticator, err := config.Authenticator(directory, opened.attempts)
	if err != nil {
		return err
	}
	if _, inMemory := opened.users.(*memaccounts.Store); inMemory {
		withDemo = true
	}
	if withDemo {
		if err := demo.AddUser(ctx, directory); err != nil {
			return err
		}
	}
	handler := signin.Handler(origin, signin.Login(sessions, authenticator), signin.Reauthenticate(sessions, authenticator), signin.Profile(sessions),
		signin.Logout(sessions), signin.Sessions(sessions, window), signin.Password(sessions, authenticator), signin.Preferences(sessions, directory, bcp47.Canonical))
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by another program; choose another address with ADDR=host:port", addr)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	announce(listener.Addr(), withDemo)
	return serve(ctx, listener, handler)
}

// announce prints the URL of the server. Over plain http, a browser accepts our Secure
// cookie only from localhost. So announce prints a loopback address as localhost.
func announce(addr net.Addr, withDemo bool) {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip.IsLoopback() || ip.IsUnspecified() {
		host = "localhost"
	}
	fmt.Printf("Coatcheck is at http://%s\n", net.JoinHostPort(host, port))
	if withDemo {
		fmt.Printf("Sign in as %q with the password %q.\n", demo.Username, demo.Password)
	}
}

// serve answers requests until ctx ends. Then it waits for the requests that it is
// still answering.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler,
		// Our handler must answer "OPTIONS *" too.
		DisableGeneralOptionsHandler: true,

		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10, // API Gateway allows 10 KB
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
