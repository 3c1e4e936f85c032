package bridge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/bridge"
	"example.com/coatcheck/pkg/bridge/membridge"
	"example.com/coatcheck/pkg/legacy"
	"example.com/coatcheck/pkg/signin/authn"
)

// TestNewRefuses has a configuration for each error, and what the error says.
func TestNewRefuses(t *testing.T) {
	second := func(name, namespace string) func(*bridge.Config) {
		return func(c *bridge.Config) {
			c.Sources = append(c.Sources, bridge.Source{Source: newMonolith("other"), Name: name, Namespace: namespace})
		}
	}
	for name, tt := range map[string]struct {
		change func(*bridge.Config)
		says   []string
	}{
		"no sessions":                 {func(c *bridge.Config) { c.Sessions = nil }, []string{"Config.Sessions", "required"}},
		"no users":                    {func(c *bridge.Config) { c.Users = nil }, []string{"Config.Users", "required"}},
		"no store":                    {func(c *bridge.Config) { c.Store = nil }, []string{"Config.Store", "required"}},
		"no sources":                  {func(c *bridge.Config) { c.Sources = nil }, []string{"Config.Sources is empty"}},
		"no end":                      {func(c *bridge.Config) { c.EndsAt = time.Time{} }, []string{"Config.EndsAt is required"}},
		"no source":                   {func(c *bridge.Config) { c.Sources[0].Source = nil }, []string{`Config.Sources[0], "shop"`, "no legacy.Source"}},
		"no name":                     {func(c *bridge.Config) { c.Sources[0].Name = "" }, []string{"Config.Sources[0]", "no Name"}},
		"the same name":               {second("shop", "2:"), []string{`two of Config.Sources are called "shop"`}},
		"the same namespace":          {func(c *bridge.Config) { c.Sources[0].Namespace = "1:"; second("blog", "1:")(c) }, []string{`"blog"`, `"shop"`, `"1:"`}},
		"no namespaces":               {second("blog", ""), []string{"namespace", "none be empty"}},
		"one namespace":               {second("blog", "2:"), []string{`begins with`, `"2:"`}},
		"namespaces that begin alike": {func(c *bridge.Config) { c.Sources[0].Namespace = "a:b"; second("blog", "a:")(c) }, []string{`"a:b"`, `"a:"`}},
		"bound without a look-up":     {func(c *bridge.Config) { c.Sources[0].Source.(*monolith).binds = true }, []string{`"shop"`, "bound to passwords", "Password", "ImportedPasswords"}},
		"a later end":                 {func(c *bridge.Config) { c.EndsAt = c.EndsAt.Add(time.Second) }, []string{"EndsAt", "later than", "never postponed"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := newFixture(t).config
			config.Sources = slices.Clone(config.Sources)
			tt.change(&config)
			b, err := bridge.New(t.Context(), config)
			if err == nil || b != nil {
				t.Fatal("it was accepted")
			}
			for _, text := range tt.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("the error does not say %q: %v", text, err)
				}
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	for name, change := range map[string]func(*bridge.Config){
		"the same again":         func(*bridge.Config) {},
		"an earlier end":         func(c *bridge.Config) { c.EndsAt = c.EndsAt.Add(-time.Hour) },
		"an end in the past":     func(c *bridge.Config) { c.EndsAt = time.Unix(1, 0) },
		"the same second":        func(c *bridge.Config) { c.EndsAt = c.EndsAt.Truncate(time.Second).Add(time.Second - 1) },
		"another look-up":        withPassword,
		"imported passwords":     withImported,
		"binds, but says it not": func(c *bridge.Config) { c.Sources[0].Source = struct{ legacy.Source }{newMonolith("mono")} },
	} {
		config := newFixture(t).config
		config.Sources = slices.Clone(config.Sources)
		change(&config)
		if _, err := bridge.New(t.Context(), config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWindow: the first start stores the end, and what was closed never opens again.
func TestWindow(t *testing.T) {
	f := newFixture(t)
	config := f.config
	want := f.config.EndsAt.Truncate(time.Second)
	config.EndsAt = config.EndsAt.Add(-time.Hour)
	if _, err := bridge.New(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if w, err := f.store.GetWindow(t.Context()); err != nil || !w.EndsAt.Equal(want) || w.Closed {
		t.Errorf("the window is %+v, %v; want it open until %v", w, err, want)
	}
	f.ok(f.store.CloseWindow(t.Context()))
	if _, err := bridge.New(t.Context(), config); err == nil || !strings.Contains(err.Error(), "closed for ever") {
		t.Errorf("New of a closed bridge: %v", err)
	}
}

// TestNewInAnOutage: a bridge that starts in an outage answers that it is one, opens the
// window when the outage is over, and then refuses what it would have refused to start with.
func TestNewInAnOutage(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		before func(bridge.Store) error
		want   error
	}{
		"never opened": {func(bridge.Store) error { return nil }, nil},
		"closed": {func(s bridge.Store) error {
			_, err := s.OpenWindow(t.Context(), later)
			return errors.Join(err, s.CloseWindow(t.Context()))
		}, authn.ErrNoClaim},
		"an end that would be postponed": {func(s bridge.Store) error {
			_, err := s.OpenWindow(t.Context(), time.Now().Add(-time.Minute))
			return err
		}, authn.ErrNoClaim},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			store := &failingOpen{Store: membridge.New(), down: true}
			f.ok(tt.before(store.Store))
			f.config.Store = store
			var err error
			if f.Bridge, err = bridge.New(t.Context(), f.config); err != nil {
				t.Fatal(err)
			}
			if _, _, err := f.convert("mono=s1"); !errors.Is(err, errOutage) {
				t.Errorf("in the outage: %v", err)
			}
			store.down = false
			if _, _, err := f.convert("mono=s1"); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("after it: %v, want %v", err, tt.want)
			}
		})
	}
}

// TestEarlierEnd: an end that is set earlier later on refuses from then on, although the
// stored one has not come.
func TestEarlierEnd(t *testing.T) {
	f := newFixture(t)
	f.config.EndsAt = time.Now()
	b, err := bridge.New(t.Context(), f.config)
	f.ok(err)
	f.Bridge = b
	f.want(authn.ErrNoClaim, "mono=s1")
	f.wantUntouched()
}
