// Command scsserver is a small server with sessions by scs in memory: what somebody writes who wants
// no more than a login and a profile, as JSON and as the page in the file PAGE. IDLE is the idle
// timeout, 0s for none. The benchmarks compare cmd/server with it. Everybody may
// sign in as anybody, so it is for nothing else.
package main

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
)

// idleTimeout is when the page says that the session ends.
const idleTimeout = 30 * time.Minute

// values is the data in each session.
var values = map[string]string{"user_id": "u1", "username": "alice", "display_name": "Alice", "role": "member", "theme": "dark", "language": "en"}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "scsserver:", err)
		os.Exit(1)
	}
}

func serve() error {
	profile, err := template.ParseFiles(os.Getenv("PAGE"))
	if err != nil {
		return fmt.Errorf("PAGE is not the file of a template: %w", err)
	}
	idle, err := time.ParseDuration(os.Getenv("IDLE"))
	if err != nil {
		return fmt.Errorf("IDLE is not a time such as 30m or 0s: %w", err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	fmt.Printf("scs is at http://%s\n", listener.Addr())
	sessions := scs.New()
	sessions.IdleTimeout = idle
	return http.Serve(listener, sessions.LoadAndSave(routes(sessions, profile)))
}

func routes(sessions *scs.SessionManager, profile *template.Template) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for name, value := range values {
			sessions.Put(r.Context(), name, value)
		}
		sessions.Put(r.Context(), "ip", r.RemoteAddr[:strings.LastIndexByte(r.RemoteAddr, ':')])
		sessions.Put(r.Context(), "signed_in", time.Now().UTC().Format(time.RFC3339))
	})
	mux.HandleFunc("GET /profile", func(w http.ResponseWriter, r *http.Request) {
		if !sessions.Exists(r.Context(), "user_id") {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		known := map[string]string{}
		for name := range values {
			known[name] = sessions.GetString(r.Context(), name)
		}
		w.Header().Set("Cache-Control", "no-store")
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			known["ip"] = sessions.GetString(r.Context(), "ip")
			known["signed_in"] = sessions.GetString(r.Context(), "signed_in")
			known["ends"] = time.Now().Add(idleTimeout).UTC().Format(time.RFC3339)
			for _, name := range []string{"signed_in", "ends"} {
				at, _ := time.Parse(time.RFC3339, known[name])
				known[name+"_text"] = at.Format("2 January 2006, 15:04 UTC")
			}
			profile.Execute(w, known)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(known)
	})
	return mux
}
