package redisbridge

import "github.com/redis/go-redis/v9"

// Each script has one key, so that links and seals are spread over the nodes of a Redis
// Cluster. A script is carried out as a whole or not at all.
var (
	// ARGV: fields and values of a link. It returns what is stored then.
	putScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('HSET', KEYS[1], unpack(ARGV))
end
return redis.call('HGETALL', KEYS[1])
`)

	// ARGV: fields and values of a link, without its session. It returns what was stored.
	endScript = redis.NewScript(`
local before = redis.call('HGETALL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV))
return before
`)

	// ARGV: nonce.
	deleteScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'nonce') == ARGV[1] then
	redis.call('DEL', KEYS[1])
end
return 1
`)

	// ARGV: written_at. The time is stored as it came, because Lua would write some numbers
	// as 4e+12. A damaged seal is an error of the comparison, and stays.
	sealScript = redis.NewScript(`
local stored = redis.call('GET', KEYS[1])
if not stored or tonumber(stored) < tonumber(ARGV[1]) then
	redis.call('SET', KEYS[1], ARGV[1])
end
return 1
`)

	getSealScript = redis.NewScript(`
return redis.call('GET', KEYS[1]) or ''
`)

	// ARGV: ends_at. It returns what is stored then.
	openScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then
	redis.call('HSET', KEYS[1], 'ends_at', ARGV[1], 'closed', 0)
end
return redis.call('HGETALL', KEYS[1])
`)

	// It returns 0 if there is no window.
	closeScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then
	return 0
end
redis.call('HSET', KEYS[1], 'closed', 1)
return 1
`)
)
