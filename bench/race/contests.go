package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"time"
)

// surroundings are what all contests share.
type surroundings struct {
	ctx   context.Context
	redis string        // the address
	work  time.Duration // of a request, after it has read the session
	races int           // of each contest, if it can have them by the limit
	limit time.Duration
}

// contest is one library in one configuration, and one request that the logout crosses.
type contest struct {
	library, store, request string
	path                    string // of the request
	ages                    bool   // the sessions are old enough that their life is extended
	open                    func(surroundings) (url string, closeServer func(), err error)
}

func (c contest) name() string { return c.library + ", " + c.store + ", " + c.request }

const (
	coatcheck  = "Coatcheck"
	scsName    = "scs"
	gorilla    = "gorilla/sessions"
	express    = "express-session"
	betterAuth = "better-auth"

	memory, redis  = "memory", "Redis"
	reads, changes = "reads", "changes data"
)

// idleOfReadme is the idle timeout in the README of scs, where it has one.
const idleOfReadme = 20 * time.Minute

// contests returns the libraries, each as its documentation sets it up, and where this
// decides, with the setting named.
func contests() []contest {
	const idle = "reads, with an idle timeout"
	return []contest{
		{coatcheck, memory, "reads, a touch is due", "/plain", true, inProcess(coatcheckServer(false))},
		{coatcheck, memory, changes, "/change", false, inProcess(coatcheckServer(false))},
		{coatcheck, redis, "reads, a touch is due", "/plain", true, inProcess(coatcheckServer(true))},
		{coatcheck, redis, changes, "/change", false, inProcess(coatcheckServer(true))},
		{scsName, memory, reads, "/plain", false, inProcess(scsServer(false, 0))},
		{scsName, memory, idle, "/plain", false, inProcess(scsServer(false, idleOfReadme))},
		{scsName, memory, changes, "/change", false, inProcess(scsServer(false, 0))},
		{scsName, "Redis, goredisstore", reads, "/plain", false, inProcess(scsServer(true, 0))},
		{scsName, "Redis, goredisstore", idle, "/plain", false, inProcess(scsServer(true, idleOfReadme))},
		{scsName, "Redis, goredisstore", changes, "/change", false, inProcess(scsServer(true, 0))},
		{gorilla, "Redis, redistore", reads, "/plain", false, inProcess(gorillaServer)},
		{gorilla, "Redis, redistore", changes, "/change", false, inProcess(gorillaServer)},
		{express, memory, "reads, resave: false", "/plain", false, onNode("express.js", false, "RESAVE=false")},
		{express, memory, "changes data, resave: false", "/change", false, onNode("express.js", false, "RESAVE=false")},
		{express, "Redis, connect-redis", "reads, resave: false", "/plain", false, onNode("express.js", true, "RESAVE=false")},
		{express, "Redis, connect-redis", "reads, resave not set", "/plain", false, onNode("express.js", true, "RESAVE=")},
		{express, "Redis, connect-redis", "changes data, resave: false", "/change", false, onNode("express.js", true, "RESAVE=false")},
		{betterAuth, memory, "reads, updateAge: 0", "/plain", false, onNode("better-auth.js", false, "UPDATE_AGE=0")},
		{betterAuth, memory, changes, "/change", false, onNode("better-auth.js", false, "UPDATE_AGE=")},
		{betterAuth, "Redis, secondaryStorage", reads, "/plain", false, onNode("better-auth.js", true, "UPDATE_AGE=")},
		{betterAuth, "Redis, secondaryStorage", "reads, updateAge: 0", "/plain", false, onNode("better-auth.js", true, "UPDATE_AGE=0")},
		{betterAuth, "Redis, secondaryStorage", changes, "/change", false, onNode("better-auth.js", true, "UPDATE_AGE=")},
	}
}

// maker makes the handler of a library that runs in this process. The handler calls work after
// it has read the session.
type maker func(redis string, work func()) (http.Handler, error)

func inProcess(handler maker) func(surroundings) (string, func(), error) {
	return func(around surroundings) (string, func(), error) {
		h, err := handler(around.redis, func() { time.Sleep(around.work) })
		if err != nil {
			return "", nil, err
		}
		server := httptest.NewServer(h)
		return server.URL, server.Close, nil
	}
}
