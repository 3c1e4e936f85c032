package redisstore

import "github.com/redis/go-redis/v9"

// Scripts has all scripts, so that a test can load them into the server.
var Scripts = []*redis.Script{createScript, createListScript, updateScript, touchScript, deleteScript, indexScript, listScript}
