package redislinks

import "github.com/redis/go-redis/v9"

// Each script has one key, so that links are spread over the nodes of a Redis Cluster. A
// script is carried out as a whole or not at all, and returns the hash as it was before.
// Times are stored as they came, because Lua would write some numbers as 4e+09.
var (
	// ARGV: now, session_owner, session_id, linked_until. It stores nothing if there is an
	// end, or if the session is linked already for no less long.
	linkScript = redis.NewScript(before + `
local lives = linked > tonumber(ARGV[1])
if ended > tonumber(ARGV[1]) or (lives and linked >= tonumber(ARGV[4]) and h.session_owner == ARGV[2] and h.session_id == ARGV[3]) then
	return before
end
redis.call('DEL', KEYS[1])
if lives then
	redis.call('HSET', KEYS[1], 'before_owner', h.session_owner, 'before_id', h.session_id, 'before_until', h.linked_until)
end
redis.call('HSET', KEYS[1], 'session_owner', ARGV[2], 'session_id', ARGV[3], 'linked_until', ARGV[4])
redis.call('EXPIREAT', KEYS[1], ARGV[4])
return before
`)

	// ARGV: now, ended_at, ended_until.
	endScript = redis.NewScript(before + `
local at, til = ARGV[2], ARGV[3]
if ended > tonumber(ARGV[1]) then
	if tonumber(h.ended_at) > tonumber(at) then at = h.ended_at end
	if ended > tonumber(til) then til = h.ended_until end
end
redis.call('HSET', KEYS[1], 'ended_at', at, 'ended_until', til)
if linked > tonumber(til) then til = h.linked_until end
redis.call('EXPIREAT', KEYS[1], til)
return before
`)
)

// before begins scripts. It reads the hash, and until when its link and its end are kept.
const before = `
local before, h = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #before, 2 do h[before[i]] = before[i+1] end
local linked, ended = tonumber(h.linked_until or 0), tonumber(h.ended_until or 0)
`
