package signin

import (
	"io/fs"
	"testing"
	"testing/fstest"
)

func ownFiles(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// TestOurTemplates: our own pages pass the checks.
func TestOurTemplates(t *testing.T) {
	ours, err := fs.Sub(files, "pages")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPages(Config{Templates: ours})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pageNames {
		if p.policies[name] != p.policy {
			t.Errorf("%s: %s", name, p.policies[name])
		}
	}
}
