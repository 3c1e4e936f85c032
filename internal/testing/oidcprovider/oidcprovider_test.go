package oidcprovider

import (
	"encoding/json"
	"net/http"
	"testing"
)

// The provider serves its discovery document and its keys, forgets a key that was rotated,
// and serves again at the same address after it was stopped.
func TestProvider(t *testing.T) {
	p, err := Start(t.Context(), Options{Origin: "http://localhost:1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
	get := func(path string, into any) {
		t.Helper()
		response, err := http.Get(p.Issuer + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s, %v; the provider says %s", path, response.Status, err, p.Output())
		}
	}
	var document struct {
		Issuer     string `json:"issuer"`
		EndSession string `json:"end_session_endpoint"`
	}
	get("/.well-known/openid-configuration", &document)
	if document.Issuer != p.Issuer || document.EndSession == "" {
		t.Errorf("the document is %+v", document)
	}
	key := func() string {
		var set struct{ Keys []struct{ Kid string } }
		get("/jwks", &set)
		if len(set.Keys) != 1 {
			t.Fatalf("%d keys, want 1", len(set.Keys))
		}
		return set.Keys[0].Kid
	}
	before := key()
	if err := p.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := key(); after == before {
		t.Errorf("after a rotation the key is %s still", after)
	}
	p.Stop()
	if _, err := http.Get(p.Issuer + "/jwks"); err == nil {
		t.Error("a provider that was stopped answers")
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	key()
}
