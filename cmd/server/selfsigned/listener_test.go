package selfsigned

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serve serves the handler by both schemes. It returns a client that trusts the
// certificate, and the address.
func serve(t *testing.T, handler http.Handler) (*http.Client, string) {
	t.Helper()
	certificate, _ := generate(time.Now())
	server := httptest.NewUnstartedServer(handler)
	server.Listener = Listener(server.Listener, certificate)
	server.Start()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(certificate.Leaf)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, server.Listener.Addr().String()
}

// TestBothSchemes: one address answers http and https, on connections that are used again,
// and requests with bodies too.
func TestBothSchemes(t *testing.T) {
	client, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Write(body)
		io.WriteString(w, " from "+r.RemoteAddr)
	}))
	for _, scheme := range []string{"http", "https"} {
		var first string
		for range 3 {
			resp, err := client.Post(scheme+"://"+address, "text/plain", strings.NewReader(strings.Repeat("x", 100_000)))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			text, from, _ := strings.Cut(string(body), " from ")
			if err != nil || resp.StatusCode != 200 || len(text) != 100_000 || (resp.TLS != nil) != (scheme == "https") {
				t.Errorf("%s: %d with %d bytes: %v", scheme, resp.StatusCode, len(text), err)
			}
			if first == "" {
				first = from
			}
			if from != first {
				t.Errorf("%s: the connection is not used again: %s, then %s", scheme, first, from)
			}
		}
	}
}

// TestSilentClient: a client that sends nothing, or only the first byte, does not keep
// others from being served.
func TestSilentClient(t *testing.T) {
	client, address := serve(t, http.NotFoundHandler())
	for _, said := range []string{"", "\x16", "G"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, said)
	}
	for _, scheme := range []string{"http", "https"} {
		resp, err := client.Get(scheme + "://" + address)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

// TestTLSCannotBeginBelow tests that clients which speak no TLS 1.2 are refused.
func TestTLSCannotBeginBelow(t *testing.T) {
	_, address := serve(t, http.NotFoundHandler())
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10})
	if err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestAnswerBeforeTheBody: a server may answer before it has read the whole body, and then
// closes the connection. The client gets this answer, by either scheme.
func TestAnswerBeforeTheBody(t *testing.T) {
	client, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	}))
	config := client.Transport.(*http.Transport).TLSClientConfig
	for scheme, dial := range map[string]func() (net.Conn, error){
		"http":  func() (net.Conn, error) { return net.Dial("tcp", address) },
		"https": func() (net.Conn, error) { return tls.Dial("tcp", address, config) },
	} {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n"+strings.Repeat("x", 300_000))
		answer := bufio.NewReader(conn)
		resp, err := http.ReadResponse(answer, nil)
		if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("%s: %v, %v", scheme, resp, err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "too large\n" {
			t.Errorf("%s: %q, %v", scheme, body, err)
		}
		if _, err := answer.ReadByte(); err != io.EOF {
			t.Errorf("%s: after the answer the client sees %v", scheme, err)
		}
	}
}

// TestClose: Close ends a connection in each of its states, also while Read waits.
func TestClose(t *testing.T) {
	certificate, _ := generate(time.Now())
	inner, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Listener(inner, certificate)
	for _, said := range []string{"", "GET", "\x16"} {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		io.WriteString(client, said)
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		read := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, conn)
			read <- err
		}()
		conn.Close()
		if err := <-read; !errors.Is(err, net.ErrClosed) {
			t.Errorf("after %q, Read returns %v", said, err)
		}
	}
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept returns %v", err)
	}
}

// TestShutdown: a server ends gracefully. It answers the request that it has, by either
// scheme, and closes the connections that wait for one.
func TestShutdown(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	certificate, _ := generate(time.Now())
	inner, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-release
	})}
	go server.Serve(Listener(inner, certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	answers := make(chan error)
	for _, scheme := range []string{"http", "https"} {
		go func() {
			resp, err := (&http.Client{Transport: transport}).Get(scheme + "://" + inner.Addr().String())
			if err == nil {
				resp.Body.Close()
			}
			answers <- err
		}()
		<-arrived
	}
	ended := make(chan error)
	go func() { ended <- server.Shutdown(context.Background()) }()
	close(release)
	for range 2 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
