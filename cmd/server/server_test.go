package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostPort returns the host and the port of the URL that the process printed.
func (p *process) hostPort(t *testing.T) (host, port string) {
	t.Helper()
	u, err := url.Parse(p.url)
	if err != nil || u.Host == "" {
		t.Fatalf("%q is no address: %v", p.url, err)
	}
	return u.Hostname(), u.Port()
}

// TestStarts tests flags and environment variables with which the server starts. A flag
// overrides its variable.
func TestStarts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env  []string
		args []string
	}{
		"nothing said":          {nil, nil},
		"empty variables":       {[]string{"STORE=", "SESSION_KEYS=", "PUBLIC_ORIGIN="}, nil},
		"STORE":                 {[]string{"STORE=memory"}, nil},
		"-store beats STORE":    {[]string{"STORE=nonsense"}, []string{"-store", "memory"}},
		"-addr beats ADDR":      {[]string{"ADDR=nonsense"}, []string{"-addr", "localhost:0"}},
		"an address":            {[]string{"ADDR=127.0.0.1:0"}, nil},
		"a public origin":       {[]string{"PUBLIC_ORIGIN=https://shop.example"}, []string{"-anyone-may-be-alice"}},
		"a loopback origin":     {[]string{"PUBLIC_ORIGIN=http://localhost:3000"}, nil},
		"trusted proxies":       {[]string{"TRUSTED_PROXIES=10.0.0.0/8, ::1"}, []string{"-anyone-may-be-alice"}},
		"timeouts and two keys": {[]string{"SESSION_IDLE_TIMEOUT=5m", "SESSION_LIFETIME=1h", "SESSION_KEYS=" + strings.Repeat("A", 43) + "=," + strings.Repeat("A", 43) + "="}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, tt.env, tt.args...)
			if host, _ := p.hostPort(t); host != "localhost" {
				t.Errorf("it is at %s; a browser takes our cookie from localhost", p.url)
			}
			if status := statusWith(t, p.url, ""); status != 401 {
				t.Errorf("the profile answers %d", status)
			}
		})
	}
}

