package config_test

import (
	"strings"
	"testing"
	"time"

	"example.com/coatcheck/pkg/config"
)

func TestAuditRetention(t *testing.T) {
	for value, want := range map[string]int{"": 400, "0": 0, "1": 1, "99999": 99999, "-1": -1, "100000": -1, "1.5": -1, "400d": -1, "ten": -1, " 1": -1} {
		t.Setenv("AUDIT_DAYS", value)
		got, err := config.AuditRetention()
		if want < 0 {
			if err == nil || !strings.Contains(err.Error(), "AUDIT_DAYS is \""+value+"\"") {
				t.Errorf("%q: %v, %v; want an error that names both", value, got, err)
			}
		} else if err != nil || got != time.Duration(want)*24*time.Hour {
			t.Errorf("%q: %v, %v; want %d days", value, got, err, want)
		}
	}
}
