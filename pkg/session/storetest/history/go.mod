module example.com/coatcheck/pkg/session/storetest/history

go 1.26.0

require (
	example.com/coatcheck v0.0.0
	github.com/anishathalye/porcupine v1.3.1
)

replace example.com/coatcheck => ../../../..
