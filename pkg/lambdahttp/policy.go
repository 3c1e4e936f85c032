package lambdahttp

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
)

// policy returns the answer of an authorizer that allows or denies (effect) calling what
// arn names, and nothing else.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
func policy(principal, effect, arn string, context map[string]string) ([]byte, error) {
	type statement struct {
		Action   string   `json:"Action"`
		Effect   string   `json:"Effect"`
		Resource []string `json:"Resource"`
	}
	type document struct {
		Version   string      `json:"Version"`
		Statement []statement `json:"Statement"`
	}
	return json.Marshal(struct {
		PrincipalID    string            `json:"principalId"`
		PolicyDocument document          `json:"policyDocument"`
		Context        map[string]string `json:"context,omitempty"`
	}{principal, document{"2012-10-17", []statement{{"execute-api:Invoke", effect, []string{literally.Replace(arn)}}}}, context})
}

// literally escapes what IAM would read as a wildcard or as a variable. The path in an ARN
// is the client's: whoever asks for /orders/* would get a policy for every order, and the
// gateway may use it again for the next request.
//
// IAM knows these escapes since the version 2012-10-17 of its language, after the fifth
// colon of an ARN. It was not tried whether API Gateway resolves them. If it does not, the
// request is refused, and the policy allows only paths that have the characters ${ and }
// where the client has sent the wildcard. A $ alone is no variable and stays as it is, as in
// the stage $default.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
var literally = strings.NewReplacer("*", "${*}", "?", "${?}", "${", "${$}{")

// checkARN returns an error unless arn has the shape
// arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH. Only its path may have anything
// in it, since a client can choose nothing else freely.
func checkARN(arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && parts[0] == "arn" && strings.HasPrefix(parts[1], "aws") && parts[2] == "execute-api" {
		parts = append(parts[1:5], strings.SplitN(parts[5], "/", 4)...)
		if len(parts) == 8 && plain(parts[:7]) {
			return nil
		}
	}
	return errors.New("the event's methodArn is not arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH")
}

// plain reports whether no part is empty or has a wildcard, a variable or a blank in it.
func plain(parts []string) bool {
	for _, part := range parts {
		if part == "" || strings.ContainsAny(part, "*?{} ") {
			return false
		}
	}
	return true
}
