// The sessions of Harbour News: rows in Redis, or the signed cookie itself.

const expressSession = require('express-session')
const cookieSession = require('cookie-session')
const { RedisStore } = require('connect-redis')
const { createClient } = require('redis')

module.exports = (env) => env.SESSIONS === 'cookie' ? inCookie(env) : inRedis(env)

const inRedis = (env) => {
  const client = createClient({ url: env.REDIS_URL })
  client.connect()
  return expressSession({
    store: new RedisStore({ client }),
    secret: env.SECRET_KEY,
    resave: false,
    saveUninitialized: false,
    cookie: { sameSite: 'lax' },
  })
}

// Passport makes a new session at a sign-in and at a sign-out. Here that is the same object,
// emptied.
const inCookie = (env) => {
  const session = cookieSession({ keys: [env.SECRET_KEY], sameSite: 'lax' })
  return (req, res, next) => session(req, res, (err) => {
    if (err) return next(err)
    const regenerate = (done) => {
      for (const key in req.session) delete req.session[key]
      done()
    }
    Object.defineProperties(req.session, { regenerate: { value: regenerate }, save: { value: (done) => done() } })
    next()
  })
}
