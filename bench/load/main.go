// Command load sends one request again and again, on so many connections at once, and prints how
// many were answered with 200 and how many nanoseconds that took:
//
//	load -connections 16 -for 1s http://localhost:8080/profile 'text/html' 'name=value'
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	connections := flag.Int("connections", 1, "how many `connections` are open at once")
	long := flag.Duration("for", time.Second, "how `long` requests are sent")
	flag.Parse()
	if flag.NArg() != 3 {
		fmt.Fprintln(os.Stderr, "load: it wants a URL, what to accept and a cookie")
		os.Exit(2)
	}
	answered, took, err := load(*connections, *long, flag.Arg(0), flag.Arg(1), flag.Arg(2))
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
	fmt.Println(answered, took.Nanoseconds())
}

// load sends for so long, and once on each connection at least.
func load(connections int, long time.Duration, address, accept, cookie string) (answered int64, took time.Duration, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, 0, err
	}
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"+
		"Accept: %s\r\nCookie: %s\r\n\r\n", u.RequestURI(), u.Host, accept, cookie)
	open := make([]net.Conn, connections)
	for i := range open {
		if open[i], err = net.Dial("tcp", u.Host); err != nil {
			return 0, 0, err
		}
		defer open[i].Close()
	}
	var count atomic.Int64
	failed := make(chan error, connections)
	began := time.Now()
	var all sync.WaitGroup
	for _, conn := range open {
		all.Go(func() {
			if err := repeat(conn, request, began.Add(long), &count); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	close(failed)
	return count.Load(), time.Since(began), <-failed
}

// repeat sends the request until the end, and reads each answer whole.
func repeat(conn net.Conn, request string, end time.Time, count *atomic.Int64) error {
	answers := bufio.NewReaderSize(conn, 16<<10)
	for {
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return err
		}
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("answered %s", answer.Status)
		}
		count.Add(1)
		if time.Now().After(end) {
			return nil
		}
	}
}
