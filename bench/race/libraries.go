package main

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/boj/redistore"
	"github.com/gorilla/sessions"
	goredis "github.com/redis/go-redis/v9"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
	"example.com/coatcheck/pkg/session/redisstore"
)

// answer writes 500 for an error, 204 if somebody is signed in, and 401 otherwise.
func answer(w http.ResponseWriter, signedIn bool, err error) {
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case signedIn:
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// coatcheckServer has an idle timeout of ten seconds, so that a session is touched after one
// second.
func coatcheckServer(onRedis bool) maker {
	return func(redis string, work func()) (http.Handler, error) {
		var store session.Store = memstore.New()
		if onRedis {
			store = redisstore.New(goredis.NewClient(&goredis.Options{Addr: redis}), "coatcheck:")
		}
		return coatcheckOn(store, work)
	}
}

func coatcheckOn(store session.Store, work func()) (http.Handler, error) {
	manager, err := session.New(store, session.Config{IdleTimeout: 10 * time.Second, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		_, err := manager.Create(w, r, session.User{ID: rand.Text()})
		answer(w, true, err)
	})
	mux.Handle("GET /plain", manager.Require(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		work()
		answer(w, true, nil)
	})))
	mux.Handle("POST /change", manager.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		work()
		err := manager.Update(r.Context(), session.FromContext(r.Context()), func(s *session.Session) { s.Values["theme"] = "dark" })
		if errors.Is(err, session.ErrNoSession) {
			err = nil
		}
		answer(w, session.FromContext(r.Context()) != nil, err)
	})))
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) { answer(w, true, manager.Destroy(w, r)) })
	return mux, nil
}

func scsServer(onRedis bool, idle time.Duration) maker {
	return func(redis string, work func()) (http.Handler, error) {
		manager := scs.New()
		manager.Lifetime, manager.IdleTimeout = 24*time.Hour, idle
		if onRedis {
			manager.Store = goredisstore.New(goredis.NewClient(&goredis.Options{Addr: redis}))
		}
		mux := http.NewServeMux()
		mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
			err := manager.RenewToken(r.Context())
			manager.Put(r.Context(), "user", "u1")
			answer(w, true, err)
		})
		mux.HandleFunc("GET /plain", func(w http.ResponseWriter, r *http.Request) {
			work()
			answer(w, manager.GetString(r.Context(), "user") != "", nil)
		})
		mux.HandleFunc("POST /change", func(w http.ResponseWriter, r *http.Request) {
			work()
			if manager.GetString(r.Context(), "user") == "" {
				answer(w, false, nil)
				return
			}
			manager.Put(r.Context(), "theme", "dark")
			answer(w, true, nil)
		})
		mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) { answer(w, true, manager.Destroy(r.Context())) })
		return manager.LoadAndSave(mux), nil
	}
}

func gorillaServer(redis string, work func()) (http.Handler, error) {
	store, err := redistore.NewRediStore(atOnce, "tcp", redis, "", "", []byte(rand.Text()))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	handle := func(pattern string, f func(w http.ResponseWriter, r *http.Request, s *sessions.Session, user string)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s, err := store.Get(r, "session-key")
			if err != nil {
				answer(w, false, err)
				return
			}
			user, _ := s.Values["user"].(string)
			f(w, r, s, user)
		})
	}
	handle("POST /login", func(w http.ResponseWriter, r *http.Request, s *sessions.Session, _ string) {
		s.Values["user"] = "u1"
		answer(w, true, sessions.Save(r, w))
	})
	handle("GET /plain", func(w http.ResponseWriter, _ *http.Request, _ *sessions.Session, user string) {
		work()
		answer(w, user != "", nil)
	})
	handle("POST /change", func(w http.ResponseWriter, r *http.Request, s *sessions.Session, user string) {
		work()
		if user == "" {
			answer(w, false, nil)
			return
		}
		s.Values["theme"] = "dark"
		answer(w, true, sessions.Save(r, w))
	})
	handle("POST /logout", func(w http.ResponseWriter, r *http.Request, s *sessions.Session, _ string) {
		s.Options.MaxAge = -1
		answer(w, true, sessions.Save(r, w))
	})
	return mux, nil
}
