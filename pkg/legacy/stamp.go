package legacy

import (
	"strconv"
	"time"
)

var stampShape = shape{expression: `\A([A-Za-z0-9_-]{22})\.([1-9][0-9]{0,11})\z`}

// applyStamp sets the identity and the time of the sign-in from the stamp, if the session
// has one. The identity of a row goes before that of a stamp.
func (c *Claim) applyStamp(stamp string) {
	m := stampShape.compiled().FindStringSubmatch(stamp)
	if m == nil {
		return
	}
	seconds, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return
	}
	c.SignedInAt = time.Unix(seconds, 0).UTC()
	if c.Identity == "" {
		c.Identity = "stamp:" + m[1]
	}
}
