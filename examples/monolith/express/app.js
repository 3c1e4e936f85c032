// Harbour News, a small Express application: public news, a cart, and who you are.

const express = require('express')
const passport = require('passport')
const { Strategy } = require('passport-local')
const coatcheck = require('./coatcheck_express')
const sessions = require('./sessions')
const users = require('./users')

passport.use(new Strategy({ usernameField: 'name' }, (name, password, done) => {
  users.check(name, password).then((user) => done(null, user ?? false), done)
}))
passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, users.find(id) ?? false))

const signedIn = (req, res, next) => {
  if (req.isAuthenticated()) return next()
  res.redirect('/login?next=' + encodeURIComponent(req.originalUrl))
}

// local returns the path if it is one of this site, so that nobody is led elsewhere.
const local = (path) => /^\/(?![/\\])/.test(path ?? '') ? path : '/profile'

const app = express()
app.set('view engine', 'ejs')
app.set('views', __dirname + '/views')
app.use(sessions(process.env))
app.use(passport.session())
app.use(coatcheck({
  origin: process.env.COATCHECK_ORIGIN ?? 'http://localhost:8080',
  mode: process.env.COATCHECK_MODE ?? 'also',
  user: users.fromCoatcheck,
  logoutPath: '/logout',
}))
app.use(express.urlencoded())
app.use((req, res, next) => {
  res.locals.user = req.user
  next()
})

app.get(['/', '/news'], (req, res) => res.render('news', { title: 'News' }))
app.get('/cart', signedIn, (req, res) => res.render('cart', { title: 'Cart' }))
app.get('/profile', signedIn, (req, res) => res.render('profile', { title: 'Profile' }))

app.get('/login', (req, res) => res.render('login', { title: 'Sign in', problem: null }))
app.post('/login', (req, res, next) => {
  passport.authenticate('local', (err, user) => {
    if (err) return next(err)
    if (!user) return res.status(401).render('login', { title: 'Sign in', problem: 'The name or the password is wrong.' })
    req.logIn(user, (err) => err ? next(err) : res.redirect(local(req.query.next)))
  })(req, res, next)
})
app.post('/logout', (req, res, next) => {
  req.logout((err) => err ? next(err) : res.redirect('/news'))
})

app.listen(process.env.PORT ?? 3000, '127.0.0.1')
