module example.com/coatcheck/bench

go 1.26.0

require (
	example.com/coatcheck v0.0.0
	github.com/alexedwards/scs/v2 v2.9.0
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/gorilla/sessions v1.4.0
)

require github.com/gorilla/securecookie v1.1.2 // indirect

replace example.com/coatcheck => ../
