// An OpenID provider for tests, by npm's oidc-provider. Its users are invented, and their
// password stands on its own login page.
//
// The one argument is a JSON object: the port, the folder with oidc-provider, the client, and
// the password of the users. It prints "ready" when it serves.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const { port, packages, client, password } = JSON.parse(process.argv[2]);
const { Provider, interactionPolicy, errors } = await import(pathToFileURL(`${packages}/oidc-provider/lib/index.js`));
const issuer = `http://127.0.0.1:${port}`;

const users = {
  alice: { name: 'Alice Anders', groups: ['admins', 'swimmers'], tenant: 'Lantern Books' },
  bob: { name: 'Bob Berg', groups: ['staff'] },
};

let generation = 0;

function newKey() {
  generation += 1;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: `key-${generation}`, use: 'sig', alg: 'RS256' };
}

// Providers share what they keep, which is in the memory of oidc-provider's own adapter. So
// a new one with another key goes on where the one before was.
function newProvider(key) {
  const provider = new Provider(issuer, {
    clients: [{
      ...client,
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    jwks: { keys: [key] },
    cookies: { keys: ['an-invented-key-of-a-provider-for-tests'], long: { httpOnly: true, sameSite: 'lax' }, short: { httpOnly: true, sameSite: 'lax' } },
    claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'groups', 'tenant'], email: ['email'] },
    conformIdTokenClaims: false, // so that the ID token has the claims
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource },
    },
    interactions: { policy: interactionPolicy.base(), url: (_, interaction) => `/interaction/${interaction.uid}` },
    ttl: { Interaction: 600, Session: 3600, Grant: 3600, IdToken: 600, AccessToken: 600, AuthorizationCode: 60 },
    renderError,
    // Its own fetch refuses to post notices to this machine.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    async findAccount(_, sub) {
      return users[sub] && {
        accountId: sub,
        claims: () => ({ sub, preferred_username: sub, email: `${sub}@example.com`, ...users[sub] }),
      };
    },
    // Whoever has signed in consents.
    async loadExistingGrant(ctx) {
      const { client: { clientId }, session: { accountId } } = ctx.oidc;
      const id = ctx.oidc.result?.consent?.grantId ?? ctx.oidc.session.grantIdFor(clientId);
      const grant = (id && await ctx.oidc.provider.Grant.find(id)) || new ctx.oidc.provider.Grant({ clientId, accountId });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
  });
  provider.on('server_error', (_, error) => console.error(error));
  provider.on('backchannel.error', (_, error) => console.error('backchannel', error));
  return provider;
}

let provider = newProvider(newKey());
let handle = provider.callback();

const page = (title, content) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<style>body{font:16px sans-serif;max-width:26rem;margin:3rem auto;background:#eef}form{margin:1rem 0}label,input{display:block;margin:.5rem 0}</style></head>
<body><h1>${title}</h1>${content}</body></html>`;

function logoutSource(ctx, form) {
  ctx.body = page('Leave Example ID?', `${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">Yes, log me out</button>`);
}

function postLogoutSuccessSource(ctx) {
  ctx.body = page('You have left Example ID', '');
}

function renderError(ctx, out) {
  ctx.type = 'html';
  ctx.body = page('Example ID refuses', `<pre>${JSON.stringify(out)}</pre>`);
}

const escape = (text) => String(text ?? '').replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

async function interaction(request, response) {
  const { uid, prompt, params } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    const why = prompt.reasons.includes('no_session') ? '' : '<p>Please show again that it is you.</p>';
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(page('Example ID', `${why}<form method="post" action="/interaction/${uid}">
<label>User <input name="user" value="${escape(params.login_hint)}" autocomplete="off"></label>
<label>Password <input name="password" type="password"></label>
<p>The password of alice and of bob is "${password}".</p>
<button name="answer" value="yes">Continue</button> <button name="answer" value="no">Cancel</button></form>`));
    return;
  }
  let body = '';
  for await (const part of request) body += part;
  const form = new URLSearchParams(body);
  let result = { error: 'access_denied', error_description: 'the user has cancelled' };
  if (form.get('answer') === 'yes') {
    const user = form.get('user');
    if (!Object.hasOwn(users, user) || form.get('password') !== password) {
      response.statusCode = 401;
      response.end(page('Example ID', 'That is wrong.'));
      return;
    }
    result = { login: { accountId: user } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const server = createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/rotate') {
    provider = newProvider(newKey());
    handle = provider.callback();
    response.end();
    return;
  }
  if (request.url.startsWith('/interaction/')) {
    interaction(request, response).catch((error) => {
      console.error(error);
      response.statusCode = error instanceof errors.SessionNotFound ? 400 : 500;
      response.end(page('Example ID', 'This sign-in is over.'));
    });
    return;
  }
  handle(request, response);
});
server.listen(port, '127.0.0.1', () => console.log('ready'));
