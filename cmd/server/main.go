// Command server is the whole product in one process: the same handlers as the
// functions, on one mux. With its sessions in memory it needs nothing else and
// has a demo user; with DynamoDB it serves the deployed tables.
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

	"example.com/coatcheck/internal/accounts"
	"example.com/coatcheck/internal/environ"
	"example.com/coatcheck/internal/web"
	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

const (
	demoUser     = "alice"
	demoPassword = "correct horse battery staple"
)

func main() {
	addr := flag.String("addr", fromEnv("ADDR", "localhost:8080"), "`host:port` to listen on; also ADDR")
	store := flag.String("store", fromEnv("STORE", "memory"), "where sessions and users are kept: memory, or dynamodb; also STORE")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "server: unexpected argument %q; see -help\n", flag.Arg(0))
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *store); err != nil {
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

func run(ctx context.Context, addr, store string) error {
	sessions, directory, err := open(ctx, store)
	if err != nil {
		return err
	}
	origin, err := environ.Origin()
	if err != nil {
		return err
	}
	handler := web.Handler(origin, web.Login(sessions, directory), web.Profile(sessions), web.Logout(sessions))
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken by another program; choose another address with ADDR=host:port", addr)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	announce(listener.Addr(), store)
	return serve(ctx, listener, handler)
}

func open(ctx context.Context, store string) (*session.Manager, *accounts.Directory, error) {
	switch store {
	case "memory":
		sessions, err := environ.Sessions(memstore.New(), web.Fail)
		if err != nil {
			return nil, nil, err
		}
		directory := accounts.NewDirectory(accounts.NewMemory())
		_, err = directory.Register(ctx, demoUser, "Alice", []string{"member"}, demoPassword)
		return sessions, directory, err
	case "dynamodb":
		env, err := environ.Deployed(ctx, web.Fail)
		if err != nil {
			return nil, nil, err
		}
		users, err := environ.UserStore(env.Client)
		return env.Sessions, accounts.NewDirectory(users), err
	}
	return nil, nil, fmt.Errorf("store %q is not known; use memory or dynamodb", store)
}

// announce prints where to go. A browser takes our Secure cookie over plain http
// from localhost only, so a loopback address is shown by that name.
func announce(addr net.Addr, store string) {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip.IsLoopback() || ip.IsUnspecified() {
		host = "localhost"
	}
	fmt.Printf("Coatcheck is at http://%s\n", net.JoinHostPort(host, port))
	if store == "memory" {
		fmt.Printf("Sign in as %q with the password %q.\n", demoUser, demoPassword)
	}
}

// serve answers requests until ctx ends, then lets those under way finish.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
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
