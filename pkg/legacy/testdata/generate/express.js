// Prints vectors of express-session on Redis, as a JSON list of cases: node express.js PORT.
//
// Run it once for each set of releases, in a folder of its own, with a Redis at the port:
//   express@4.18.2 express-session@1.17.3 connect-redis@7.1.1 redis@4.6.13 passport@0.6.0
//   express@4.21.2 express-session@1.18.1 connect-redis@8.0.1 redis@4.7.0 passport@0.7.0
// All keys are invented. ../merge.py puts the lists into one file.
const path = require('path');
const need = (name) => require(require.resolve(name, { paths: [process.cwd()] }));
const version = (name) => JSON.parse(require('fs').readFileSync(path.join(process.cwd(), 'node_modules', name, 'package.json'))).version;
const [express, session, passport, redis] = ['express', 'express-session', 'passport', 'redis'].map(need);
const connect = need('connect-redis');
const RedisStore = connect.RedisStore || connect.default;
const VERSIONS = ['express-session', 'connect-redis', 'express', 'passport', 'redis'].map((n) => `${n} ${version(n)}`).join(' ');
const STAMP = 'q0tV3Yy1zJk5cUeS9bXhWw';
const KEY = `an invented secret of ${version('express-session')}`;

(async () => {
  const client = redis.createClient({ url: `redis://localhost:${process.argv[2]}/2` });
  await client.connect();
  passport.serializeUser((user, done) => done(null, user.id));
  passport.deserializeUser((id, done) => done(null, { id }));

  const serve = (options) => new Promise((resolve) => {
    const app = express();
    app.use(session({ store: new RedisStore({ client, prefix: options.prefix || 'sess:' }), secret: options.secrets, resave: false,
      saveUninitialized: false, rolling: !!options.rolling, cookie: { maxAge: options.maxAge } }));
    app.use(passport.initialize(), passport.session());
    app.post('/set', express.json(), (req, res, next) => {
      const set = () => { Object.assign(req.session, req.body.values); res.end(); };
      if (req.body.user === undefined) return set();
      req.login({ id: req.body.user }, (err) => (err ? next(err) : set()));
    });
    app.post('/logout', (req, res, next) => req.logout((err) => (err ? next(err) : res.end())));
    app.get('/touch', (req, res) => res.end(String(req.session.views)));
    app.get('/whoami', (req, res) => {
      const at = (options.user || 'passport.user').split('.').reduce((v, k) => (v == null ? v : v[k]), req.session);
      res.end(at === undefined || at === null ? '' : typeof at === 'object' ? JSON.stringify(at) : String(at));
    });
    const server = app.listen(0, () => resolve({ at: `http://localhost:${server.address().port}`, close: () => server.close() }));
  });

  const cases = [];
  async function add(name, expect, o) {
    const signer = await serve({ ...o, secrets: o.signedBy || o.secrets || [KEY] });
    const reader = await serve({ ...o, secrets: o.secrets || [KEY] });
    const set = await fetch(`${signer.at}/set`, { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: o.id, values: o.values || {} }) });
    const header = { cookie: set.headers.get('set-cookie').split(';')[0] };
    for (const step of o.then || []) {
      if (typeof step === 'number') await new Promise((r) => setTimeout(r, step));
      else await fetch(signer.at + step, { method: step === '/logout' ? 'POST' : 'GET', headers: header });
    }
    const answer = await (await fetch(`${reader.at}/whoami`, { headers: header })).text();
    const raw = header.cookie.slice(header.cookie.indexOf('=') + 1);
    const key = (o.prefix || 'sess:') + decodeURIComponent(raw).slice(2).split('.')[0];
    const value = await client.get(key);
    cases.push({ name, versions: VERSIONS, cookie_raw: raw, now: Math.floor(Date.now() / 1000), secrets: o.secrets || [KEY],
      store: value === null ? null : { key, value, ttl: await client.ttl(key) }, user: o.user, rolling: o.rolling, prefix: o.prefix,
      framework_user: answer, note: o.note, expect });
    signer.close(); reader.close();
  }

  const hour = 3600 * 1000;
  const stamp = { coatcheck_stamp: `${STAMP}.1764000000` };
  const stamped = { ok: true, user_id: '42', signed_in_at: 1764000000 };
  await add('stamped', stamped, { id: 42, values: stamp, maxAge: hour });
  await add('until_the_browser_closes', stamped, { id: 42, values: stamp });
  await add('unicode', { ok: true, user_id: 'Zoë ☕ 東京', data: { name: 'Zoë', price: 1.5, vip: true } },
    { id: 'Zoë ☕ 東京', maxAge: hour, values: { name: 'Zoë', price: 1.5, vip: true } });
  await add('long', { ok: true, user_id: '42' }, { id: 42, maxAge: hour, values: { cart: Array.from({ length: 300 }, (_, i) => ({ sku: `SKU-${i}`, qty: i })) } });
  await add('leading_zero', { ok: true, user_id: '042' }, { id: '042', maxAge: hour });
  await add('own_prefix', { ok: true, user_id: '42' }, { id: 42, maxAge: hour, prefix: 'shop:s:' });
  await add('previous_secret', { ok: true, user_id: '42' }, { id: 42, maxAge: hour, signedBy: ['an older secret'], secrets: [KEY, 'an even older one', 'an older secret'] });
  await add('unknown_secret', { ok: false }, { id: 42, maxAge: hour, signedBy: ['an older secret'] });
  await add('anonymous', { ok: true, anonymous: true }, { values: { cart: 1 }, maxAge: hour });
  await add('logged_out', { ok: false }, { id: 42, values: stamp, then: ['/logout'], maxAge: hour });
  await add('float', { ok: false }, { id: 42.5, maxAge: hour });
  await add('beyond_2_53', { ok: false }, { id: 1e21, maxAge: hour, note: 'JavaScript writes it 1e+21' });
  await add('boolean', { ok: false }, { id: true, maxAge: hour });
  await add('object', { ok: false }, { id: { id: 42, name: 'Zoë' }, maxAge: hour });
  await add('path_into_the_object', { ok: true, user_id: '42' }, { id: { id: 42, name: 'Zoë' }, user: 'passport.user.id', maxAge: hour });
  await add('own_key', { ok: true, user_id: '42' }, { values: { account: { id: '42' } }, user: 'account.id', maxAge: hour });
  await add('rolling', { ok: true, user_id: '42' }, { id: 42, rolling: true, maxAge: 2500, then: [2000, '/touch', 2000, '/touch'],
    note: 'the row has the end of when it was made; the store knows better' });
  console.log(JSON.stringify(cases));
  await client.quit();
})();
