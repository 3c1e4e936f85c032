package samtemplate

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// The types of the resources that make up an HTTP API.
const (
	apiType         = "AWS::ApiGatewayV2::Api"
	routeType       = "AWS::ApiGatewayV2::Route"
	integrationType = "AWS::ApiGatewayV2::Integration"
	authorizerType  = "AWS::ApiGatewayV2::Authorizer"
	functionType    = "AWS::Serverless::Function"
)

// route is one route of the API, with the logical IDs of its functions.
type route struct {
	key, function string
	authorizer    string // empty if the route has none
}

// readRoutes gives each route of the API to its function in t.
func (doc *document) readRoutes(t *Template) error {
	for _, id := range slices.Sorted(maps.Keys(doc.Resources)) {
		if doc.Resources[id].Type != routeType {
			continue
		}
		r, err := doc.readRoute(doc.Resources[id].Properties)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		f := t.Functions[r.function]
		f.Routes = append(f.Routes, r.key)
		slices.Sort(f.Routes)
		if r.authorizer != "" {
			if f.Authorizers == nil {
				f.Authorizers = map[string]string{}
			}
			f.Authorizers[r.key] = r.authorizer
		}
		t.Functions[r.function] = f
	}
	return nil
}

func (doc *document) readRoute(p properties) (r route, err error) {
	var key, authorization literal
	var target, authorizer value
	if err := errors.Join(
		p.known("ApiId", "RouteKey", "Target", "AuthorizationType", "AuthorizerId"),
		doc.checkAPI(p),
		p.load("RouteKey", &key),
		p.load("Target", &target),
		p.load("AuthorizationType", &authorization),
		p.load("AuthorizerId", &authorizer),
	); err != nil {
		return r, err
	}
	if key == "" || (authorization == "CUSTOM") != (authorizer.text != "") {
		return r, errors.New("only a RouteKey, alone or with AuthorizationType: CUSTOM and an AuthorizerId, is understood")
	}
	r.key = string(key)
	integration, err := doc.named(target, integrationTarget, integrationType)
	if err != nil {
		return r, fmt.Errorf("in Target: %w", err)
	}
	if r.function, err = doc.integrated(integration); err != nil || authorizer.text == "" {
		return r, err
	}
	id, err := doc.named(authorizer, reference, authorizerType)
	if err != nil {
		return r, fmt.Errorf("in AuthorizerId: %w", err)
	}
	r.authorizer, err = doc.authorizing(id)
	return r, err
}

// The forms in which properties name other resources.
var (
	reference         = regexp.MustCompile(`^!Ref (\w+)$`)
	arnOf             = regexp.MustCompile(`^!GetAtt (\w+)\.Arn$`)
	integrationTarget = regexp.MustCompile(`^!Sub integrations/\$\{(\w+)\}$`)
	invocation        = regexp.MustCompile(`^!Sub arn:.*:lambda:path/2015-03-31/functions/\$\{(\w+)\.Arn\}/invocations$`)
)

// named returns the logical ID that v has in the given form. It must be one of a resource
// of that type.
func (doc *document) named(v value, form *regexp.Regexp, kind string) (string, error) {
	match := form.FindStringSubmatch(v.function + " " + v.text)
	if match == nil || doc.Resources[match[1]].Type != kind {
		return "", fmt.Errorf("%s %s does not name a resource of the type %s", v.function, v.text, kind)
	}
	return match[1], nil
}

// checkAPI reports a resource that belongs to no API, or to one with a definition of
// its own: when CloudFormation updates that, it removes the routes of other stacks.
func (doc *document) checkAPI(p properties) error {
	var api value
	if err := p.load("ApiId", &api); err != nil {
		return err
	}
	id, err := doc.named(api, reference, apiType)
	if err != nil {
		return fmt.Errorf("in ApiId: %w", err)
	}
	for _, definition := range []string{"Body", "BodyS3Location"} {
		if _, ok := doc.Resources[id].Properties[definition]; ok {
			return fmt.Errorf("in ApiId: %s has the property %s, which would replace the routes of other stacks", id, definition)
		}
	}
	return nil
}

// integrated returns the logical ID of the function that an integration calls.
func (doc *document) integrated(id string) (string, error) {
	p := doc.Resources[id].Properties
	var kind, version literal
	var uri value
	if err := errors.Join(
		p.known("ApiId", "IntegrationType", "IntegrationUri", "PayloadFormatVersion"),
		doc.checkAPI(p),
		p.load("IntegrationType", &kind),
		p.load("IntegrationUri", &uri),
		p.load("PayloadFormatVersion", &version),
	); err != nil {
		return "", fmt.Errorf("%s: %w", id, err)
	}
	if kind != "AWS_PROXY" || version != "2.0" {
		return "", fmt.Errorf("%s: only IntegrationType: AWS_PROXY with PayloadFormatVersion: '2.0' is understood", id)
	}
	function, err := doc.named(uri, arnOf, functionType)
	if err != nil {
		return "", fmt.Errorf("%s: in IntegrationUri: %w", id, err)
	}
	return function, nil
}

// authorizing returns the logical ID of the function of an authorizer. It returns an
// error if the authorizer may answer from a cache.
func (doc *document) authorizing(id string) (string, error) {
	p := doc.Resources[id].Properties
	var kind, version literal
	var uri value
	var simple bool
	var cached *int
	if err := errors.Join(
		p.known("ApiId", "Name", "AuthorizerType", "AuthorizerUri", "AuthorizerPayloadFormatVersion", "EnableSimpleResponses",
			"IdentitySource", "AuthorizerResultTtlInSeconds"),
		doc.checkAPI(p),
		p.load("AuthorizerType", &kind),
		p.load("AuthorizerUri", &uri),
		p.load("AuthorizerPayloadFormatVersion", &version),
		p.load("EnableSimpleResponses", &simple),
		p.load("AuthorizerResultTtlInSeconds", &cached),
	); err != nil {
		return "", fmt.Errorf("%s: %w", id, err)
	}
	switch {
	case kind != "REQUEST" || version != "2.0" || !simple:
		return "", fmt.Errorf("%s: only AuthorizerType: REQUEST with payload format 2.0 and simple responses is understood", id)
	case cached == nil || *cached != 0:
		return "", fmt.Errorf("%s: without AuthorizerResultTtlInSeconds: 0 its answers are cached, beyond a logout", id)
	}
	function, err := doc.named(uri, invocation, functionType)
	if err != nil {
		return "", fmt.Errorf("%s: in AuthorizerUri: %w", id, err)
	}
	return function, nil
}
