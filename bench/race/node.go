package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"example.com/coatcheck/internal/local/childprocess"
	"example.com/coatcheck/internal/local/pinned"
)

// project is the folder of the servers that run on Node.js, from the module of the benchmarks.
const project = "race/node"

// onNode returns what starts a server of that folder. The server says its URL in its first line.
func onNode(script string, onRedis bool, setting string) func(surroundings) (string, func(), error) {
	return func(around surroundings) (string, func(), error) {
		packages, err := nodePackages(around.ctx)
		if err != nil {
			return "", nil, err
		}
		cmd := exec.Command("node", filepath.Join(project, script))
		cmd.Env = append(os.Environ(), "NODE_PATH="+packages, "NO_DEPRECATION=express-session", "PREFIX="+script+":",
			fmt.Sprint("WORK=", around.work.Milliseconds()), setting)
		if onRedis {
			cmd.Env = append(cmd.Env, "REDIS=redis://"+around.redis)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return "", nil, err
		}
		cmd.Stderr = os.Stderr
		process, err := childprocess.Start(cmd, childprocess.KILL)
		if err != nil {
			return "", nil, err
		}
		url, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			process.Stop()
			return "", nil, fmt.Errorf("%s said no URL: %w", script, err)
		}
		return strings.TrimSpace(url), process.Stop, nil
	}
}

func nodePackages(ctx context.Context) (string, error) {
	cache, err := pinned.Cache("bench")
	if err != nil {
		return "", err
	}
	return pinned.NodePackages(ctx, project, cache)
}

// printVersions prints the versions of everything that takes part.
func (around surroundings) printVersions() error {
	var versions []string
	build, _ := debug.ReadBuildInfo()
	versions = append(versions, "Go "+strings.TrimPrefix(build.GoVersion, "go"))
	for _, module := range build.Deps {
		if slices.Contains([]string{"github.com/alexedwards/scs/v2", "github.com/alexedwards/scs/goredisstore", "github.com/boj/redistore",
			"github.com/gorilla/sessions", "github.com/redis/go-redis/v9"}, module.Path) {
			versions = append(versions, module.Path+" "+module.Version)
		}
	}
	client := goredis.NewClient(&goredis.Options{Addr: around.redis})
	defer client.Close()
	server, err := client.InfoMap(around.ctx, "server").Result()
	if err != nil {
		return err
	}
	versions = append(versions, "Redis "+server["Server"]["redis_version"])
	node, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("node must be on the PATH: %w", err)
	}
	versions = append(versions, "Node.js "+strings.TrimSpace(strings.TrimPrefix(string(node), "v")))
	content, err := os.ReadFile(filepath.Join(project, "package.json"))
	if err != nil {
		return err
	}
	var packages struct{ Dependencies map[string]string }
	if err := json.Unmarshal(content, &packages); err != nil {
		return err
	}
	for name, version := range packages.Dependencies {
		versions = append(versions, name+" "+version)
	}
	slices.Sort(versions)
	fmt.Printf("%s. A request works for %v.\n\n", strings.Join(versions, ", "), around.work)
	return nil
}
