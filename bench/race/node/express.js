// express-session with connect-redis, or with its store in memory if REDIS is empty. RESAVE is
// "false", as the README of connect-redis demands, or empty: then it has its default, true.
const express = require('express')
const session = require('express-session')
const { createClient } = require('redis')
const { RedisStore } = require('connect-redis')

const { REDIS, RESAVE, WORK } = process.env
const work = () => new Promise((resolve) => setTimeout(resolve, Number(WORK)))

async function main() {
  const options = { secret: 'keyboard cat', saveUninitialized: false }
  if (RESAVE === 'false') options.resave = false
  if (REDIS) {
    const client = createClient({ url: REDIS })
    await client.connect()
    options.store = new RedisStore({ client, prefix: process.env.PREFIX })
  }
  const app = express()
  app.use(session(options))
  app.post('/login', (req, res, next) => {
    req.session.regenerate((err) => {
      if (err) return next(err)
      req.session.user = 'u1'
      res.status(204).end()
    })
  })
  app.get('/plain', async (req, res) => {
    await work()
    res.status(req.session.user ? 204 : 401).end()
  })
  app.post('/change', async (req, res) => {
    await work()
    if (!req.session.user) return res.status(401).end()
    req.session.theme = 'dark'
    res.status(204).end()
  })
  app.post('/logout', (req, res, next) => {
    req.session.destroy((err) => (err ? next(err) : res.status(204).end()))
  })
  const server = app.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
}

main()
