package lambdahttp

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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

// findKind returns where the event comes from, and 0 if it is no HTTP request. An event is
// recognised by what only one kind has. What a request needs besides may be missing, since
// such an event is a malformed request.
func (e *event) findKind() kind {
	c := &e.context
	started := e.httpMethod != "" || e.path != ""
	switch {
	case c.connectionID != "": // a WebSocket, which otherwise looks like a REST API
		return 0
	case c.hasELB && e.multiValueHeaders != nil:
		return loadBalancerMulti
	case c.hasELB:
		return loadBalancer
	case e.version == "2.0" && (c.method != "" || e.rawPath != ""):
		if strings.Contains(c.domainName, ".lambda-url.") && strings.HasSuffix(c.domainName, ".on.aws") {
			return functionURL
		}
		return httpAPI
	case e.version == "1.0" && started:
		return httpAPI1
	case e.version == "" && started && c.hasIdentity:
		return restAPI
	}
	return 0
}

// parseRequest reads an event that shall be a request for a handler. The question that an
// API asks its authorizer looks like one, but nothing may be done for it.
func parseRequest(payload []byte) (*event, error) {
	e, err := parse(payload)
	if err == nil && e.asks != "" {
		return nil, noRequest(payload)
	}
	return e, err
}

// noRequest returns the error for an event that is no HTTP request.
func noRequest(payload []byte) error {
	return errors.New("the event is no HTTP request, but " + describe(payload))
}

// errMalformed says what keeps an event from being read. Nothing of it is quoted.
var errMalformed = errors.New("the event is malformed: a member has the wrong type or is there twice, or a text is not UTF-8")

// malformed returns the event of an HTTP request that cannot be decoded, so that it can be
// answered in the shape of its kind.
func malformed(payload []byte) (*event, error) {
	o := objectOf(payload)
	c := o.object("requestContext")
	e := event{err: errMalformed, payload: payload, version: o.text("version"), asks: o.text("type"),
		rawPath: o.text("rawPath"), httpMethod: o.text("httpMethod"), path: o.text("path")}
	e.context = eventContext{connectionID: c.text("connectionId"), domainName: c.text("domainName"), method: c.object("http").text("method"),
		hasIdentity: c["identity"] != nil, hasELB: c["elb"] != nil}
	if o["multiValueHeaders"] != nil {
		e.multiValueHeaders = fields{}
	}
	if e.kind = e.findKind(); e.kind == 0 {
		return nil, noRequest(payload)
	}
	return &e, nil
}

// object is a JSON object that may have anything in it.
type object map[string]jsontext.Value

// lenient reads what a strict reader refuses, for events that are only described.
var lenient = json.JoinOptions(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))

// objectOf returns nil for what is no object.
func objectOf(value jsontext.Value) (o object) {
	json.Unmarshal(value, &o, lenient)
	return o
}

func (o object) object(name string) object { return objectOf(o[name]) }

// text returns "" for what is no text.
func (o object) text(name string) (text string) {
	if value := o[name]; value.Kind() == '"' {
		json.Unmarshal(value, &text, lenient)
	}
	return text
}

// describe says what an event is that is no HTTP request. Of the event it quotes only names
// that AWS gives, because anything else could be secret.
func describe(payload []byte) string {
	value := jsontext.Value(payload)
	if !value.IsValid(lenient) {
		return "no JSON"
	}
	switch value.Kind() {
	case '{':
		return objectOf(value).describe()
	case '[':
		return "a JSON array"
	case '"':
		return "a JSON string"
	case '0':
		return "a JSON number"
	case 'n':
		return "null"
	}
	return "a JSON boolean"
}

func (o object) describe() string {
	switch {
	case o.object("requestContext")["connectionId"] != nil:
		return "a WebSocket event" + inBrackets(o.object("requestContext").text("eventType"))
	case o["methodArn"] != nil || o["routeArn"] != nil:
		return "an API's question to its authorizer" + inBrackets(o.text("type"))
	case o["detail-type"] != nil:
		if source := o.text("source"); strings.HasPrefix(source, "aws.") && isName(source) {
			return "an event of " + source + inBrackets(o.text("detail-type"))
		}
		return "an event of EventBridge"
	case o["Records"] != nil:
		return o.describeRecords()
	case o.source() != "":
		return "an event of " + o.source()
	}
	for _, known := range []struct{ member, what string }{
		{"awslogs", "an event of CloudWatch Logs"},
		{"deliveryStreamArn", "an event of Firehose"},
		{"ResponseURL", "an event of CloudFormation"},
		{"triggerSource", "an event of Cognito" + inBrackets(o.text("triggerSource"))},
		{"identityPoolId", "an event of Cognito"},
		{"key1", "a test event of Lambda's console"},
		{"rawPath", "one in an unknown payload format"},
		{"httpMethod", "one in an unknown payload format"},
	} {
		if o[known.member] != nil {
			return known.what
		}
	}
	if len(o) == 0 {
		return "an empty object"
	}
	return "an object of another kind"
}

// describeRecords describes the events of queues, topics, buckets and streams.
func (o object) describeRecords() string {
	var records []object
	json.Unmarshal(o["Records"], &records, lenient)
	count := fmt.Sprintf(" with %d records", len(records))
	if len(records) == 1 {
		count = " with 1 record"
	}
	if len(records) == 0 {
		return "an event" + count
	}
	switch first := records[0]; {
	case first["cf"] != nil:
		return "an event of CloudFront" + count
	case first.source() != "":
		return "an event of " + first.source() + count
	}
	return "an event" + count
}

// source returns the service of AWS that an object says it comes from, and "" if it says
// something else.
func (o object) source() string {
	source := cmp.Or(o.text("eventSource"), o.text("EventSource")) // SNS writes it so
	if !strings.HasPrefix(source, "aws:") || !isName(source) {
		return ""
	}
	return source
}

// inBrackets returns a name that AWS gives in brackets, and nothing for anything else.
func inBrackets(name string) string {
	if !isName(name) {
		return ""
	}
	return " (" + name + ")"
}

// isName reports whether text looks like the name that AWS gives to something.
func isName(text string) bool {
	return text != "" && len(text) <= 64 && strings.Trim(text, letters+"0123456789 .:_-") == ""
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
