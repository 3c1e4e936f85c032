package e2e_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/testing/testenv"
)

// A driver carries out a command of WebDriver (W3C) in one browser, which has one window.
type driver func(command string, parameters map[string]any) (json.RawMessage, error)

// endpoints are the commands that the tests use, by Marionette's names without the prefix.
// Each has its method and path of WebDriver's HTTP.
var endpoints = map[string]string{
	"NewSession":      "POST /session",
	"Navigate":        "POST /session/{session}/url",
	"GetCurrentURL":   "GET /session/{session}/url",
	"Back":            "POST /session/{session}/back",
	"FindElement":     "POST /session/{session}/element",
	"ElementClick":    "POST /session/{session}/element/{id}/click",
	"ElementClear":    "POST /session/{session}/element/{id}/clear",
	"ElementSendKeys": "POST /session/{session}/element/{id}/value",
	"ExecuteScript":   "POST /session/{session}/execute/sync",
	"GetCookies":      "GET /session/{session}/cookie",
	"TakeScreenshot":  "GET /session/{session}/screenshot",
}

// program returns the path of the first of the programs that is installed. If none is, the
// test fails and says which package of Debian has it.
func program(t *testing.T, debian string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not on the PATH; make browsers needs it (Debian: apt-get install %s)", strings.Join(names, " or "), debian)
	return ""
}

// launch starts a program that ends with the test. A test that fails shows what the
// program printed.
func launch(t *testing.T, cmd *exec.Cmd) *childprocess.Process {
	t.Helper()
	name := filepath.Base(cmd.Path)
	var log bytes.Buffer // read when the process has ended
	if cmd.Stdout == nil {
		cmd.Stdout = &log
	}
	cmd.Stderr = &log
	cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8") // browsers ask for pages in this language, English
	process, err := childprocess.Start(cmd, childprocess.TERM)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Stop()
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, childprocess.LastPart(log.String()))
		}
	})
	return process
}

// until waits for a process to be ready.
func until(t *testing.T, process *childprocess.Process, what string, ready func() bool) {
	t.Helper()
	for end := time.Now().Add(browserTimeout); !ready(); time.Sleep(50 * time.Millisecond) {
		select {
		case <-process.Exited():
			t.Fatalf("%s has ended", what)
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not ready after %v", what, browserTimeout)
		}
	}
}

// startFirefox starts Firefox, which needs no window system. Debian has no geckodriver, so
// the driver does what geckodriver does: it speaks Marionette, Firefox's own protocol for
// WebDriver's commands.
func startFirefox(t *testing.T) driver {
	t.Helper()
	profile := t.TempDir()
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(`user_pref("marionette.port", 0);`), 0o600); err != nil {
		t.Fatal(err)
	}
	firefox := launch(t, exec.Command(program(t, "firefox-esr", "firefox-esr", "firefox"), "--headless", "--marionette", "--no-remote", "--profile", profile))
	port := 0
	until(t, firefox, "Firefox", func() bool {
		text, _ := os.ReadFile(filepath.Join(profile, "MarionetteActivePort"))
		port, _ = strconv.Atoi(string(text))
		return port > 0
	})
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return marionette(t, conn)
}

// marionette returns the driver at the other end of conn. Each message is its length, a
// colon, and JSON: a command [0, id, name, parameters] or its answer [1, id, error, result].
func marionette(t *testing.T, conn net.Conn) driver {
	t.Helper()
	answers := bufio.NewReader(conn)
	receive := func(message any) error {
		length, err := answers.ReadString(':')
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
		if err != nil {
			return err
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(answers, text); err != nil {
			return err
		}
		return json.Unmarshal(text, message)
	}
	var greeting map[string]any
	if err := receive(&greeting); err != nil {
		t.Fatalf("Firefox's greeting: %v", err)
	}
	id := 0
	return func(command string, parameters map[string]any) (json.RawMessage, error) {
		id++
		text, err := json.Marshal([]any{0, id, "WebDriver:" + command, parameters})
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(conn, "%d:%s", len(text), text); err != nil {
			return nil, err
		}
		var answer [4]json.RawMessage
		if err := receive(&answer); err != nil {
			return nil, err
		}
		if string(answer[2]) != "null" {
			return nil, problem(answer[2])
		}
		return value(answer[3]), nil
	}
}

// value returns the member "value" of the object, or the object itself if it has none.
func value(object json.RawMessage) json.RawMessage {
	var wrapped struct{ Value json.RawMessage }
	if json.Unmarshal(object, &wrapped) == nil && wrapped.Value != nil {
		return wrapped.Value
	}
	return object
}

// problem returns the error that the object of WebDriver describes.
func problem(object json.RawMessage) error {
	var said struct{ Error, Message string }
	if err := json.Unmarshal(object, &said); err != nil {
		return err
	}
	return fmt.Errorf("%s: %s", said.Error, said.Message)
}

// startWebKit starts WebKitGTK's driver, which starts its MiniBrowser, on a window system
// that shows nothing.
func startWebKit(t *testing.T) driver {
	t.Helper()
	webdriver := exec.Command(program(t, "webkit2gtk-driver", "WebKitWebDriver"))
	port := testenv.FreePort(t)
	webdriver.Args = append(webdriver.Args, "--host=127.0.0.1", "--port="+port)
	webdriver.Env = append(webdriver.Environ(), "DISPLAY="+startDisplay(t), "HOME="+t.TempDir())
	process := launch(t, webdriver)
	server := "http://127.0.0.1:" + port
	until(t, process, "WebKitWebDriver", func() bool {
		_, err := callHTTP("GET", server+"/status", nil)
		return err == nil
	})
	session := ""
	return func(command string, parameters map[string]any) (json.RawMessage, error) {
		method, path, _ := strings.Cut(endpoints[command], " ")
		path = strings.NewReplacer("{session}", session, "{id}", fmt.Sprint(parameters["id"])).Replace(path)
		found, err := callHTTP(method, server+path, parameters)
		if err == nil && command == "NewSession" {
			var made struct{ SessionID string }
			err = json.Unmarshal(found, &made)
			session = made.SessionID
		}
		return found, err
	}
}

// callHTTP sends a command of WebDriver.
func callHTTP(method, address string, parameters map[string]any) (json.RawMessage, error) {
	body := []byte("{}")
	if parameters != nil {
		var err error
		if body, err = json.Marshal(parameters); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if method == "GET" {
		request.Body, request.ContentLength = nil, 0
	}
	response, err := (&http.Client{Timeout: browserTimeout}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, problem(value(text))
	}
	return value(text), nil
}

// startDisplay starts Xvfb, and returns the name of its display.
func startDisplay(t *testing.T) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { read.Close() })
	cmd := exec.Command(program(t, "xvfb", "Xvfb"), "-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp")
	cmd.Stdout = write
	launch(t, cmd)
	write.Close()
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb does not say which display it has: %v", err)
	}
	return ":" + strings.TrimSpace(number)
}
