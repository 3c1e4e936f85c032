// Command bookshop is a small shop in one process. It has users and pages of its own; of
// Coatcheck it takes the sessions.
package main

import (
	"cmp"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"example.com/coatcheck/pkg/config"
)

func main() {
	store, err := inMemory() // or inSQLite("bookshop.db"), and sessions survive a restart
	if err != nil {
		config.Exit(err)
	}
	sessions, err := config.Sessions(store, fail) // reads SESSION_IDLE_TIMEOUT and other variables
	if err != nil {
		config.Exit(err)
	}
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("ADDR"), "localhost:8081"))
	if err != nil {
		config.Exit(err)
	}
	log.Printf("http://%s is open", listener.Addr())
	server := http.Server{ // clients that send nothing more keep no connection
		Handler: newShop(sessions), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	config.Exit(server.Serve(listener))
}
