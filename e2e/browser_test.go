package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// sessionCookie is the name of our session cookie.
const sessionCookie = "__Host-SESSIONID"

// startBrowser starts Chromium for the test, with more options than it has anyway.
func startBrowser(t testing.TB, more ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.DisableGPU)
	options = append(options, more...)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium (Debian: apt-get install chromium): %v", err)
	}
	return ctx
}

// browserTimeout is long enough to be sure that the browser hangs: no page of ours takes
// as long, even on a very busy machine. It only ends tests that would never end.
const browserTimeout = 5 * time.Minute

// device is a browser with cookies of its own, and one tab.
type device struct {
	t    testing.TB
	ctx  context.Context
	url  string // of the server that it visits
	also string // the URL of a second server that it may visit, or empty

	mu       sync.Mutex
	problems []string // what the pages did that no page of ours may do
}

// openTab opens a device in the browser.
func openTab(t testing.TB, browser context.Context, url string) *device {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // without a deadline, which would also end the tab
		t.Fatal(err)
	}
	return &device{t: t, ctx: ctx, url: url}
}

// newDevice opens a device and watches it. When the test ends, newDevice reports every
// script error, every violation of a Content-Security-Policy and every request to
// another origin.
func newDevice(t testing.TB, browser context.Context, url string) *device {
	t.Helper()
	d := openTab(t, browser, url)
	t.Cleanup(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, problem := range d.problems {
			t.Error(problem)
		}
	})
	if err := chromedp.Listen(d.ctx, d.watch); err != nil {
		t.Fatal(err)
	}
	const report = `addEventListener('securitypolicyviolation', e => reportViolation(e.violatedDirective + ' ' + e.blockedURI))`
	call(d, runtime.AddBinding, runtime.AddBindingParams{Name: "reportViolation"})
	call(d, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: report})
	return d
}

// watch records a problem if the event is something that no page may do.
func (d *device) watch(event any) {
	problem := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = "script error: " + e.ExceptionDetails.Text
	case *runtime.EventBindingCalled:
		problem = "Content-Security-Policy violated: " + e.Payload
	case *log.EventEntryAdded:
		if e.Entry.Source == log.EntrySourceSecurity || e.Entry.Source == log.EntrySourceViolation {
			problem = "the console says: " + e.Entry.Text
		}
	case *network.EventRequestWillBeSent:
		if to := e.Request.URL; !within(to, d.url) && !within(to, d.also) && !strings.HasPrefix(e.DocumentURL, "chrome-error:") {
			problem = "request to " + to
		}
	}
	if problem != "" {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.problems = append(d.problems, problem)
	}
}

// within reports whether a URL is on the server.
func within(url, server string) bool { return server != "" && strings.HasPrefix(url+"/", server+"/") }

// send is the action that sends a command of the DevTools protocol.
func send[P, R any](command cdp.Command[P, R], params P) chromedp.Action[R] {
	return func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) }
}

// call sends a command of the DevTools protocol.
func call[P, R any](d *device, command cdp.Command[P, R], params P) R {
	d.t.Helper()
	return perform(d, send(command, params))
}

// perform runs an action and returns its result.
func perform[T any](d *device, action chromedp.Action[T]) T {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, browserTimeout)
	defer cancel()
	found, err := chromedp.Run(ctx, action)
	if err != nil {
		d.t.Fatalf("%v; the page is %s", err, d.snapshot())
	}
	return found
}

// script evaluates a script in the page.
func script[T any](d *device, code string, options ...chromedp.EvaluateOption) T {
	d.t.Helper()
	return perform(d, chromedp.Evaluate[T](code, options...))
}

// run runs actions. Each must succeed.
func (d *device) run(actions ...chromedp.Action[chromedp.Void]) {
	d.t.Helper()
	perform(d, chromedp.Steps(actions...))
}

// load runs actions that load a page, and returns the status of that page. If the page
// only leads to another one, by a Refresh header, load returns when that one is there.
func (d *device) load(actions ...chromedp.Action[chromedp.Void]) int64 {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, browserTimeout)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, actions...)
	if err != nil {
		d.t.Fatalf("%v; the page is %s", err, d.snapshot())
	}
	if response == nil {
		d.t.Fatalf("no page was loaded; the page is %s", d.snapshot())
	}
	if response.Headers["Refresh"] != nil {
		return d.landed(ctx)
	}
	return response.Status
}

// landed waits until the browser has left a page that only leads to another one, and
// returns the status of the other. While the pages change, no script can run.
func (d *device) landed(ctx context.Context) int64 {
	d.t.Helper()
	const status = `document.readyState === 'complete' && !document.querySelector('.later') ? performance.getEntriesByType('navigation')[0].responseStatus : 0`
	for {
		found, err := chromedp.Run(ctx, chromedp.Evaluate[int64](status))
		if err == nil && found != 0 {
			return found
		}
		if ctx.Err() != nil {
			d.t.Fatalf("the page does not lead on: %v; it is %s", err, d.snapshot())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (d *device) open(path string) int64 {
	d.t.Helper()
	return d.load(chromedp.Navigate(d.url + path))
}

// press clicks the button with this text, and returns the status of the page that loads.
func (d *device) press(button string) int64 {
	d.t.Helper()
	return d.click(fmt.Sprintf(`//button[normalize-space()=%q]`, button))
}

// click clicks the element that the XPath or CSS selector finds, and returns the status
// of the page that loads.
func (d *device) click(selector string) int64 {
	d.t.Helper()
	return d.load(chromedp.Click(selector))
}

// path returns the path of the page's URL.
func (d *device) path() string {
	d.t.Helper()
	u, err := url.Parse(perform(d, chromedp.Location()))
	if err != nil {
		d.t.Fatal(err)
	}
	return u.Path
}

// text returns the text that the page shows. A page of somebody else may lead to another one
// by a script, so text waits until the page is there whole.
func (d *device) text() string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, browserTimeout)
	defer cancel()
	for {
		text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.readyState === 'complete' ? '.' + document.body.innerText : ''`))
		if err == nil && text != "" {
			return text[1:]
		}
		if ctx.Err() != nil {
			d.t.Fatalf("the page is never there whole: %v; it is %s", err, d.snapshot())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// wantPage fails the test unless the page is at the path and shows the text.
func (d *device) wantPage(path, text string) {
	d.t.Helper()
	if got := d.path(); got != path {
		d.t.Fatalf("at %s, want %s; the page is %s", got, path, d.snapshot())
	}
	if got := d.text(); !strings.Contains(got, text) {
		d.t.Fatalf("%s does not say %q, but\n%s", path, text, got)
	}
}

// cookie returns the session cookie, or nil. Scripts cannot see this cookie.
func (d *device) cookie() *network.Cookie {
	d.t.Helper()
	for _, cookie := range call(d, network.GetCookies, network.GetCookiesParams{URLs: []string{d.url}}).Cookies {
		if cookie.Name == sessionCookie {
			return cookie
		}
	}
	return nil
}

// snapshot returns the URL and the text of the page, for failure messages.
func (d *device) snapshot() string {
	ctx, cancel := context.WithTimeout(d.ctx, time.Minute)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body?.innerText`))
	if err != nil {
		return err.Error()
	}
	return text
}
