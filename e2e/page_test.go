package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"example.com/coatcheck/internal/local/pinned"
)

var cache = filepath.Join("..", ".cache")

// axeCore finds accessibility problems of a page.
var axeCore = pinned.NPM{
	Name:    "axe-core",
	Version: "4.14.0",
	Folder:  "package",
	SHA512: "f564d9c448ec67b6f5dd31fc24f99b576cfc0876e5f34ff6866dd73c41b82603" +
		"5d40b2bcd480515e64b11df3003a44aa41e4714ffd1dc0d0f3d863a6df3ce971",
}

func readAxe(t testing.TB) string {
	t.Helper()
	folder, err := axeCore.Fetch(t.Context(), filepath.Join(cache, "axe-core"))
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(filepath.Join(folder, "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// checkPage checks the device's page in both color schemes, and once more in the width
// of a phone. Axe must find nothing, nothing may be wider than the window, and no choice
// may be cut off. The screenshots are in .cache/e2e/.
func (d *device) checkPage(name string) {
	d.t.Helper()
	folder := filepath.Join(cache, "e2e", strings.Split(d.t.Name(), "/")[0])
	if err := os.MkdirAll(folder, 0o755); err != nil {
		d.t.Fatal(err)
	}
	axe := readAxe(d.t)
	for _, view := range []struct {
		name, scheme string
		width        int64
	}{{"light", "light", 1024}, {"dark", "dark", 1024}, {"390", "light", 390}} {
		call(d, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: view.scheme}}})
		d.run(chromedp.EmulateViewport(view.width, 800))
		picture := perform(d, chromedp.FullScreenshot(100))
		wide := script[int64](d, `document.documentElement.scrollWidth`)
		script[int](d, axe+";0")
		if found := script[string](d, findings, chromedp.EvalAwaitPromise); found != "" {
			d.t.Errorf("%s, %s: axe finds\n%s", name, view.name, found)
		}
		if cut := script[string](d, cutOff); cut != "" {
			d.t.Errorf("%s, %s: there is no room for %s", name, view.name, cut)
		}
		if wide > view.width {
			d.t.Errorf("%s, %s: the page is %d pixels wide, the window %d", name, view.name, wide, view.width)
		}
		if err := os.WriteFile(filepath.Join(folder, name+"-"+view.name+".png"), picture, 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
	call(d, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	d.run(chromedp.EmulateReset())
}

// cutOff is a script that lists the choices that have less room than their texts need.
const cutOff = `[...document.querySelectorAll('select')].filter(e => {
	const copy = e.cloneNode(true)
	copy.style.cssText = 'position: absolute; width: max-content'
	e.after(copy)
	const needs = copy.offsetWidth
	copy.remove()
	return needs > e.offsetWidth
}).map(e => e.name).join(' ')`

// findings is a script that lists what axe finds, one finding per line.
const findings = `axe.run().then(r => r.violations
	.map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.html).join(' '))
	.join('\n'))`
