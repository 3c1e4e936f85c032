package middleware_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/coatcheck/internal/testing/testenv"
)

// cache is where packages are kept for the next run.
const cache = "../.cache/middleware"

// frameworks are the applications of testdata, and what runs each.
var frameworks = []struct {
	name    string
	command func(t *testing.T) *exec.Cmd
}{
	{"flask", func(t *testing.T) *exec.Cmd { return python(t, "flask", flask) }},
	{"flask-login", func(t *testing.T) *exec.Cmd { return python(t, "flask", flask, "FLASK_LOGIN=1") }},
	{"django-4.2", func(t *testing.T) *exec.Cmd { return python(t, "django", django42) }},
	{"django-5.2", func(t *testing.T) *exec.Cmd { return python(t, "django", django52) }},
	{"express-4", func(t *testing.T) *exec.Cmd { return node(t, "EXPRESS=express4") }},
	{"express-5", func(t *testing.T) *exec.Cmd { return node(t, "EXPRESS=express5") }},
	{"express-4-passport", func(t *testing.T) *exec.Cmd { return node(t, "EXPRESS=express4", "PASSPORT=1") }},
	{"express-5-passport", func(t *testing.T) *exec.Cmd { return node(t, "EXPRESS=express5", "PASSPORT=1") }},
	{"rack", func(t *testing.T) *exec.Cmd { return rack(t, "rack") }},
	{"rails", func(t *testing.T) *exec.Cmd { return rack(t, "rails") }},
	{"rails-devise", func(t *testing.T) *exec.Cmd { return rack(t, "rails", "DEVISE=1") }},
	{"php", func(t *testing.T) *exec.Cmd { return php(t, "php") }},
	{"php-psr15", psr15},
	{"laravel", func(t *testing.T) *exec.Cmd { return php(t, "laravel") }},
	{"servlet", func(t *testing.T) *exec.Cmd { return java(t) }},
	{"spring-security", func(t *testing.T) *exec.Cmd { return java(t, "SPRING=1") }},
}

// The packages of PyPI that an application runs with.
const (
	flask    = "flask==3.1.3 flask-login==0.6.3 werkzeug==3.1.9 itsdangerous==2.2.0 blinker==1.9.0 jinja2==3.1.6 markupsafe==3.0.4 click==8.5.1"
	django42 = "django==4.2.28 asgiref==3.13.0 sqlparse==0.6.1"
	django52 = "django==5.2.18 asgiref==3.13.0 sqlparse==0.6.1"
)

// npm are the packages of npm that the Express applications run with.
const npm = "express4@npm:express@4.22.3 express5@npm:express@5.3.0 express-session@1.19.0 passport@0.7.0"

