'use strict';
// Coatcheck's sessions in Express, with passport or without it. README.md beside this file
// says how to set it up.

const { randomBytes } = require('node:crypto');

const RETRY_AFTER = '5'; // seconds
const MAX_ANSWER = 64 << 10; // bytes
const USER_AGENT = 'Coatcheck-Middleware'; // firewalls refuse programs that have none
// A token: three parts of base64url, or four if tokens are signed.
const TOKEN = /^[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{22})?$/;

/**
 * Returns the middleware that makes the user of our cookie req.user. It stands after what
 * reads the session: express-session, and passport.session() if there is one.
 *
 * @param {object} settings
 * @param {string} settings.origin where Coatcheck answers, such as https://app.example.com
 * @param {'also'|'only'} settings.mode whether the sessions of this application sign in too
 * @param {number} [settings.timeout] how many seconds an answer may take
 * @param {string} [settings.cookie] the name of our cookie
 * @param {Function} [settings.user] (who, req) => the user, or a promise of it, that
 *   whoami's answer is about; nothing if there is none
 * @param {string|string[]} [settings.loginPath] the login pages of this application
 * @param {string|string[]} [settings.logoutPath] where users sign out of it
 */
module.exports = function coatcheck(settings) {
  const { mode, user = (who) => ({ id: who.user_id, ...who }) } = settings;
  if (mode !== 'also' && mode !== 'only') throw new Error(`Coatcheck's mode must be also or only, not ${mode}`);
  const ask = asker(settings);
  const loginPaths = paths(settings.loginPath);
  const logoutPaths = paths(settings.logoutPath);

  return async function coatcheck(req, res, next) {
    const ours = new Ours(ask, hide(req, ask.cookie));
    beforeHeaders(res, () => ours.complete(res));
    const path = canonical(req.path);
    if (mode === 'only' && loginPaths.has(path)) return res.redirect(303, loginPage(req.query.next));
    try {
      await ours.identify();
      if (logoutPaths.has(path) && req.method !== 'OPTIONS') await ours.end();
      if (ours.who) req.user = (await user(ours.who, req)) ?? undefined;
      else if (mode === 'only') req.user = undefined;
    } catch (error) {
      return next(error);
    }
    req.coatcheck = handle(ours, req);
    if (req.logIn) watchLogIn(req, ours);
    next();
  };
};

/** What the application sees of our session. */
const handle = (ours, req) => ({
  /** whoami's answer, or null. */
  who: ours.who,
  /**
   * Ends our session, which may be another user's, and stamps this application's. Without
   * passport, call it at each sign-in, after req.session.regenerate and before the user is
   * put into the session. In an outage it rejects: then nobody may be signed in.
   */
  async signIn() {
    await ours.end();
    stamp(req.session);
  },
});

/** Makes passport's req.logIn do what signIn does. */
function watchLogIn(req, ours) {
  const logIn = req.logIn;
  req.login = req.logIn = function (user, options, done) {
    if (typeof options === 'function') [options, done] = [{}, options];
    if (options?.session === false) return logIn.call(req, user, options, done);
    const stamped = (error) => {
      if (!error) stamp(req.session); // passport has made a new one
      done(error);
    };
    // setImmediate, so that what the application throws does not reject the promise.
    ours.end().then(() => setImmediate(() => logIn.call(req, user, options, stamped)), done);
  };
}

/** Tells one sign-in from all others, and when it was. */
function stamp(session) {
  session.coatcheck_stamp = `${randomBytes(16).toString('base64url')}.${Math.floor(Date.now() / 1000)}`;
}

/** Our cookie in one request. */
class Ours {
  #ask;
  #values;
  #failed = false;
  #ended = false;
  who = null;

  constructor(ask, values) {
    this.#ask = ask;
    this.#values = values;
  }

  /** Learns who is calling, if there is one cookie of ours. */
  async identify() {
    if (this.#values.length !== 1 || !TOKEN.test(this.#values[0])) return;
    const { status, body } = await this.#fetch('GET', '/whoami', this.#values);
    if (status === 401) return;
    const who = status === 200 ? parse(body) : null;
    if (typeof who?.user_id !== 'string' || !who.user_id) {
      throw this.#outage(`GET /whoami answered ${status}, and not who is calling`);
    }
    this.who = who;
  }

  /** Ends the sessions of all cookies of ours. */
  async end() {
    if (this.#ended || !this.#values.length) return;
    const tokens = this.#values.filter((value) => TOKEN.test(value));
    if (tokens.length) {
      const { status } = await this.#fetch('POST', '/logout', tokens);
      if (status !== 204) throw this.#outage(`POST /logout answered ${status}, not 204`);
    }
    this.#ended = true;
  }

  async #fetch(method, path, tokens) {
    try {
      return await this.#ask(method, path, tokens);
    } catch (error) {
      throw this.#outage(`${method} ${path}: ${error.cause?.code ?? error.message}`);
    }
  }

  #outage(message) {
    this.#failed = true;
    return Object.assign(new Error(`coatcheck: ${message}`), { status: 503, statusCode: 503, headers: { 'Retry-After': RETRY_AFTER } });
  }

