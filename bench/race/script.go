package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	atOnce = 16  // races at a time
	batch  = 250 // sessions that are made before their races begin
)

// aging is how old a session is before its race where its life is to be extended: a touch of
// Coatcheck is due after a tenth of the idle timeout, here a second.
const aging = 1100 * time.Millisecond

// run lets the races run, and returns how many there were, and after how many the old cookie was
// signed in.
func (c contest) run(around surroundings) (races, again int, err error) {
	url, closeServer, err := c.open(around)
	if err != nil {
		return 0, 0, err
	}
	defer closeServer()
	p := newPeer(url)
	if err := p.works(c.path); err != nil {
		return 0, 0, err
	}
	begun := func() { time.Sleep(rand.N(2 * around.work)) }
	for end := time.Now().Add(around.limit); races < around.races && time.Now().Before(end); {
		n := min(batch, around.races-races)
		more, err := p.races(c, n, begun)
		if err != nil {
			return 0, 0, err
		}
		races, again = races+n, again+more
	}
	return races, again, nil
}

// works returns an error if the server does not do alone what the races ask of it.
func (p peer) works(path string) error {
	cookie, err := p.signIn()
	if err != nil {
		return err
	}
	for _, step := range []struct {
		path     string
		signedIn bool
	}{{"/plain", true}, {path, true}, {"/plain", true}, {"/logout", true}, {"/plain", false}, {path, false}, {"/plain", false}} {
		status, _, err := p.send(step.path, cookie)
		if err != nil {
			return err
		}
		if good := status < 300; good != step.signedIn || !good && status != http.StatusUnauthorized {
			return fmt.Errorf("alone, %s is answered with %d", step.path, status)
		}
	}
	return nil
}

// races makes n sessions, and then lets the races run.
func (p peer) races(c contest, n int, begun func()) (again int, err error) {
	cookies := make([]string, n)
	err = parallel(n, func(i int) (err error) { cookies[i], err = p.signIn(); return err })
	if err != nil {
		return 0, err
	}
	if c.ages {
		time.Sleep(aging)
	}
	won := make([]bool, n)
	err = parallel(n, func(i int) (err error) { won[i], err = p.race(cookies[i], c.path, begun, func() {}); return err })
	for _, w := range won {
		if w {
			again++
		}
	}
	return again, err
}

// parallel calls f(0) to f(n-1), some at a time, and returns the first error.
func parallel(n int, f func(i int) error) error {
	errs := make(chan error, n)
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := f(i); err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

// peer is a server of a library.
type peer struct {
	url    string
	client *http.Client
}

func newPeer(url string) peer {
	return peer{url, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4 * atOnce}}}
}

// race sends a request, calls begun, sends the logout, calls ended, and reports whether the old
// cookie is signed in when both are answered.
func (p peer) race(cookie, path string, begun, ended func()) (again bool, err error) {
	answered := make(chan error, 1)
	go func() {
		status, _, err := p.send(path, cookie)
		if err == nil && status != http.StatusOK && status != http.StatusNoContent && status != http.StatusUnauthorized {
			err = fmt.Errorf("%s was answered with %d", path, status)
		}
		answered <- err
	}()
	begun()
	status, _, err := p.send("/logout", cookie)
	ended()
	if requestErr := <-answered; err == nil {
		err = requestErr
	}
	if err == nil && status >= 300 {
		err = fmt.Errorf("the logout was answered with %d", status)
	}
	if err != nil {
		return false, err
	}
	status, _, err = p.send("/plain", cookie)
	if err == nil && status != http.StatusNoContent && status != http.StatusUnauthorized {
		err = fmt.Errorf("the old cookie was answered with %d", status)
	}
	return status == http.StatusNoContent, err
}

// signIn returns what a browser would send in its header Cookie.
func (p peer) signIn() (cookie string, err error) {
	status, header, err := p.send("/login", "")
	if err != nil || status >= 300 {
		return "", fmt.Errorf("the login was answered with %d: %w", status, err)
	}
	var pairs []string
	for _, line := range header["Set-Cookie"] {
		pair, _, _ := strings.Cut(line, ";")
		pairs = append(pairs, pair)
	}
	return strings.Join(pairs, "; "), nil
}

func (p peer) send(path, cookie string) (status int, header http.Header, err error) {
	method := http.MethodPost
	if path == "/plain" {
		method = http.MethodGet
	}
	r, err := http.NewRequest(method, p.url+path, nil)
	if err != nil {
		return 0, nil, err
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	r.Header.Set("Origin", p.url)
	answer, err := p.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	return answer.StatusCode, answer.Header, answer.Body.Close()
}
