package config

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// AuditDays is the variable with how many days an entry of the audit trail is kept: a whole
// number up to 99999; the default is 400. With 0 there is no trail.
const AuditDays = "AUDIT_DAYS"

// AuditRetention returns how long an entry of the audit trail is kept, as AUDIT_DAYS says. It
// is 0 if there is to be no trail.
func AuditRetention() (time.Duration, error) {
	value := os.Getenv(AuditDays)
	if value == "" {
		return 400 * 24 * time.Hour, nil
	}
	days, err := strconv.Atoi(value)
	if err != nil || days < 0 || days > 99999 {
		return 0, fmt.Errorf("%s is %q; it must be a number of days from 0, which means no audit trail, to 99999", AuditDays, value)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}
