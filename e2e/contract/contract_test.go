// Package contract sends what docs/openapi.yaml allows, and more, to a running server.
package contract
