package memstore_test

import (
	"fmt"
	"log"
	"net/http/httptest"

	"example.com/coatcheck/pkg/session"
	"example.com/coatcheck/pkg/session/memstore"
)

// A program that runs as one process keeps its sessions in memory.
func Example() {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		log.Fatal(err)
	}

	r, w := httptest.NewRequest("POST", "https://shop.example/login", nil), httptest.NewRecorder()
	if _, err := sessions.Create(w, r, session.User{ID: "u1"}); err != nil {
		log.Fatal(err)
	}
	live, err := sessions.List(r.Context(), "u1")
	fmt.Println(len(live), err)
	// Output: 1 <nil>
}