// TestDoesNotStart tests that an error names what is wrong and says what to do.
func TestDoesNotStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.Addr().String()
	const dynamodb, table, region = "STORE=dynamodb", "SESSIONS_TABLE=sessions", "AWS_REGION=eu-west-1"
	for name, tt := range map[string]struct {
		env  []string
		args []string
		code int
		says []string
	}{
		"port taken":             {[]string{"ADDR=" + busy}, nil, 1, []string{busy, "taken", "ADDR=host:port"}},
		"unknown store":          {[]string{"STORE=mongodb"}, nil, 1, []string{`"mongodb"`, "memory", "sqlite", "postgres", "redis", "dynamodb"}},
		"no path":                {[]string{"STORE=sqlite:"}, nil, 1, []string{"sqlite:PATH"}},
		"no colon":               {[]string{"STORE=sqlite"}, nil, 1, []string{"sqlite:PATH"}},
		"no folder":              {[]string{"STORE=sqlite:missing/coatcheck.db"}, nil, 1, []string{"missing/coatcheck.db", "no such file or directory", "tables create"}},
		"no folder for tables":   {[]string{"STORE=sqlite:missing/coatcheck.db"}, []string{"-tables"}, 1, []string{"missing/coatcheck.db", "no such file or directory"}},
		"bad redis address":      {[]string{"STORE=redis://%zz"}, nil, 1, []string{"redis://host:6379"}},
		"-store beats STORE":     {[]string{"STORE=memory"}, []string{"-store=dynamodb"}, 1, []string{"AWS_REGION"}},
		"no sessions table":      {[]string{dynamodb, region}, nil, 1, []string{"SESSIONS_TABLE is not set"}},
		"no region":              {[]string{dynamodb}, nil, 1, []string{"AWS_REGION is not set"}},
		"no users table":         {[]string{dynamodb, table, region}, nil, 1, []string{"USERS_TABLE is not set"}},
		"no attempts table":      {[]string{dynamodb, table, region, "USERS_TABLE=users"}, nil, 1, []string{"ATTEMPTS_TABLE is not set"}},
		"attempts ladder":        {[]string{"ATTEMPTS_LADDER=10"}, nil, 1, []string{"ATTEMPTS_LADDER", `"10"`, "10,30s,1h,100"}},
		"attempts per network":   {[]string{"ATTEMPTS_PER_NETWORK=100,0s"}, nil, 1, []string{"ATTEMPTS_PER_NETWORK", "100 in 0s"}},
		"key":                    {[]string{"SESSION_KEYS=c2hvcnQtY2FuYXJ5"}, nil, 1, []string{"SESSION_KEYS", "openssl rand -base64 32"}},
		"idle timeout":           {[]string{"SESSION_IDLE_TIMEOUT=20"}, nil, 1, []string{"SESSION_IDLE_TIMEOUT", `"20"`}},
		"lifetime":               {[]string{"SESSION_LIFETIME=-1h"}, nil, 1, []string{"SESSION_LIFETIME", `"-1h"`}},
		"brand":                  {[]string{"BRAND_LOGO=<svg viewBox=\"0 0 9 9\"><script/></svg>"}, nil, 1, []string{"BRAND_LOGO", "<script>", "take it out"}},
		"colors":                 {[]string{"BRAND_COLORS=#ffff00,#9fc5e8"}, nil, 1, []string{"BRAND_COLORS", "#ffff00", "4.5:1", "darker"}},
		"HSTS":                   {[]string{"HSTS_INCLUDE_SUBDOMAINS=yes"}, nil, 1, []string{"HSTS_INCLUDE_SUBDOMAINS", "true or false"}},
		"origin":                 {[]string{"PUBLIC_ORIGIN=shop.example"}, nil, 1, []string{"PUBLIC_ORIGIN", `"shop.example"`}},
		"origin, with DynamoDB":  {[]string{dynamodb, table, region, "USERS_TABLE=users", "ATTEMPTS_TABLE=attempts", "PUBLIC_ORIGIN=shop.example"}, nil, 1, []string{"PUBLIC_ORIGIN"}},
		"trusted proxies":        {[]string{"TRUSTED_PROXIES=10.0.0.0/8,nginx"}, nil, 1, []string{"TRUSTED_PROXIES", `"nginx"`, "10.0.0.0/8"}},
		"all proxies trusted":    {[]string{"TRUSTED_PROXIES=0.0.0.0/0"}, nil, 1, []string{"TRUSTED_PROXIES", `"0.0.0.0/0"`}},
		"address without a port": {[]string{"ADDR=localhost"}, nil, 1, []string{"cannot listen on localhost"}},
		"nobody's address":       {[]string{"ADDR=192.0.2.1:0"}, nil, 1, []string{"cannot listen on 192.0.2.1:0"}},
		"an argument":            {nil, []string{"memory"}, 2, []string{"no flag", "-help"}},
		"an unknown flag":        {nil, []string{"-port", "80"}, 2, []string{"-port", "-addr"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, message := runFailing(t, tt.env, tt.args...)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, part := range tt.says {
				if !strings.Contains(message, part) {
					t.Errorf("it does not say %s: %s", part, message)
				}
			}
			if tt.code == 1 && (strings.Count(message, "\n") != 1 || !strings.HasPrefix(message, "server: ")) {
				t.Errorf("not one line of the server's: %q", message)
			}
			if strings.Contains(message, "c2hvcnQ") {
				t.Errorf("it quotes a key: %s", message)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), binary, "-help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, part := range []string{"-addr", `(default "localhost:8080")`, "ADDR", "-https", "Safari", "-store", `(default "memory")`, "STORE", "dynamodb", "-metrics", "METRICS_ADDR", "-drain"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("no %s in %s", part, out)
		}
	}
}

// TestLoopbackOnly tests that by default only this machine can reach the server.
// TestHelp tests that the default address is at localhost, like the address used here.
func TestLoopbackOnly(t *testing.T) {
	t.Parallel()
	reachable := func(p *process, host string) bool {
		_, port := p.hostPort(t)
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), 5*time.Second)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	local, open := start(t, nil), start(t, []string{"ADDR=:0"}, "-anyone-may-be-alice")
	others := otherAddresses(t)
	for _, host := range others {
		if reachable(local, host) {
			t.Errorf("%s reaches a server at localhost", host)
		}
		if !reachable(open, host) {
			t.Errorf("%s does not reach a server at every address, so the test shows nothing", host)
		}
	}
	if !reachable(local, "localhost") || !reachable(open, "localhost") {
		t.Error("localhost does not reach it")
	}
	if host, _ := open.hostPort(t); host != "localhost" || !strings.Contains(open.stdout.String(), "every address of this machine") {
		t.Errorf("announced as %s", open.stdout)
	}
}

