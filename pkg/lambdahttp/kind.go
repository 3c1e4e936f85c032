package lambdahttp

import (
	"errors"
	"strings"
)

// kind is where an event comes from. It decides how the event is read and how the
// answer is written.
type kind int

const (
	httpAPI           kind = iota + 1 // an HTTP API with payload format 2.0
	functionURL                       // the same format, with a path that nobody has decoded
	httpAPI1                          // an HTTP API with payload format 1.0
	restAPI                           // the same format, without a version
	loadBalancer                      // one value for each header
	loadBalancerMulti                 // several values for each header
)

// findKind returns where the event comes from. The error says what came instead.
func (e *event) findKind() (kind, error) {
	switch c := &e.RequestContext; {
	case c.ELB != nil && e.MultiValueHeaders != nil:
		return loadBalancerMulti, nil
	case c.ELB != nil:
		return loadBalancer, nil
	case e.Version == "2.0" && c.HTTP.Method != "" && strings.Contains(c.DomainName, ".lambda-url."):
		return functionURL, nil
	case e.Version == "2.0" && c.HTTP.Method != "":
		return httpAPI, nil
	case e.Version == "1.0" && e.HTTPMethod != "":
		return httpAPI1, nil
	case e.Version == "" && e.HTTPMethod != "" && e.RequestContext.Identity != nil:
		return restAPI, nil
	}
	return 0, errors.New("the event is no HTTP request")
}
