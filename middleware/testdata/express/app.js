'use strict';
// A monolith in Express, whose sessions are express-session's; with PASSPORT=1 its users are
// passport's.

const express = require(process.env.EXPRESS);
const session = require('express-session');
const passport = require('passport');
const coatcheck = require('./coatcheck_express.js');

const { ORIGIN, MODE, TIMEOUT, PORT, PASSPORT } = process.env;
const find = (id) => (['42', '43'].includes(id) ? { id } : undefined);

const app = express();
app.use(session({ secret: 'an invented key of a test', resave: false, saveUninitialized: false }));
if (PASSPORT) {
  passport.serializeUser((user, done) => done(null, user.id));
  passport.deserializeUser((id, done) => done(null, find(id) ?? false));
  app.use(passport.session());
} else {
  app.use((req, res, next) => {
    req.user = find(req.session.userId);
    next();
  });
}
app.use(coatcheck({
  origin: ORIGIN,
  mode: MODE,
  timeout: Number(TIMEOUT),
  user: async (who) => find(who.user_id),
  loginPath: '/signin',
  logoutPath: '/signout',
}));
app.use(express.urlencoded({ extended: false }));

app.get('/me', (req, res) => {
  const { cc, vary } = req.query;
  if (cc !== undefined && vary !== undefined) res.writeHead(200, undefined, { 'Cache-Control': cc, Vary: vary });
  else if (cc !== undefined) res.writeHead(200, ['Cache-Control', cc, 'Set-Cookie', ['a=1', 'b=2']]);
  else if (vary !== undefined) res.set('Vary', vary);
  const body = { user: req.user?.id ?? null, cookie: req.headers.cookie ?? '', stamp: req.session.coatcheck_stamp ?? null };
  res.end(JSON.stringify(body));
});
app.get('/signin', (req, res) => res.send('the login page'));
app.post(['/signin', '/signin-elsewhere'], (req, res, next) => {
  if (req.body.password !== 'right') return res.status(401).send('wrong');
  const done = (error) => (error ? next(error) : res.send('ok'));
  if (PASSPORT) return req.logIn({ id: req.body.user }, done);
  req.session.regenerate(async (error) => {
    if (error) return next(error);
    try {
      await req.coatcheck.signIn();
    } catch (error) {
      return next(error);
    }
    req.session.userId = req.body.user;
    res.send('ok');
  });
});
app.post('/signout', (req, res, next) => {
  const done = (error) => (error ? next(error) : res.send('ok'));
  if (PASSPORT) req.logout(done);
  else req.session.destroy(done);
});
app.post('/write', (req, res) => {
  req.session.n = (req.session.n ?? 0) + 1;
  res.send('ok');
});
app.listen(Number(PORT), '127.0.0.1');
