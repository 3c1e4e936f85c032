package samtemplate

import (
	"errors"
	"fmt"
	"strings"
)

// auth is the property Auth of an API. A default authorizer would close routes that
// look open in the template, so it is an error here.
type auth struct {
	Authorizers map[string]authorizer `yaml:"Authorizers"`
}

type authorizer struct {
	Function    value   `yaml:"FunctionArn"`
	Version     literal `yaml:"AuthorizerPayloadFormatVersion"`
	Simple      bool    `yaml:"EnableSimpleResponses"`
	Permissions bool    `yaml:"EnableFunctionDefaultPermissions"`
	Identity    struct {
		Headers          list[literal] `yaml:"Headers"`
		ReauthorizeEvery *int          `yaml:"ReauthorizeEvery"`
	} `yaml:"Identity"`
}

// authorizer returns the logical ID of the function of the API's authorizer with the
// given name. It returns an error if the authorizer may answer from a cache, or if the
// API may not invoke the function.
func (doc *document) authorizer(api value, name string) (string, error) {
	var auth auth
	if err := doc.Resources[api.text].Properties.load("Auth", &auth); err != nil {
		return "", fmt.Errorf("%s: %w", api.text, err)
	}
	a, ok := auth.Authorizers[name]
	if !ok {
		return "", fmt.Errorf("%s has no authorizer %s", api.text, name)
	}
	if err := a.check(); err != nil {
		return "", fmt.Errorf("%s: authorizer %s: %w", api.text, name, err)
	}
	function, ok := strings.CutSuffix(a.Function.text, ".Arn")
	if _, known := doc.Resources[function]; !ok || !known || a.Function.function != "!GetAtt" {
		return "", fmt.Errorf("%s: authorizer %s: %s %s is not the !GetAtt …Arn of a function", api.text, name, a.Function.function, a.Function.text)
	}
	return function, nil
}

func (a authorizer) check() error {
	switch every := a.Identity.ReauthorizeEvery; {
	case a.Version != "2.0" || !a.Simple:
		return errors.New("only payload format 2.0 with simple responses is understood")
	case !a.Permissions:
		return errors.New("without EnableFunctionDefaultPermissions: true the API may not invoke it")
	case every == nil || *every != 0:
		return errors.New("without ReauthorizeEvery: 0 its answers are cached, beyond a logout")
	}
	return nil
}
