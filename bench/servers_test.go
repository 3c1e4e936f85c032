package bench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/pinned"
	"example.com/coatcheck/internal/testing/testenv"
)

// serversTables are the whole server, from a connection to the answer: a profile as JSON, and as a page.
var serversTables = []table{
	{name: "json", modules: []string{"github.com/alexedwards/scs/v2"}, npm: []string{"express", "express-session"},
		measure: func(t *testing.T) grid { return profiles(t, "application/json") }},
	{name: "html", modules: []string{"github.com/alexedwards/scs/v2"}, npm: []string{"express", "express-session"},
		measure: func(t *testing.T) grid { return profiles(t, "text/html") }},
}

// server is a program that serves on one processor.
type server struct {
	name        string
	url, cookie string
	process     *childprocess.Process
	size        int // of the answer
}

func profiles(t *testing.T, accept string) grid {
	load := build(t, ".", "./load")
	ours := newServer(t, "Coatcheck", accept, "", build(t, tree(t), "./cmd/server"), "-addr", "localhost:0")
	page := samePage(t, ours)
	scs := build(t, ".", "./scsserver")
	servers := []server{
		ours,
		newServer(t, "net/http and scs", accept, "PAGE="+page+" IDLE=0s", scs),
		newServer(t, "net/http and scs with an idle timeout", accept, "PAGE="+page+" IDLE=30m", scs),
		newServer(t, "Express and express-session", accept, "PAGE="+page+" NODE_ENV=production NODE_PATH="+nodePackages(t), "node", "expressserver/server.js"),
	}
	g := grid{head: []string{"", "time", "requests/s", "CPU", "CPU µs", "bytes"}, more: []string{"Node.js " + said(t, "node", "--version"), pinning()}}
	for _, connections := range []int{1, 16, 256} {
		all := make([]samples, len(servers))
		for round := range max(1, *rounds) + 1 {
			for i, s := range servers {
				if c := s.load(t, load, accept, connections); round > 0 {
					all[i] = append(all[i], c)
				}
			}
		}
		for i, s := range servers {
			g.add(connectionsOf(connections)+": "+s.name, times(all[i].ratio(all[0], wall)), number(1e9/all[i].median(wall)),
				times(all[i].ratio(all[0], cpu)), number(all[i].quiet(cpu)/1000), number(float64(s.size)))
		}
	}
	return g
}

