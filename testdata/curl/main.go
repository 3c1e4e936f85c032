// Command curl stands in for curl on machines that have none. It knows what the
// transcript in README.md uses, and refuses everything else.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// call is what the command line asks for.
type call struct {
	method, address, body          string
	header                         http.Header
	readJar, writeJar, headersFile string
	format                         string
}

func main() {
	c, err := parse(os.Args[1:])
	if err == nil {
		err = c.do()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "the stand-in for curl:", err)
		os.Exit(2)
	}
}

func parse(args []string) (call, error) {
	c := call{method: "GET", header: http.Header{}}
	options := map[string]*string{"-X": &c.method, "-d": &c.body, "-b": &c.readJar, "-c": &c.writeJar, "-D": &c.headersFile, "-w": &c.format}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		option, known := options[arg]
		switch {
		case arg == "-s":
		case strings.HasPrefix(arg, "http://"):
			c.address = arg
		case len(args) > 0 && (known || arg == "-H"):
			if arg == "-H" {
				name, value, _ := strings.Cut(args[0], ": ")
				c.header.Set(name, value)
			} else {
				*option = args[0]
			}
			args = args[1:]
		default:
			return c, fmt.Errorf("%q is not known; install curl", arg)
		}
	}
	if c.body != "" && c.method == "GET" {
		c.method = "POST"
	}
	return c, nil
}

func (c call) do() error {
	request, err := http.NewRequest(c.method, c.address, strings.NewReader(c.body))
	if err != nil {
		return err
	}
	request.Header = c.header
	cookies, err := readJar(c.readJar)
	if err != nil {
		return err
	}
	for name, value := range cookies {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	response, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	fmt.Print(strings.NewReplacer("%{http_code}", fmt.Sprint(response.StatusCode), `\n`, "\n").Replace(c.format))
	if c.headersFile != "" {
		var headers strings.Builder
		response.Header.Write(&headers)
		if err := os.WriteFile(c.headersFile, []byte(headers.String()), 0o600); err != nil {
			return err
		}
	}
	for _, cookie := range response.Cookies() {
		cookies[cookie.Name] = cookie.Value
		if cookie.MaxAge < 0 {
			delete(cookies, cookie.Name)
		}
	}
	return writeJar(c.writeJar, cookies)
}

// readJar reads a file of cookies as curl writes it: seven columns, of which the
// last two are name and value.
func readJar(file string) (map[string]string, error) {
	cookies := map[string]string{}
	if file == "" {
		return cookies, nil
	}
	text, err := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if columns := strings.Split(strings.TrimSpace(line), "\t"); len(columns) == 7 {
			cookies[columns[5]] = columns[6]
		}
	}
	return cookies, err
}

func writeJar(file string, cookies map[string]string) error {
	if file == "" {
		return nil
	}
	var text strings.Builder
	for name, value := range cookies {
		fmt.Fprintf(&text, "#HttpOnly_localhost\tFALSE\t/\tTRUE\t0\t%s\t%s\n", name, value)
	}
	return os.WriteFile(file, []byte(text.String()), 0o600)
}
