// Command server is the whole product in one process. It has the same handlers as the
// Lambda functions, on one mux. It keeps sessions and users in memory, in SQLite,
// PostgreSQL or Redis, or in the deployed DynamoDB tables.
package main

import (
	"cmp"
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

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/cmd/server/selfsigned"
	"example.com/coatcheck/pkg/accounts"
	"example.com/coatcheck/pkg/accounts/password"
	"example.com/coatcheck/pkg/config"
	"example.com/coatcheck/pkg/config/signinconfig"
	"example.com/coatcheck/pkg/config/storeconfig"
	"example.com/coatcheck/pkg/events"
	"example.com/coatcheck/pkg/signin"
	"example.com/coatcheck/pkg/signin/bcp47"
)

func main() {
	var o options
	flag.StringVar(&o.addr, "addr", fromEnv("ADDR", "localhost:8080"), "`host:port` to listen on; also ADDR")
	// The default is not the value of STORE, because -help would print it, and it may hold a password.
	flag.StringVar(&o.store, "store", "", "`address` of the store of sessions and users; also STORE:\n"+storeconfig.Addresses+" (default \""+storeconfig.Memory+"\")")
	flag.BoolVar(&o.https, "https", false, "answer https too, at the same address, with a certificate that this program makes for localhost:\nSafari keeps no session over http")
	flag.BoolVar(&o.tables, "tables", false, "make the SQL tables that are missing, and update those of an older release")
	flag.BoolVar(&o.demo, "demo", false, "make the user alice, whose password is public, unless she is there; only on localhost,\nin a store on this machine. In memory she always is")
	flag.BoolVar(&o.anyone, "anyone-may-be-alice", false, "make her also where others reach the server; for a container whose port stays on this machine")
	flag.StringVar(&o.metrics, "metrics", fromEnv("METRICS_ADDR", ""), "`host:port` for those who run the server: /metrics, /healthz and /readyz, which only they should reach;\nalso METRICS_ADDR (default nowhere)")
	flag.DurationVar(&o.drain, "drain", 0, "how `long` to go on after a signal to end, while /readyz says no: so long that load balancers notice")
	whileFile := flag.String("while", "", "end when this `FILE` is removed, or the process that started this one ends: make run does")
	flag.Parse()
	if flag.NArg() > 0 {
		// It is not shown, because it may be the address of a store, with a password.
		fmt.Fprintln(os.Stderr, "server: there is an argument that belongs to no flag; see -help")
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
	o.store = cmp.Or(o.store, fromEnv("STORE", storeconfig.Memory))
	err := run(ctx, o)
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

// options are the flags, and whether users may sign in with a password.
type options struct {
	addr, store, metrics                   string
	https, tables, demo, anyone, passwords bool
	drain                                  time.Duration
}

func run(ctx context.Context, o options) error {
	measured, err := newMeter(o.metrics)
	if err != nil {
		return err
	}
	slog.SetDefault(measured.Tee(slog.Default())) // all parts below log by it
	here, err := signinconfig.Site()
	if err != nil {
		return err
	}
	window, err := config.ReauthenticationWindow()
	if err != nil {
		return err
	}
	if o.passwords, err = signinconfig.PasswordSignIn(); err != nil {
		return err
	}
	proxies, err := config.Proxies()
	if err != nil {
		return err
	}
	opened, err := storeconfig.Open(ctx, o.store)
	if err != nil {
		return err
	}
	defer opened.Close()
	trail, err := openTrail(opened)
	if err != nil {
		return err
	}
	pages, err := signin.NewPages(signin.Config{Site: here, Menu: menu(o.passwords), Activity: trail != nil})
	if err != nil {
		return err
	}
	sessions, records, err := openSessions(opened, here, pages, measured)
	if err != nil {
		return err
	}
	users, err := opened.Users()
	if err != nil {
		return err
	}
	hasher, err := signinconfig.Hasher()
	if err != nil {
		return err
	}
	directory := accounts.NewRegistrar(users, accounts.Config{Hasher: hasher})
	attempts, err := opened.Attempts()
	if err != nil {
		return err
	}
	authenticator, err := signinconfig.Asking(directory, attempts)
	if err != nil {
		return err
	}
	provider, err := providerRoutes(opened, here, sessions)
	if err != nil {
		return err
	}
	listener, err := listen(o.addr, "ADDR")
	if err != nil {
		return err
	}
	defer listener.Close()
	watched, err := openWatch(o.metrics, measured.Handler(), opened)
	if err != nil {
		return err
	}
	others := demo.CheckListener(listener.Addr(), here.Origin, len(proxies)+len(here.ProxySecrets) > 0)
	alice, err := prepare(ctx, o, opened, directory, hasher, others)
	if err != nil {
		return err
	}
	convert, err := convertRoutes(ctx, here, sessions, directory.Directory, records)
	if err != nil {
		return err
	}
	if o.https {
		listener = withHTTPS(listener)
	}
	routes := append(passwordRoutes(sessions, authenticator, o.passwords), provider, signin.Profile(sessions), convert, signin.Logout(sessions),
		signin.Sessions(sessions, window), signin.Preferences(sessions, directory, bcp47.Canonical), signin.Whoami(sessions), trail.routes(sessions))
	handler := measured.Requests(proxies.Handler(trail.handler(pages.Handler(measured.Routes(routes)...))))
	announce(listener.Addr(), o, alice)
	defer watched.serve()()
	return serve(watched.until(ctx, o.drain), listener, handler)
}

// withHTTPS lets the listener take https too.
func withHTTPS(listener net.Listener) net.Listener {
	certificate, err := selfsigned.Certificate()
	if err != nil {
		events.Log(context.Background(), slog.Default(), "certificate_not_kept", "error", err.Error())
	}
	return selfsigned.Listener(listener, certificate)
}

// listen listens at the address, which the variable names.
func listen(addr, variable string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program; choose another address with %s=host:port", addr, variable)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	return listener, nil
}

// withDemo reports whether the demo user is wanted, who has nothing but a password. Memory
// begins empty, and nothing else can add a user to it.
func (o options) withDemo() bool {
	return o.passwords && (o.demo || o.store == storeconfig.Memory)
}

// prepare makes the first calls to the stores, and reports whether the demo user is there
// and can sign in with the public password. Whether the demo user may be made is
// decided before them, and without her it is checked after them that she is not there.
// The error others says that not only this machine reaches the listener.
func prepare(ctx context.Context, o options, opened storeconfig.Stores, directory *accounts.Registrar, hasher password.Hasher, others error) (alice bool, err error) {
	if !o.withDemo() {
		err := storeconfig.Prepare(ctx, opened, o.tables)
		if err != nil || opened.Local() && (others == nil || o.anyone) {
			return false, err
		}
		return false, demo.CheckAbsent(ctx, directory.Directory, hasher)
	}
	if err := demo.CheckStore(opened.Local()); err != nil {
		return false, err
	}
	if others != nil && !o.anyone {
		return false, others
	}
	if err := storeconfig.Prepare(ctx, opened, o.tables); err != nil {
		return false, err
	}
	if err := demo.AddUser(ctx, directory, opened.AllUsers(ctx)); err != nil {
		return false, err
	}
	return demo.SignsIn(ctx, directory.Directory, hasher)
}

// announce prints the URL of the server. Over plain http, a browser accepts our Secure
// cookie only from localhost. So announce prints a loopback address as localhost.
func announce(addr net.Addr, o options, alice bool) {
	host, port, _ := net.SplitHostPort(addr.String())
	ip, others := net.ParseIP(host), ""
	if ip.IsUnspecified() {
		others = " and, on the same port, at every address of this machine"
	}
	if ip.IsLoopback() || ip.IsUnspecified() {
		host = "localhost"
	}
	address := net.JoinHostPort(host, port)
	fmt.Printf("Coatcheck is at http://%s%s\n", address, others)
	if o.https {
		fmt.Printf("In Safari and other WebKit browsers use https://%s: over http they keep no session. They warn of the certificate, because this program made it.\n", address)
	}
	switch {
	case alice:
		fmt.Printf("Sign in as %q with the password %q.\n", demo.Username, demo.Password)
	case o.withDemo():
		fmt.Printf("The store had a user %q already, and it is left as it is: the demo user's password is not for it.\n", demo.Username)
	}
}

// serve answers requests until ctx ends. Then it waits for the requests that it is
// still answering.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler,
		// Our handler must answer "OPTIONS *" too.
		DisableGeneralOptionsHandler: true,

		// A request has 10 seconds to arrive, then a route has 8 seconds. After these a
		// route may still take back what it has begun, and the answer has to be sent.
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), server.WriteTimeout)
	defer cancel()
	return server.Shutdown(ctx)
}
