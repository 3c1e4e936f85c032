package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/coatcheck/pkg/config/storeconfig"
)

// readyTimeout is how long a store may take to say that it is ready. Who asks usually waits
// no longer than some seconds.
const readyTimeout = 2 * time.Second

// watch is what the server tells those who run it, at an address of its own.
type watch struct {
	listener net.Listener // nil if nobody watches
	metrics  http.Handler
	stores   storeconfig.Stores
	leaving  atomic.Bool // whether the server is about to end
}

// openWatch listens at the address, or nowhere if it is "".
func openWatch(addr string, metrics http.Handler, stores storeconfig.Stores) (*watch, error) {
	w := &watch{metrics: metrics, stores: stores}
	if addr == "" {
		return w, nil
	}
	var err error
	w.listener, err = listen(addr, "METRICS_ADDR")
	return w, err
}

// serve answers until the function that it returns is called.
func (w *watch) serve() (end func()) {
	if w.listener == nil {
		return func() {}
	}
	fmt.Printf("Its metrics are at http://%s/metrics, beside /healthz and /readyz.\n", w.listener.Addr())
	server := &http.Server{Handler: w.handler(), ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	go server.Serve(w.listener) // the error says that it was closed
	return func() { server.Close() }
}

// until returns a context that ends so long after ctx. From the end of ctx on the server is
// not ready.
func (w *watch) until(ctx context.Context, drain time.Duration) context.Context {
	later, end := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		w.leaving.Store(true)
		time.AfterFunc(drain, end)
	})
	return later
}

func (w *watch) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", w.metrics)
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) { say(rw, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(rw http.ResponseWriter, r *http.Request) {
		if w.leaving.Load() {
			say(rw, http.StatusServiceUnavailable, "The server is about to end. Send it no more requests.")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := storeconfig.Ready(ctx, w.stores); err != nil {
			say(rw, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(rw, http.StatusOK, "ready")
	})
	return mux
}

func say(w http.ResponseWriter, status int, line string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, line+"\n")
}