// otherAddresses returns addresses of this machine other than localhost.
func otherAddresses(t *testing.T) (hosts []string) {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	candidates := []string{"127.0.0.2"} // Linux always has this address
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok && network.IP.IsGlobalUnicast() && network.IP.To4() != nil {
			candidates = append(candidates, network.IP.String())
		}
	}
	for _, host := range candidates {
		if listener, err := net.Listen("tcp", host+":0"); err == nil {
			listener.Close()
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		t.Fatal("this machine has no address but localhost to try from")
	}
	return hosts
}

// TestShutdown tests the end of the server, by http and by https. It must answer a request
// that it has already accepted, close the connections that wait for one, refuse new
// connections, and end with the exit code 0.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(signal.String()+" "+scheme, func(t *testing.T) {
				t.Parallel()
				home := t.TempDir()
				p := start(t, []string{"HOME=" + home}, "-https")
				host, port := p.hostPort(t)
				address := net.JoinHostPort(host, port)
				dial := func() net.Conn {
					conn, err := net.Dial("tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { conn.Close() })
					conn.SetDeadline(time.Now().Add(testTimeout))
					if scheme == "http" {
						return conn
					}
					config := trusting(t, home)
					config.ServerName = host
					return tls.Client(conn, config)
				}
				waiting := dial()
				fmt.Fprintf(waiting, "HEAD /login HTTP/1.1\r\nHost: %s\r\n\r\n", address)
				if resp, err := http.ReadResponse(bufio.NewReader(waiting), &http.Request{Method: "HEAD"}); err != nil || resp.StatusCode != 200 {
					t.Fatalf("%v, %v", resp, err)
				}
				conn := dial()
				body := fmt.Sprintf(`{"username":%q,"password":%q}`, demoUser, demoPassword)
				fmt.Fprintf(conn, "POST /login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", address, len(body))
				answers := bufio.NewReader(conn)
				if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
					t.Fatalf("the handler does not read: %q, %v", line, err)
				}
				answers.ReadString('\n') // the blank line

				if err := p.cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				waitUntilClosed(t, address)
				if _, err := waiting.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("the connection that waits: %v", err)
				}
				io.WriteString(conn, body)
				resp, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatalf("the request under way: %v", err)
				}
				resp.Body.Close()
				if resp.StatusCode != 200 || len(resp.Cookies()) != 1 {
					t.Errorf("the request under way: %d, %d cookies", resp.StatusCode, len(resp.Cookies()))
				}
				if code := p.wait(t); code != 0 {
					t.Errorf("exit code %d: %s", code, p.stderr)
				}
			})
		}
	}
}

func waitUntilClosed(t *testing.T, address string) {
	t.Helper()
	for end := time.Now().Add(testTimeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("new connections are still taken")
}

// TestPublicOrigin tests that the handlers use PUBLIC_ORIGIN. A write of an old browser
// must come from this origin.
func TestPublicOrigin(t *testing.T) {
	t.Parallel()
	p := start(t, []string{"PUBLIC_ORIGIN=https://shop.example"}, "-anyone-may-be-alice")
	for origin, want := range map[string]int{"https://shop.example": 204, p.url: 403} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/logout", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a write from %s: %d, want %d", origin, resp.StatusCode, want)
		}
	}
}

// TestSlowHeader tests that the server does not wait for a client that never finishes
// its header.
func TestSlowHeader(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	host, port := p.hostPort(t)
	conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(testTimeout))
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the server still waits: %v", err)
	}
}

func TestLargeHeader(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), "GET", p.url+"/login", nil)
	if err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]int{10 << 10: 200, 64 << 10: 431} {
		req.Header.Set("X-Large", strings.Repeat("x", size))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a header of %d bytes: %d, want %d", size, resp.StatusCode, want)
		}
	}
}
