package migration

import (
	"context"
	"encoding/json"
	"path/filepath"

	"example.com/coatcheck/internal/local/pinned"
)

// Framework is that of one program in examples/monolith.
type Framework struct {
	Name       string // of the program's folder
	NeedsRedis bool   // for its rows

	packages string     // the variable that names the folder with its packages
	prepare  [][]string // the commands that make its users
	export   []string   // the command that prints its users

	fetch  func(ctx context.Context, project, cache string) (packages string, err error)
	serve  func(port string) []string
	rows   func(o Options) sessions // if its sessions are rows
	cookie sessions                 // if its cookie is the session
}

// sessions are those of the monolith.
type sessions struct {
	kind    string         // SESSIONS, for the monolith
	cookies string         // LEGACY_COOKIES, for the product
	source  map[string]any // the only one of LEGACY_SOURCES
}

// The frameworks of the programs in examples/monolith.
var (
	Flask = Framework{
		Name:       "flask",
		NeedsRedis: true,
		packages:   "PYTHONPATH",
		prepare:    [][]string{{"python3", "-m", "flask", "init-users"}},
		export:     []string{"python3", "-m", "flask", "export-users"},
		fetch:      pythonPackages,
		serve:      func(port string) []string { return []string{"python3", "-m", "flask", "run", "--port", port} },
		rows: func(o Options) sessions {
			return sessions{"redis", "session", map[string]any{"kind": "flask-session", "store": o.Redis}}
		},
		cookie: sessions{"cookie", "session;Stateless", map[string]any{"kind": "flask", "keys": keys}},
	}

	Django = Framework{
		Name:     "django",
		packages: "PYTHONPATH",
		prepare:  [][]string{{"python3", "manage.py", "migrate", "--verbosity", "0"}, {"python3", "manage.py", "init_users"}},
		export:   []string{"python3", "manage.py", "export_users"},
		fetch:    pythonPackages,
		serve:    func(port string) []string { return []string{"python3", "manage.py", "runserver", "--noreload", port} },
		rows: func(o Options) sessions {
			return sessions{"db", "sessionid", map[string]any{"kind": "django", "keys": keys, "store": "sqlite:" + o.database("django"), "passwords": djangoPasswords}}
		},
		cookie: sessions{"cookie", "sessionid;Stateless", map[string]any{"kind": "django-cookies", "keys": keys, "passwords": "imported"}},
	}

	Express = Framework{
		Name:       "express",
		NeedsRedis: true,
		packages:   "NODE_PATH",
		prepare:    [][]string{{"node", "users.js", "init"}},
		export:     []string{"node", "users.js", "export"},
		fetch:      pinned.NodePackages,
		serve:      func(string) []string { return []string{"node", "app.js"} },
		rows: func(o Options) sessions {
			return sessions{"redis", "connect.sid", map[string]any{"kind": "express", "keys": keys, "store": o.Redis, "user": "passport.user"}}
		},
		cookie: sessions{"cookie", "session;Stateless,session.sig;Stateless", map[string]any{"kind": "cookie-session", "keys": keys, "user": "passport.user"}},
	}
)

// keys are those with which the monolith signs.
var keys = []string{secretKey}

const djangoPasswords = "SELECT password FROM auth_user WHERE id = ?"

// pythonPackages fetches the packages of a project with a requirements.txt.
func pythonPackages(ctx context.Context, project, cache string) (string, error) {
	return pinned.PythonPackages(ctx, filepath.Join(project, "requirements.txt"), cache)
}

// folder returns the folder of the program. Cache is a folder two levels below .cache.
func (f Framework) folder(cache string) string {
	repository := filepath.Join(cache, "..", "..", "..")
	return filepath.Join(repository, "examples", "monolith", f.Name)
}

// database returns the path of the monolith's database.
func (o Options) database(name string) string { return filepath.Join(o.Folder, name+".db") }

// sessions returns what is to be known of the monolith's sessions.
func (o Options) sessions() sessions {
	if o.Stateless {
		return o.Framework.cookie
	}
	return o.Framework.rows(o)
}

// variables returns LEGACY_COOKIES and LEGACY_SOURCES.
func (s sessions) variables() ([]string, error) {
	sources, err := json.Marshal([]any{s.source})
	return []string{"LEGACY_COOKIES=" + s.cookies, "LEGACY_SOURCES=" + string(sources)}, err
}
