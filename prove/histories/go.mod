module example.com/coatcheck/prove/histories

go 1.26.0

require (
	example.com/coatcheck v0.0.0
	example.com/coatcheck/pkg/session/storetest/history v0.0.0
)

require github.com/anishathalye/porcupine v1.3.1 // indirect

replace (
	example.com/coatcheck => ../..
	example.com/coatcheck/pkg/session/storetest/history => ../../pkg/session/storetest/history
)