// installed returns a folder of the cache in which the packages are, which install puts
// there once.
func installed(t *testing.T, packages string, install func(folder string) *exec.Cmd) string {
	sum := sha256.Sum256([]byte(packages))
	folder, release, err := testenv.Kept(filepath.Join(cache, hex.EncodeToString(sum[:8])))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	done := filepath.Join(folder, "installed")
	if _, err := os.Stat(done); err == nil {
		return folder
	}
	run(t, install(folder))
	if err := os.WriteFile(done, []byte(packages), 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

func run(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// python returns the command of an application in Python.
func python(t *testing.T, app, packages string, env ...string) *exec.Cmd {
	venv := installed(t, "pip "+packages, func(folder string) *exec.Cmd {
		run(t, exec.CommandContext(t.Context(), "python3", "-m", "venv", filepath.Join(folder, "venv")))
		arguments := append([]string{"install", "--quiet", "--disable-pip-version-check"}, strings.Fields(packages)...)
		return exec.CommandContext(t.Context(), filepath.Join(folder, "venv/bin/pip"), arguments...)
	})
	command := exec.Command(filepath.Join(venv, "venv/bin/python"), "app.py")
	command.Dir = filepath.Join("testdata", app)
	command.Env = environment(append(env, "PYTHONPATH=../..", "PYTHONDONTWRITEBYTECODE=1")...)
	return command
}

// node returns the command of the application in Express.
func node(t *testing.T, env ...string) *exec.Cmd {
	folder := installed(t, "npm "+npm, func(folder string) *exec.Cmd {
		arguments := append([]string{"install", "--silent", "--no-save", "--no-package-lock", "--prefix", folder}, strings.Fields(npm)...)
		return exec.CommandContext(t.Context(), "npm", arguments...)
	})
	// node looks for packages beside the program.
	app := t.TempDir()
	for _, file := range []string{"testdata/express/app.js", "coatcheck_express.js"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(app, filepath.Base(file)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(folder, "node_modules"), filepath.Join(app, "node_modules")); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("node", "app.js")
	command.Dir = app
	command.Env = environment(env...)
	return command
}

// rack returns the command of an application on Rack, with the packages of Debian.
func rack(t *testing.T, app string, env ...string) *exec.Cmd {
	t.Helper()
	debian(t, "rackup", "ruby-rack")
	debian(t, "puma", "puma")
	if app == "rails" {
		run(t, exec.CommandContext(t.Context(), "ruby", "-e", "gem 'rails'; gem 'devise'; gem 'sqlite3'"))
	}
	command := exec.Command("sh", "-c", `exec puma --quiet --environment production --bind "tcp://127.0.0.1:$PORT" config.ru`)
	command.Dir = filepath.Join("testdata", app)
	command.Env = environment(append(env, "RAILS_ENV=production")...)
	return command
}

// debian checks that the program of a Debian package is on the PATH.
func debian(t *testing.T, program, needed string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is not on the PATH: apt-get install %s", program, needed)
	}
}

// php returns the command of an application in PHP, with the packages of Debian.
func php(t *testing.T, app string, options ...string) *exec.Cmd {
	t.Helper()
	debian(t, "php", "php-cli php-curl php-mbstring php-xml php-laravel-framework")
	command := exec.Command("sh", append([]string{"-c", `exec php "$@" -S "127.0.0.1:$PORT" index.php`, "sh"}, options...)...)
	command.Dir = filepath.Join("testdata", app)
	command.Env = environment()
	return command
}

// psr15Packages are the packages of Debian that the application with PSR-15 runs with. They
// are unpacked and not installed, because php-psr replaces interfaces for every program.
const psr15Packages = "php8.2-psr php-nyholm-psr7 php-psr-http-message php-psr-http-factory php-http-message-factory"

func psr15(t *testing.T) *exec.Cmd {
	folder := installed(t, "debian "+psr15Packages, func(folder string) *exec.Cmd {
		unpack := exec.CommandContext(t.Context(), "sh", "-ec", "apt-get download --quiet "+psr15Packages+`; for package in *.deb; do dpkg -x "$package" .; done`)
		unpack.Dir = folder
		return unpack
	})
	command := php(t, "psr15", "-d", "extension="+filepath.Join(folder, "usr/lib/php/20220829/psr.so"))
	command.Env = append(command.Env, "PACKAGES="+filepath.Join(folder, "usr/share/php"))
	return command
}

// java returns the command of the application in Java.
func java(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	debian(t, "javac", "openjdk-17-jdk-headless")
	debian(t, "mvn", "maven")
	var content string
	for _, file := range javaFiles {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		content += string(text)
	}
	packages := installed(t, "maven "+content, func(folder string) *exec.Cmd { return compile(t, folder) })
	command := exec.Command("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(packages, "classes")+":"+filepath.Join(packages, "*"), "Monolith")
	command.Env = environment(env...)
	return command
}

var javaFiles = []string{"testdata/java/pom.xml", "CoatcheckFilter.java", "CoatcheckSpring.java", "testdata/java/Monolith.java"}

// compile puts the packages of pom.xml into the folder, and returns the command that compiles
// the application with them.
func compile(t *testing.T, folder string) *exec.Cmd {
	run(t, exec.CommandContext(t.Context(), "mvn", "--quiet", "--batch-mode", "--file", "testdata/java/pom.xml", "dependency:copy-dependencies", "-DoutputDirectory="+folder))
	arguments := append([]string{"-Xlint:all,-processing,-serial", "-Werror", "-cp", filepath.Join(folder, "*"), "-d", filepath.Join(folder, "classes")}, javaFiles[1:]...)
	return exec.CommandContext(t.Context(), "javac", arguments...)
}
