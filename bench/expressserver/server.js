// The server of scsserver/main.go once more, with Express and express-session, in memory.
const crypto = require('node:crypto')
const fs = require('node:fs')
const express = require('express')
const session = require('express-session')

const values = { user_id: 'u1', username: 'alice', display_name: 'Alice', role: 'member', theme: 'dark', language: 'en' }
const escaped = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const text = (value) => String(value).replace(/[&<>"']/g, (c) => escaped[c])

// page is the template in the file PAGE, in pieces: every second one is the name of a value.
const pieces = fs.readFileSync(process.env.PAGE, 'utf8').split(/\{\{\.(\w+)\}\}/)
const page = (s) => pieces.map((piece, i) => i % 2 ? text(s[piece]) : piece).join('')

const app = express()
app.use(session({ secret: crypto.randomBytes(32).toString('hex'), resave: false, saveUninitialized: false }))
app.post('/login', (req, res, next) => {
  req.session.regenerate((err) => {
    if (err) return next(err)
    Object.assign(req.session, values, { ip: req.socket.remoteAddress, signed_in: new Date().toISOString() })
    res.end()
  })
})
app.get('/profile', (req, res) => {
  if (!req.session.user_id) return res.status(401).end()
  const known = {}
  for (const name of Object.keys(values)) known[name] = req.session[name]
  res.set('Cache-Control', 'no-store')
  const show = () => {
    const ends = new Date(Date.now() + 30 * 60 * 1000)
    return page({ ...known, ip: req.session.ip, signed_in: req.session.signed_in, signed_in_text: new Date(req.session.signed_in).toUTCString(),
      ends: ends.toISOString(), ends_text: ends.toUTCString() })
  }
  if ((req.get('Accept') || '').includes('text/html')) return res.type('html').send(show())
  res.json(known)
})
const server = app.listen(0, 'localhost', () => console.log(`express is at http://localhost:${server.address().port}`))
