package config_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/coatcheck/pkg/config"
)

func TestProxies(t *testing.T) {
	for value, want := range map[string]string{
		"": "[]", "10.0.0.0/8, ::1": "[10.0.0.0/8 ::1/128]", "nginx": "", "10.0.0.0/8,": "",
	} {
		t.Setenv("TRUSTED_PROXIES", value)
		proxies, err := config.Proxies()
		if (err == nil) != (want != "") || err == nil && fmt.Sprint(proxies) != want {
			t.Errorf("%q: %v, %v; want %s", value, proxies, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "TRUSTED_PROXIES: ") {
			t.Errorf("%q: the error %v does not name the variable", value, err)
		}
	}
}
