package redisstore

import "github.com/redis/go-redis/v9"

// Scripts are all scripts, so that a test can have the server know them.
var Scripts = []*redis.Script{createScript, getScript, updateScript, touchScript, deleteScript, indexScript, listScript}
