// Prints vectors of cookie-session, as a JSON list of cases: node cookie_session.js.
//
// Run it once for each set of releases, in a folder of its own:
//   express@4.18.2 cookie-session@2.0.0
//   express@4.21.2 cookie-session@2.1.0
// All keys are invented. merge.py puts the lists into one file.
const path = require('path');
const need = (name) => require(require.resolve(name, { paths: [process.cwd()] }));
const version = (name) => JSON.parse(require('fs').readFileSync(path.join(process.cwd(), 'node_modules', name, 'package.json'))).version;
const [express, session] = ['express', 'cookie-session'].map(need);
const VERSIONS = ['cookie-session', 'keygrip', 'cookies', 'express'].map((n) => `${n} ${version(n)}`).join(' ');
const STAMP = 'q0tV3Yy1zJk5cUeS9bXhWw';
const KEY = `an invented key of ${version('cookie-session')}`;

(async () => {
  const serve = (keys, name, user) => new Promise((resolve) => {
    const app = express();
    app.use(session({ keys, name }));
    app.post('/set', express.json(), (req, res) => { Object.assign(req.session, req.body); res.end(); });
    app.get('/whoami', (req, res) => {
      const at = user.split('.').reduce((v, k) => (v == null ? v : v[k]), req.session);
      res.end(at === undefined || at === null ? '' : typeof at === 'object' ? JSON.stringify(at) : String(at));
    });
    const server = app.listen(0, () => resolve({ at: `http://localhost:${server.address().port}`, close: () => server.close() }));
  });
  const cases = [];
  async function add(name, expect, values, o = {}) {
    const [keys, cookie, user] = [o.keys || [KEY], o.cookie || 'session', o.user || 'userId'];
    const signer = await serve(o.signedBy || keys, o.signedFor || cookie, user);
    const reader = await serve(keys, cookie, user);
    const set = await fetch(`${signer.at}/set`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(values) });
    const cookies = Object.fromEntries(set.headers.getSetCookie().map((line) => {
      const pair = line.split(';')[0];
      return [pair.slice(0, pair.indexOf('=')).replace(o.signedFor || cookie, cookie), pair.slice(pair.indexOf('=') + 1)];
    }));
    if (o.without) delete cookies[cookie + o.without];
    const header = Object.entries(cookies).map(([k, v]) => `${k}=${v}`).join('; ');
    const answer = await (await fetch(`${reader.at}/whoami`, { headers: { cookie: header } })).text();
    cases.push({ name, versions: VERSIONS, cookies, cookie_name: cookie, keys, user, framework_user: answer, note: o.note, expect });
    signer.close(); reader.close();
  }
  const stamp = { coatcheck_stamp: `${STAMP}.1764000000` };
  const good = { ok: true, user_id: '42' };
  await add('stamped', { ...good, identity: `stamp:${STAMP}`, signed_in_at: 1764000000, expires_at: 0 }, { userId: 42, ...stamp });
  await add('no_stamp', { ...good, identity: '', signed_in_at: 0 }, { userId: 42 });
  await add('passport', good, { passport: { user: 42 } }, { user: 'passport.user' });
  await add('unicode', { ok: true, user_id: 'Zoë ☕ 東京', data: { name: 'Zoë' } }, { userId: 'Zoë ☕ 東京', name: 'Zoë' });
  await add('long', good, { userId: 42, cart: Array.from({ length: 60 }, (_, i) => ({ sku: `SKU-${i}`, qty: i })) });
  await add('leading_zero', { ok: true, user_id: '042' }, { userId: '042' });
  await add('own_name', good, { userId: 42 }, { cookie: 'shop' });
  await add('previous_key', good, { userId: 42 }, { signedBy: ['an older key'], keys: [KEY, 'an even older one', 'an older key'] });
  await add('unknown_key', { ok: false }, { userId: 42 }, { signedBy: ['an older key'] });
  await add('signed_for_another_cookie', { ok: false }, { userId: 42 }, { signedFor: 'other' });
  await add('no_signature', { ok: false }, { userId: 42 }, { without: '.sig' });
  await add('anonymous', { ok: true, anonymous: true }, { cart: 1 });
  await add('float', { ok: false }, { userId: 42.5 });
  await add('boolean', { ok: false }, { userId: true });
  await add('object', { ok: false }, { userId: { id: 42 } });
  console.log(JSON.stringify(cases));
})();
