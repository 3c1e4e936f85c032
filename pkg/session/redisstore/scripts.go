package redisstore

import "github.com/redis/go-redis/v9"

// The scripts name all their keys in KEYS, as Redis requires. That also makes List
// exact while a Redis Cluster moves a slot. If the server has only some of the keys,
// it answers TRYAGAIN. If a script computed its keys itself, the missing ones would
// look like removed sessions.
//
// Only createListScript computes keys, from the index, in the slot of those that it names:
// one round trip cannot do otherwise. It is exact too. The key of a new session is one that
// the server does not have, so while its slot moves, the script is never run.
//
// If the condition of a script fails, the script returns what is stored, and Go
// finds the reason. The session may be gone, dead, newer or damaged, or this call
// may have written it before.
//
// Redis refuses writes when it is full or without its replicas. It then refuses the
// first write of a script, and never only a later one. So a script is carried out as
// a whole or not at all.

// applied is what a script returns when it has written its values.
const applied = int64(1)

// taken is what a script returns when there is a session under the key that it should make.
const taken = int64(0)

// put stores fields of a session that ends at expires. Redis may keep the session
// for an hour more, and the index as long as the last session in it. The index is
// written first: that fails if its key holds no sorted set. The key of the session
// has been read before. The format is %.0f, because Redis 7.2 turns that number into
// the text 4e+12, which is not a valid time.
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

// alive returns false if expires is not a number, or is one that PEXPIREAT would
// refuse.
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

	// KEYS: session, index. ARGV: expires_at, all fields and values. It returns the
	// owner's other sessions, each as its ID and its fields, or an error in place of
	// these; or 1 if they are so many that listing them would hold up other calls.
	createListScript = redis.NewScript(put + `
if redis.call('EXISTS', KEYS[1]) == 1 then
	return 0
end
put(ARGV[1], unpack(ARGV, 2))
local ids = redis.call('ZRANGE', KEYS[2], 0, -1)
if #ids > 501 then
	return 1
end
local created, others = string.sub(KEYS[1], #KEYS[2] + 2), {}
for _, id in ipairs(ids) do
	if id ~= created then
		local fields = redis.pcall('HGETALL', KEYS[2] .. ':' .. id)
		if #fields == 0 and not fields.err then
			redis.pcall('ZREM', KEYS[2], id)
		else
			others[#others + 1] = id
			others[#others + 1] = fields
		end
	end
end
return others
`)

	// KEYS: session, index. ARGV: now, version, expires_at or an empty string,
	// fields and values. Versions are compared as text, because a Lua number holds
	// 53 bits.
	updateScript = redis.NewScript(put + alive + `
local stored = redis.call('HMGET', KEYS[1], 'version', 'expires_at')
if stored[1] ~= ARGV[2] or not alive(tonumber(stored[2]), tonumber(ARGV[1])) then
	return redis.call('HGETALL', KEYS[1])
end
return put(ARGV[3] ~= '' and ARGV[3] or stored[2], unpack(ARGV, 4))
`)

	// KEYS: session, index. ARGV: now, expires, address, browser.
	touchScript = redis.NewScript(put + alive + `
local stored = redis.call('HMGET', KEYS[1], 'last_seen_at', 'expires_at')
local seen, expires = tonumber(stored[1]), tonumber(stored[2])
local now, later = tonumber(ARGV[1]), tonumber(ARGV[2])
if not alive(expires, now) or not seen or seen >= now or expires > later then
	return redis.call('HGETALL', KEYS[1])
end
return put(ARGV[2], 'last_seen_at', ARGV[1], 'expires_at', ARGV[2], 'last_ip', ARGV[3], 'last_user_agent', ARGV[4])
`)

	// KEYS: session, index. ARGV: now and, unless the delete is unconditional, a
	// secret. If it removed a live session, it returns an array of the user's ID.
	deleteScript = redis.NewScript(`
local stored = redis.call('HMGET', KEYS[1], 'secret', 'previous_secret', 'expires_at', 'user_id')
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
return {stored[4] or ''}
`)

	// KEYS: index.
	indexScript = redis.NewScript(`
return redis.call('ZRANGE', KEYS[1], 0, -1)
`)

	// KEYS: index, sessions. The script also removes from the index what Redis has
	// removed. It uses pcall, so that a server that refuses this write can still
	// list.
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