// samePage returns the file of a template that makes our page of the profile for our peers. What
// the user and the session decide are values for them too, except which theme and which language
// are selected; everything else is fixed for them.
func samePage(t *testing.T, ours server) string {
	t.Helper()
	_, page := ours.send(t, "GET", "/profile", "text/html")
	for _, value := range []struct{ shown, as string }{
		{", Alice!", ", {{.display_name}}!"},
		{">alice<", ">{{.username}}<"},
		{">member<", ">{{.role}}<"},
		{"from 127.0.0.1", "from {{.ip}}"},
		{`<time datetime="[^"]*">[^<]*</time> from`, `<time datetime="{{.signed_in}}">{{.signed_in_text}}</time> from`},
		{`<time datetime="[^"]*">\d[^<]*</time>`, `<time datetime="{{.ends}}">{{.ends_text}}</time>`},
	} {
		shown := regexp.MustCompile(value.shown)
		if found := shown.FindAll(page, -1); len(found) != 1 {
			t.Fatalf("the profile shows %s %d times, want once", value.shown, len(found))
		}
		page = shown.ReplaceAllLiteral(page, []byte(value.as))
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, page, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func connectionsOf(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// load sends requests for half a second. The cost is that of the server.
func (s server) load(t *testing.T, load, accept string, connections int) cost {
	t.Helper()
	long := 500 * time.Millisecond
	if trying() {
		long = 0
	}
	before := processorTimeOf(t, s.process.PID())
	cmd := onProcessor(1, load, "-connections", strconv.Itoa(connections), "-for", long.String(), s.url+"/profile", accept, s.cookie)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s, %d connections: %v", s.name, connections, err)
	}
	var answered, took float64
	if _, err := fmt.Sscan(string(out), &answered, &took); err != nil {
		t.Fatalf("load printed %q: %v", out, err)
	}
	return cost{wall: took / answered, cpu: (processorTimeOf(t, s.process.PID()) - before) / answered}
}

// newServer starts a server, signs in, and looks at the answer. The environment is a list of settings.
func newServer(t *testing.T, name, accept, environment string, command ...string) server {
	t.Helper()
	cmd := onProcessor(0, command...)
	cmd.Env = append(strings.Fields(environment), "PATH="+os.Getenv("PATH"), "GOMAXPROCS=1")
	log := testenv.NewLogFile(t)
	defer log.Close() // the process has its own
	cmd.Stderr = log.File
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = in
	process, err := childprocess.Start(cmd, childprocess.KILL)
	in.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Stop)
	line, err := bufio.NewReader(out).ReadString('\n')
	s := server{name: name, url: regexp.MustCompile(`http://\S+`).FindString(line), process: process}
	if s.url == "" {
		t.Fatalf("%s does not say where it is: %q, %v, %s", name, line, err, log)
	}
	response, _ := s.send(t, "POST", "/login", accept)
	if len(response.Cookies()) == 0 {
		t.Fatalf("%s: the login answered %s without a cookie", name, response.Status)
	}
	cookie := response.Cookies()[0]
	s.cookie = cookie.Name + "=" + cookie.Value
	_, body := s.send(t, "GET", "/profile", accept)
	if !bytes.Contains(body, []byte("Alice")) {
		t.Fatalf("%s: the profile is %s", name, body)
	}
	s.size = len(body)
	return s
}

func (s server) send(t *testing.T, method, path, accept string) (*http.Response, []byte) {
	t.Helper()
	var body io.Reader
	if method == "POST" {
		body = strings.NewReader(fmt.Sprintf(`{"username": %q, "password": %q}`, demo.Username, demo.Password))
		accept = "application/json"
	}
	request, err := http.NewRequestWithContext(waiting(t), method, s.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Cookie", s.cookie)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s: %s %s answered %s, %v: %s", s.name, method, path, response.Status, err, content)
	}
	return response, content
}

// onProcessor returns a command that runs on one processor, if there are two and taskset is there.
func onProcessor(n int, command ...string) *exec.Cmd {
	if taskset, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		command = append([]string{taskset, "-c", strconv.Itoa(n)}, command...)
	}
	return exec.Command(command[0], command[1:]...)
}

func pinning() string {
	if _, err := exec.LookPath("taskset"); err != nil || runtime.NumCPU() < 2 {
		return "server and load share the processors"
	}
	return "the server on one processor, the load on another"
}

// processorTimeOf returns the nanoseconds that all threads of a process have had of the processors.
func processorTimeOf(t *testing.T, pid int) (sum float64) {
	t.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			t.Fatal(err)
		}
		spent, _, _ := strings.Cut(string(text), " ")
		nanoseconds, err := strconv.ParseFloat(spent, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += nanoseconds
	}
	return sum
}

// build compiles a program of the module in the folder.
func build(t *testing.T, folder, program string) string {
	t.Helper()
	file := built(t, folder, program)
	cmd := exec.Command("go", "build", "-o", file, program)
	cmd.Dir = folder
	if folder != "." {
		cmd.Env = append(os.Environ(), "GOFLAGS=") // they are for this module
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", program, err, out)
	}
	return file
}

// built returns where a program is built. It stays there, because go links nothing twice that has
// not changed.
func built(t *testing.T, folder, program string) string {
	t.Helper()
	cache, err := pinned.Cache("bench")
	if err != nil {
		t.Fatal(err)
	}
	name := strings.Trim(strings.ReplaceAll(program, "/", "-"), ".-")
	if folder != "." && folder != filepath.Dir(filepath.Dir(cache)) {
		name += "-of-another-tree"
	}
	return filepath.Join(cache, name)
}

func nodePackages(t *testing.T) string {
	t.Helper()
	cache, err := pinned.Cache("bench")
	if err != nil {
		t.Fatal(err)
	}
	packages, err := pinned.NodePackages(t.Context(), "expressserver", cache)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

// said returns the first line that a command prints.
func said(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).Output()
	if err != nil {
		t.Fatalf("%q: %v", command, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
