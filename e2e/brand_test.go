package e2e_test

import (
	"net/http"
	"testing"

	"example.com/coatcheck/cmd/server/demo"
	"example.com/coatcheck/internal/testing/testenv"
)

// The pages of a brand: everything is readable, nothing is wider than the window, the
// policy blocks nothing, and the browser sees the logo that was checked. The longest
// names and logos of any shape fit.
func TestBrand(t *testing.T) {
	const gradient = `<svg viewBox="0 0 96 32"><defs><linearGradient id="username"><stop offset="0" stop-color="currentColor"/><stop offset="1" stop-color="#7a7a7a"/></linearGradient></defs>` +
		`<path d="M2 24c12-20 24 12 36-4s24 8 56-14" fill="none" stroke="url(#username)" stroke-width="6"/></svg>`
	for name, brand := range map[string]map[string]string{
		"blue": {"BRAND_NAME": "Blue Harbour", "BRAND_COLORS": "#0b5394,#9fc5e8", "BRAND_LOGO": gradient,
			"BRAND_LINKS": "Imprint=https://blue.example/imprint,Privacy policy=https://blue.example/privacy,Help=/help"},
		"long": {"BRAND_NAME": "Donaudampfschifffahrtsgesellschaftskapitänsvereine", "BRAND_COLORS": "#666666,#888888", "BRAND_LOGO": `<svg viewBox="0 0 900 9"><path d="M0 0h900v9z"/></svg>`,
			"BRAND_LINKS": "Datenschutzgrundverordnungserklärungen=/a,Rechtsbehelfsbelehrungsverzeichnisse=/b"},
	} {
		t.Run(name, func(t *testing.T) {
			for variable, value := range brand {
				t.Setenv(variable, value)
			}
			s := serve(t, "run", "ADDR=localhost:"+testenv.FreePort(t))
			d := newDevice(t, startBrowser(t), s.url)
			d.open("/login")
			d.checkPage(name + "-login")
			if drawn := script[string](d, `(() => {
				const all = [...document.querySelectorAll('.brand svg, .brand svg *')], box = all[0].getBoundingClientRect();
				return [box.width > 20 && box.height === 28, all.every(e => e.namespaceURI === 'http://www.w3.org/2000/svg'),
					document.querySelectorAll('#username').length, document.title].join(' ');
			})()`); drawn != "true true 1 Sign in – "+brand["BRAND_NAME"] {
				t.Errorf("the browser sees %q", drawn)
			}
			d.signIn(demo.Password)
			d.checkPage(name + "-profile")
			d.open("/sessions")
			d.checkPage(name + "-devices")
			if status := d.open("/nothing"); status != http.StatusNotFound {
				t.Errorf("status %d", status)
			}
			d.checkPage(name + "-problem")
		})
	}
}
