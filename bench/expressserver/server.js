// The server of scsserver/main.go once more, with Express and express-session, in memory.
const crypto = require('node:crypto')
const express = require('express')
const session = require('express-session')

const values = { user_id: 'u1', username: 'alice', display_name: 'Alice', theme: 'dark', language: 'en', team: 'blue' }
const style = 'a{}'.repeat(Number(process.env.STYLE) / 3)
const escaped = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const text = (value) => String(value).replace(/[&<>"']/g, (c) => escaped[c])

const page = (s) => `<!doctype html>
<html lang="${text(s.language)}">
<head><meta charset="utf-8"><title>Profile of ${text(s.display_name)}</title><style>${style}</style></head>
<body><header><a href="/profile">Profile</a> <a href="/sessions">Devices</a></header>
<main><h1>${text(s.display_name)}</h1>
<dl><dt>User name</dt><dd>${text(s.username)}</dd><dt>User ID</dt><dd>${text(s.user_id)}</dd><dt>Theme</dt><dd>${text(s.theme)}</dd>
<dt>Language</dt><dd>${text(s.language)}</dd><dt>Team</dt><dd>${text(s.team)}</dd></dl>
<form method="post" action="/logout"><button>Sign out</button></form></main></body>
</html>
`

const app = express()
app.use(session({ secret: crypto.randomBytes(32).toString('hex'), resave: false, saveUninitialized: false }))
app.post('/login', (req, res, next) => {
  req.session.regenerate((err) => {
    if (err) return next(err)
    Object.assign(req.session, values)
    res.end()
  })
})
app.get('/profile', (req, res) => {
  if (!req.session.user_id) return res.status(401).end()
  const known = {}
  for (const name of Object.keys(values)) known[name] = req.session[name]
  res.set('Cache-Control', 'no-store')
  if ((req.get('Accept') || '').includes('text/html')) return res.type('html').send(page(known))
  res.json(known)
})
const server = app.listen(0, 'localhost', () => console.log(`express is at http://localhost:${server.address().port}`))
