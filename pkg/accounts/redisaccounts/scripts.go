package redisaccounts

import "github.com/redis/go-redis/v9"

// Each script has one key, so that accounts and counters are spread over the nodes of
// a Redis Cluster.
//
// If the condition of a script fails, the script returns what is stored, and Go finds
// the reason. Redis refuses writes when it is full or without its replicas. It then
// refuses the first write of a script, and never only a later one. So a script is
// carried out as a whole or not at all.

// applied is what a script returns when it has done what it is for.
const applied = int64(1)

var (
	// ARGV: all fields and values.
	createScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then
	return redis.call('HGET', KEYS[1], 'revision') or ''
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
`)

	// ARGV: revision, fields and values. A preference that is not among them is removed.
	updateScript = redis.NewScript(`
local revision = redis.call('HGET', KEYS[1], 'revision')
if revision ~= ARGV[1] then
	return revision or ''
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
local written = {}
for i = 2, #ARGV, 2 do
	written[ARGV[i]] = true
end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
	if string.sub(field, 1, 11) == 'preference:' and not written[field] then
		redis.call('HDEL', KEYS[1], field)
	end
end
return 1
`)

	// ARGV: user_id, fields and values.
	setScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'user_id') ~= ARGV[1] then
	return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
`)

	// ARGV: user_id, last_used_at.
	usedScript = redis.NewScript(`
local stored = redis.call('HMGET', KEYS[1], 'user_id', 'last_used_at')
if stored[1] ~= ARGV[1] then
	return 0
end
if (tonumber(stored[2]) or 0) < tonumber(ARGV[2]) then
	redis.call('HSET', KEYS[1], 'last_used_at', ARGV[2])
end
return 1
`)

	// ARGV: revision. A damaged account without a revision can be deleted too. Where a
	// claim has taken the place of the account, the account is gone already.
	deleteScript = redis.NewScript(`
local stored = redis.call('HMGET', KEYS[1], 'revision', 'claimed_by')
if stored[1] and stored[1] ~= ARGV[1] then
	return stored[1]
end
if not stored[2] then
	redis.call('DEL', KEYS[1])
end
return 1
`)

	// ARGV: holder.
	claimScript = redis.NewScript(`
if redis.call('HGET', KEYS[1], 'claimed_by') == ARGV[1] then
	return 1
end
if redis.call('EXISTS', KEYS[1]) == 1 then
	return 0
end
redis.call('HSET', KEYS[1], 'claimed_by', ARGV[1])
return 1
`)

	// ARGV: the holder before and after; if the one after is empty, the claim is removed.
	passScript = redis.NewScript(`
local holder = redis.call('HGET', KEYS[1], 'claimed_by')
if holder ~= ARGV[1] then
	if holder == ARGV[2] or ARGV[2] == '' and redis.call('EXISTS', KEYS[1]) == 0 then
		return 1
	end
	return 0
end
if ARGV[2] == '' then
	redis.call('DEL', KEYS[1])
else
	redis.call('HSET', KEYS[1], 'claimed_by', ARGV[2])
end
return 1
`)

	// ARGV: attempt, at, expires_at, expires_at and an hour in milliseconds, then for
	// each step that ends: the first and the last number of failures, and the latest
	// last_at. Times are stored as they came, because Lua would write some numbers
	// as 4e+12. A damaged counter is returned as it is.
	countScript = redis.NewScript(`
local function start(failures, previous)
	redis.call('HSET', KEYS[1], 'failures', failures, 'last_at', ARGV[2], 'previous_at', previous,
		'attempt', ARGV[1], 'expires_at', ARGV[3])
	redis.call('PEXPIREAT', KEYS[1], ARGV[4])
end

local stored = redis.call('HMGET', KEYS[1], 'failures', 'last_at', 'expires_at', 'attempt')
local failures, last, expires = tonumber(stored[1]), tonumber(stored[2]), tonumber(stored[3])
local at = tonumber(ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 or expires and expires ~= 0 and expires * 1000 <= at then
	start(1, 0)
elseif stored[4] ~= ARGV[1] and failures and last and expires then
	for i = 5, #ARGV, 3 do
		if failures >= tonumber(ARGV[i]) and failures <= tonumber(ARGV[i + 1]) and last <= tonumber(ARGV[i + 2]) then
			start(failures + 1, stored[2])
			break
		end
	end
end
return redis.call('HGETALL', KEYS[1])
`)

	// ARGV: attempt, and 1 if it is certain that it was counted.
	withdrawScript = redis.NewScript(`
local stored = redis.call('HMGET', KEYS[1], 'failures', 'attempt', 'previous_at')
local failures, last = tonumber(stored[1]), stored[2] == ARGV[1]
if not failures or not stored[3] or not last and ARGV[2] ~= '1' then
	return 0
end
if failures <= 1 then
	redis.call('DEL', KEYS[1])
	return 1
end
redis.call('HINCRBY', KEYS[1], 'failures', -1)
if last then
	redis.call('HSET', KEYS[1], 'last_at', stored[3])
end
return 1
`)

	keepScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 then
	redis.call('HSET', KEYS[1], 'expires_at', 0)
	redis.call('PERSIST', KEYS[1])
end
return 1
`)

	clearScript = redis.NewScript(`
redis.call('DEL', KEYS[1])
return 1
`)
)
