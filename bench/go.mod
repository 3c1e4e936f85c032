module example.com/coatcheck/bench

go 1.26.0

require (
	example.com/coatcheck v0.0.0
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/aws/aws-lambda-go v1.55.1
	github.com/awslabs/aws-lambda-go-api-proxy v0.16.2
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/gorilla/sessions v1.4.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
)

replace example.com/coatcheck => ../
