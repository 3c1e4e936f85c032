// better-auth, with its sessions in Redis as secondaryStorage, or in its database if REDIS is
// empty. The database is its memory adapter. UPDATE_AGE is after how many seconds a session is
// refreshed; empty means the default, a day. Passwords are not hashed, because that is not what is
// measured.
const http = require('node:http')
const crypto = require('node:crypto')
const { createClient } = require('redis')
const { betterAuth } = require('better-auth')
const { memoryAdapter } = require('better-auth/adapters/memory')
const { fromNodeHeaders } = require('better-auth/node')

const { REDIS, PREFIX, UPDATE_AGE, WORK } = process.env
const work = () => new Promise((resolve) => setTimeout(resolve, Number(WORK)))
const user = { email: 'alice@example.com', password: 'correct horse battery staple', name: 'Alice' }

async function main() {
  const options = {
    baseURL: 'http://127.0.0.1',
    secret: crypto.randomBytes(32).toString('hex'),
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    emailAndPassword: {
      enabled: true,
      password: { hash: async (password) => password, verify: async ({ hash, password }) => hash === password },
    },
    session: { additionalFields: { theme: { type: 'string', required: false } } },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { level: 'error' },
  }
  if (UPDATE_AGE) options.session.updateAge = Number(UPDATE_AGE)
  if (REDIS) {
    const client = createClient({ url: REDIS })
    await client.connect()
    options.secondaryStorage = {
      get: (key) => client.get(PREFIX + key),
      set: (key, value, ttl) => (ttl ? client.set(PREFIX + key, value, { EX: ttl }) : client.set(PREFIX + key, value)),
      delete: (key) => client.del(PREFIX + key),
    }
  }
  const auth = betterAuth(options)

  // A hundred users take turns: the memory adapter looks through all users at each call, and the
  // sessions of one user have a list that each sign-in writes anew.
  const users = Array.from({ length: 100 }, (_, i) => ({ ...user, email: `alice-${i}@example.com` }))
  for (const body of users) await auth.api.signUpEmail({ body })
  let turn = 0
  const next = ({ email, password }) => auth.api.signInEmail({ body: { email, password }, asResponse: true })

  const routes = {
    '/login': () => next(users[turn++ % users.length]),
    '/logout': (headers) => auth.api.signOut({ headers, asResponse: true }),
    '/plain': async (headers) => {
      const session = await auth.api.getSession({ headers })
      await work()
      return new Response(null, { status: session ? 204 : 401 })
    },
    '/change': async (headers) => {
      await work()
      return auth.api.updateSession({ body: { theme: 'dark' }, headers, asResponse: true })
    },
  }
  const server = http.createServer(async (req, res) => {
    try {
      const answer = await routes[req.url](fromNodeHeaders(req.headers))
      for (const cookie of answer.headers.getSetCookie()) res.appendHeader('Set-Cookie', cookie)
      res.statusCode = answer.status
    } catch (err) {
      console.error(err)
      res.statusCode = 500
    }
    res.end()
  })
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
}

main()
