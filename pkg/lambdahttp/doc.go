// Package lambdahttp serves a [net/http.Handler] from AWS Lambda, behind any front door that
// speaks HTTP: an API Gateway HTTP API with payload format 2.0 or 1.0, a function URL, a REST
// API (edge-optimized, regional or private), an Application Load Balancer with or without
// multi-value headers. It recognises the front door by the event, so that one program serves
// all of them. The events of sam local work as well.
//
// A function's main builds its handler and ends with
//
//	slog.SetDefault(lambdacontext.NewLogger())
//	lambdahttp.Start(handler)
//
// The context of each request is derived from the invocation's. So lambdacontext.FromContext
// works with it, and the logger of aws-lambda-go adds the request ID to every line that is
// logged with it: slog.InfoContext(r.Context(), …). The logger writes JSON if
// AWS_LAMBDA_LOG_FORMAT is JSON, else text. Lambda sets this variable from the function's
// LoggingConfig. Beside the request, a handler can have the event as it came ([Event]), the
// variables of the API's stage ([StageVariables]), the scheme that the client used
// ([Scheme]), and what the API's authorizer said about the caller ([Authorized]).
//
// An event that is no HTTP request (a schedule, a queue, a WebSocket, an API's question to
// its authorizer, a test event of the console) is an error of the invocation, which says what
// came. A request that is malformed is answered 400, and a load balancer that checks whether
// the function runs is answered without the handler: see [Options].
//
// # What the handler sees
//
// The handler sees what net/http would have shown it, as far as the event tells. These are
// the differences between the kinds of events:
//
//	                HTTP API 2.0   function URL   HTTP API 1.0   REST API       load balancer  multi-value LB
//	recognised by   version 2.0    .lambda-url.…  version 1.0    identity       elb            elb, multiValue-
//	                               in domainName                 without a                     Headers
//	                                                             version
//	method          http.method    http.method    httpMethod     httpMethod     httpMethod     httpMethod
//	path arrives    decoded        as sent        decoded        as sent        as sent        as sent
//	named stage     taken off      there is none  taken off, if  not in path    there is none  there is none
//	                                              the domain is
//	                                              the API's own
//	base path       not in path    there is none  stays          stays          there is none  there is none
//	query arrives   as sent        as sent        decoded        decoded        as sent        as sent
//	repeated name   all values     all values     all values     all values     the last       all values
//	  in the query
//	repeated header joined by ","  joined by ","  all lines      all lines      the last       all lines
//	cookies arrive  in a list      in a list and  in headers     in headers     in headers     in headers
//	                               in headers
//	body arrives    as text, or as base64 if isBase64Encoded says so; null is empty
//	host            the Host header, else domainName                            the Host header, else none
//	scheme          X-Forwarded-Proto, else https
//	client          http.sourceIp  http.sourceIp  identity.      identity.      the last of    the last of
//	                                              sourceIp       sourceIp       X-Forwarded-   X-Forwarded-
//	                                                                            For            For
//
// And these are the differences between the answers:
//
//	                HTTP API 2.0   function URL   HTTP API 1.0   REST API       load balancer  multi-value LB
//	several cookies all            all            all            all            all, see       all
//	                                                                            Handler
//	repeated header joined by ","  joined by ","  all lines      all lines      joined by ","  all lines
//	description of  none           none           none           none           yes            yes
//	  the status
//	binary body     base64         base64         base64         base64, needs  base64         base64
//	                                                             binaryMedia-
//	                                                             Types
//	size limit      6 MB           6 MB           6 MB           6 MB           1 MB           1 MB
//	streaming       no             possible       no             possible       no             no
//
// The path: r.URL.Path is always decoded once. Where the path arrives as it was sent,
// r.URL.RawPath and r.RequestURI have the escapes too, so a handler can tell %2F from a slash.
// HTTP APIs have decoded it, so their handlers see %2F as a slash. It is not decoded again,
// since the gateway and the handler would then see %252e as different paths. What follows %3F
// is lost there: the gateway takes it for the end of the path.
//
// The name of a stage is not part of the path, so a program is the same in every stage. The
// base path of an API mapping (a domain of one's own, with a path to an API) stays where API
// Gateway leaves it, because browsers have it in their URL too and the event does not say how
// long it is. [http.StripPrefix] takes it off. With payload format 1.0 and a domain of one's
// own, AWS does not document whether the stage is in the path, so nothing is taken off. Nor is
// it where the mapping of a REST API names no stage and clients write one.
//
// The query: r.URL.RawQuery is as it was sent where the event has it so. Else it is written
// again, in the order of the event, so that r.URL.Query() is what the client meant. A load
// balancer does not decode it, and it is not encoded twice.
//
// Headers: names have the canonical spelling, whatever the event has. Names that differ only
// in their case become one header. If a client sends a header twice, its values arrive as the
// table says. Where that matters, the handler must refuse both two lines and a comma.
// Values share the memory of the event: who keeps one for longer than the request should
// clone it ([strings.Clone]), or all of the event is kept.
//
// Cookies: there is one Cookie header at most. A cookie that several places of the event have
// is there once. Two values for one name both stay, because the handler must see that there
// are two.
//
// The client: RemoteAddr is the client's address as the front door saw it, in one spelling
// and with port 0, whether or not the event has a port; it is "unknown:0" if the event has no
// address. It is never an address that the client has written into a header. A load balancer
// appends the address to X-Forwarded-For; so its attribute for this header
// (routing.http.xff_header_processing.mode) must stay "append". With "preserve" clients could
// choose their address, and with "remove" all are unknown. Behind a proxy, such as CloudFront,
// the address is the proxy's.
//
// Not all of this is documented by AWS. What is not comes from events that people have
// published, and that agree.
//
// # Deadlines
//
// The request's context ends one second before the function's timeout, or when three
// quarters of the time have passed if that is later. So a handler whose store hangs
// can still answer 503. The handler runs in the goroutine of the invocation. If it
// ignores its context, it is not interrupted: Lambda kills it, and the client gets
// the gateway's answer instead of ours.
//
// # What is not promised
//
// Bodies are sent whole, except by [StartStreaming]. There is no Hijack or ReadFrom, and no
// trailer. Informational responses are dropped.
//
// This package may still change in ways that break programs.
package lambdahttp
