package redisstore

import "github.com/redis/go-redis/v9"

// The scripts name every key that they use in KEYS, as Redis demands. That also
// makes List exact while a Redis Cluster moves a slot: with only some of the keys
// at hand the server answers TRYAGAIN, where a script that found its keys by
// itself would take the others for removed.
//
// A script whose condition fails returns what is stored, and Go judges that: it
// may be gone, dead, newer, damaged, or this very call's own work.
//
// Redis refuses the first write of a script if it refuses writes at all, being
// full or without its replicas, and no later one. So a script is carried out
// as a whole or not at all.

// applied is what a script returns when it wrote what it was asked to.
const applied = int64(1)

// put stores fields of a session that ends at expires. The session may stay for
// an hour more, and the index as long as the last session in it. The index comes
// first: it may turn out to be none, while the session has been read before.
// %.0f, because Redis 7.2 makes the text 4e+12 of that number, which is no time.
const put = `
local function put(expires, ...)
	local expiry = string.format('%.0f', (expires + 3600) * 1000)
	redis.call('ZADD', KEYS[2], expiry, string.sub(KEYS[1], #KEYS[2] + 2))
	redis.call('PEXPIREAT', KEYS[2], redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2])
	redis.call('HSET', KEYS[1], ...)
	redis.call('PEXPIREAT', KEYS[1], expiry)
	return 1
end
`

// alive is false for what is no number, and for one that PEXPIREAT would refuse.
const alive = `
local function alive(expires, now)
	return expires and expires > now and expires < 1e12
end
`

var (
	// KEYS: session, index. ARGV: expires_at, all fields and values.
	createScript = redis.NewScript(put + `
if redis.call('EXISTS', KEYS[1]) == 1 then
	return 0
end
return put(ARGV[1], unpack(ARGV, 2))
`)

	// KEYS: session.
	getScript = redis.NewScript(`
return redis.call('HGETALL', KEYS[1])
`)

	// KEYS: session, index. ARGV: now, version, expires_at or nothing, fields and
	// values. Versions are compared as text, since a Lua number holds 53 bits.
	updateScript = redis.NewScript(put + alive + `
local stored = redis.call('HMGET', KEYS[1], 'version', 'expires_at')
if stored[1] ~= ARGV[2] or not alive(tonumber(stored[2]), tonumber(ARGV[1])) then
	return redis.call('HGETALL', KEYS[1])
end
return put(ARGV[3] ~= '' and ARGV[3] or stored[2], unpack(ARGV, 4))
`)

	// KEYS: session, index. ARGV: now, expires.
	touchScript = redis.NewScript(put + alive + `
local stored = redis.call('HMGET', KEYS[1], 'last_seen_at', 'expires_at')
local seen, expires = tonumber(stored[1]), tonumber(stored[2])
local now, later = tonumber(ARGV[1]), tonumber(ARGV[2])
if not alive(expires, now) or not seen or seen >= now or expires > later then
	return redis.call('HGETALL', KEYS[1])
end
return put(ARGV[2], 'last_seen_at', ARGV[1], 'expires_at', ARGV[2])
`)

	// KEYS: session, index. ARGV: now, and a secret unless any will do.
	deleteScript = redis.NewScript(`
local stored = redis.call('HMGET', KEYS[1], 'secret', 'previous_secret', 'expires_at')
if ARGV[2] and ARGV[2] ~= stored[1] and ARGV[2] ~= stored[2] and redis.call('EXISTS', KEYS[1]) == 1 then
	return 'kept'
end
redis.call('ZREM', KEYS[2], string.sub(KEYS[1], #KEYS[2] + 2))
if redis.call('DEL', KEYS[1]) == 0 then
	return 'absent'
end
local expires = tonumber(stored[3])
if expires and expires <= tonumber(ARGV[1]) then
	return 'dead'
end
return 'removed'
`)

	// KEYS: index.
	indexScript = redis.NewScript(`
return redis.call('ZRANGE', KEYS[1], 0, -1)
`)

	// KEYS: index, sessions. What Redis has removed leaves the index here. With
	// pcall, since a server that refuses that can still list.
	listScript = redis.NewScript(`
local all = {}
for i = 2, #KEYS do
	all[i - 1] = redis.call('HGETALL', KEYS[i])
	if #all[i - 1] == 0 then
		redis.pcall('ZREM', KEYS[1], string.sub(KEYS[i], #KEYS[1] + 2))
	end
end
return all
`)
)