  /** Completes the headers of the answer. */
  complete(res) {
    res.setHeader('Vary', vary(text(res.getHeader('Vary'))));
    if (this.#failed) {
      res.setHeader('Cache-Control', 'no-store');
      if (!res.hasHeader('Retry-After')) res.setHeader('Retry-After', RETRY_AFTER);
    } else if (this.who || this.#ended) {
      res.setHeader('Cache-Control', asPrivate(text(res.getHeader('Cache-Control'))));
    }
    if (this.#ended) res.appendHeader('Set-Cookie', `${this.#ask.cookie}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax`);
  }
}

/** Returns a function that sends cookies of ours, and nothing else of a request, to Coatcheck. */
function asker({ origin, timeout = 2, cookie = '__Host-SESSIONID' }) {
  if (!/^https?:$/.test(new URL(origin).protocol) || new URL(origin).origin !== origin.replace(/\/$/, '')) {
    throw new Error(`Coatcheck's origin must be like https://app.example.com, not ${origin}`);
  }
  const ask = async (method, path, tokens) => {
    const answer = await fetch(new URL(path, origin), {
      method,
      headers: { Accept: 'application/json', 'User-Agent': USER_AGENT, Cookie: tokens.map((token) => `${cookie}=${token}`).join('; ') },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeout * 1000), // of the whole answer
    });
    const chunks = [];
    let size = 0;
    for await (const chunk of answer.body ?? []) {
      if ((size += chunk.length) > MAX_ANSWER) throw new Error(`more than ${MAX_ANSWER} bytes`);
      chunks.push(chunk);
    }
    return { status: answer.status, body: Buffer.concat(chunks).toString() };
  };
  return Object.assign(ask, { cookie });
}

/** Takes our cookie out of the request, and returns its different values. */
function hide(req, name) {
  const { values, rest } = take(req.headers.cookie ?? '', name);
  if (rest) req.headers.cookie = rest;
  else delete req.headers.cookie;
  if (req.headersDistinct?.cookie) req.headersDistinct.cookie = rest ? [rest] : [];
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    if (req.rawHeaders[i].toLowerCase() === 'cookie') req.rawHeaders[i + 1] = take(req.rawHeaders[i + 1], name).rest;
  }
  for (const parsed of [req.cookies, req.signedCookies]) if (parsed) delete parsed[name];
  return values;
}

/** Returns the different values of the cookie, and the Cookie header without it. */
function take(header, name) {
  const values = new Set();
  const others = [];
  for (const untrimmed of header.split(';')) {
    const part = untrimmed.replace(/^[ \t]+|[ \t]+$/g, '');
    if (part.startsWith(`${name}=`)) values.add(part.slice(name.length + 1));
    else if (part) others.push(part);
  }
  return { values: [...values], rest: others.join('; ') };
}

/** Calls change when the headers of the answer are about to be sent. */
function beforeHeaders(res, change) {
  const writeHead = res.writeHead;
  res.writeHead = function (status, reason, headers) {
    if (typeof reason !== 'string') [reason, headers] = [undefined, headers ?? reason];
    if (Array.isArray(headers)) {
      const flat = Array.isArray(headers[0]) ? headers.flat() : headers;
      for (let i = 0; i < flat.length; i += 2) res.removeHeader(flat[i]);
      for (let i = 0; i < flat.length; i += 2) res.appendHeader(flat[i], flat[i + 1]);
    } else {
      for (const [name, value] of Object.entries(headers ?? {})) res.setHeader(name, value);
    }
    res.writeHead = writeHead;
    change();
    return reason === undefined ? writeHead.call(res, status) : writeHead.call(res, status, reason);
  };
}

function vary(header) {
  const fields = list(header);
  const has = fields.some((field) => ['*', 'cookie'].includes(field.toLowerCase()));
  return (has ? fields : [...fields, 'Cookie']).join(', ');
}

function asPrivate(header) {
  const directives = list(header).filter((directive) => directive.toLowerCase() !== 'public');
  const strict = directives.some((directive) => ['private', 'no-store'].includes(directive.toLowerCase()));
  return (strict ? directives : ['private', ...directives]).join(', ');
}

const list = (header) => header.split(',').map((part) => part.trim()).filter(Boolean);
const text = (header) => [header ?? []].flat().join(', ');
const paths = (setting) => new Set([setting ?? []].flat().map(canonical));
// Express serves /Logout/ by the route /logout.
const canonical = (path) => path.toLowerCase().replace(/(.)\/+$/, '$1');

/** Returns the address of Coatcheck's login page, from which a user comes back to next, a path of this site. */
function loginPage(next) {
  if (typeof next !== 'string' || !/^\/(?![/\\])[^\\\u0000-\u0020\u007f]*$/.test(next)) return '/login';
  return `/login?next=${encodeURIComponent(next)}`;
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
