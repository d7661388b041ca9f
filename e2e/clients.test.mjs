// A client library in another language as a real client: npm's openid-client, which discovers, checks and polls by itself.
// And an app with a scheme of its own, which gets its answer by a button.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, afterEach, before, test } from 'node:test';
import * as client from 'openid-client';
import { desktop, Person, shoot, startChromium, startDemo, until, violations } from './support.mjs';

const readerURI = 'com.example.reader:/callback';
const yaml = `
lifetimes: {device_interval: 1s}
clients:
  - {client_id: reader, name: Reader, public: true, native: true, first_party: true, redirect_uris: ["${readerURI}"]}
`;

let demo, chrome;

before(async () => {
  [demo, chrome] = await Promise.all([startDemo(yaml), startChromium()]);
});
after(async () => {
  await chrome?.close();
  assert.equal(await demo?.stop(), 0, 'the demo ends cleanly');
});
afterEach(() => Promise.all(chrome.contexts().map((context) => context.close())));

// discover makes the library's view of the provider. It wants https but for this demo, and checks signatures as well.
function discover(id, authentication) {
  return client.discovery(new URL(demo.issuer), id, undefined, authentication, { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] });
}

// pictureText is what zbar reads from the picture that a TV would show.
async function pictureText(url) {
  const png = Buffer.from(await (await fetch(url)).arrayBuffer());
  return execFileSync('zbarimg', ['--quiet', '--raw', '-'], { input: png, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] }).trim();
}

async function onPhone(person, device, button) {
  const got = await person.call('POST', `/sim/people/${person.id}/scan`, { qr: await pictureText(device.qiao_wechat_qr + '.png') });
  if (got.outcome === 'follow_prompt') await person.call('POST', `/sim/people/${person.id}/follow`, { account: got.account });
  await person.openLink();
  assert.ok((await person.page.textContent('body')).includes(device.user_code));
  await person.page.click(`button[name=${button}]`);
}

test('the device flow: discovery, polling, tokens, userinfo, renewal, revocation', async () => {
  const config = await discover('demo-tv', client.None()), wei = await Person.create(demo, chrome, '+8613500000001');
  const device = await client.initiateDeviceAuthorization(config, { scope: 'openid profile phone offline_access', device_name: 'Library' });
  assert.ok(device.verification_uri_complete.endsWith(device.user_code));
  const polled = client.pollDeviceAuthorizationGrant(config, device); // pending meanwhile, at the interval that was told
  await onPhone(wei, device, 'approve');
  await wei.bind();
  const tokens = await polled, claims = tokens.claims();
  assert.equal(claims.phone_number, '+8613500000001');
  assert.equal(claims.iss, demo.issuer);
  assert.deepEqual(claims.amr, ['wechat', 'sms']);
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.preferred_username, claims.preferred_username);

  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(renewed.claims().sub, claims.sub);
  await client.tokenRevocation(config, renewed.refresh_token);
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(client.fetchUserInfo(config, renewed.access_token, claims.sub));
});

test('the device flow, declined', async () => {
  const config = await discover('demo-tv', client.None()), lu = await Person.create(demo, chrome, '+8613500000002');
  const device = await client.initiateDeviceAuthorization(config, { scope: 'openid' });
  const refused = assert.rejects(client.pollDeviceAuthorizationGrant(config, device), { error: 'access_denied' });
  await onPhone(lu, device, 'decline');
  await refused;
});

// ask is an authorization request with everything that the library checks the answer against.
async function ask(config, redirectURI, scope) {
  const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: redirectURI, scope, state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier), code_challenge_method: 'S256',
  });
  return { url: url.href, checks };
}

test('the code flow with PKCE, for a client with a secret', async () => {
  const { client_secret: secret } = demo.clients.find((one) => one.client_id === 'demo-web');
  const page = await desktop(chrome), he = await Person.create(demo, chrome, '+8613500000003');
  let answer; // the demo's site gets it too, and refuses it: it did not ask
  page.on('request', (request) => { if (request.url().startsWith(demo.rp + '/callback?')) answer = new URL(request.url()); });
  for (const authentication of [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)]) {
    const config = await discover('demo-web', authentication);
    const { url, checks } = await ask(config, demo.rp + '/callback', 'openid profile phone offline_access');
    await page.goto(url);
    if (!answer) {
      await he.login(page, { bind: true });
      await page.click('button[name=approve]');
    }
    await page.waitForSelector('#error');
    await assert.rejects(client.authorizationCodeGrant(config, answer, { ...checks, expectedState: 'another' }), 'the library does check');
    const tokens = await client.authorizationCodeGrant(config, answer, checks);
    const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    assert.equal(info.phone_number, '+8613500000003');
    assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, true);
    assert.equal((await client.refreshTokenGrant(config, tokens.refresh_token)).claims().sub, info.sub);
    await assert.rejects(client.authorizationCodeGrant(config, answer, checks), { error: 'invalid_grant' }, 'a code is good once');
    assert.equal((await client.tokenIntrospection(config, tokens.access_token)).active, false, 'and its replay ends what it led to');
  }
  assert.deepEqual(page.faults, []);
});

test('an app with a scheme of its own: its answer waits behind a button', async () => {
  const page = await desktop(chrome, { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }), meng = await Person.create(demo, chrome, '+8613500000004');
  const config = await discover('reader', client.None()), tries = [];
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Page.enable');
  devtools.on('Page.frameRequestedNavigation', ({ url }) => { if (url.startsWith(readerURI)) tries.push(url); });
  for (const first of [true, false]) {
    const { url, checks } = await ask(config, readerURI, 'openid phone');
    await page.goto(url);
    if (first) {
      await meng.login(page, { bind: true });
      await page.click('button[name=approve]');
    }
    await page.waitForSelector('[data-app=signed_in] #app');
    assert.doesNotMatch(page.url(), /code=/, 'the code is in no address that stays');
    assert.deepEqual(await violations(page), []);
    if (first) await shoot(page, 'mobile-return-to-app');
    const answer = await page.getAttribute('#app', 'href');
    await until('a try by itself', () => tries.length);
    assert.deepEqual(tries.splice(0), [answer], 'once');
    assert.deepEqual(page.faults.filter((fault) => /Content Security Policy/i.test(fault)), [], 'no policy stands in the way');
    const tokens = await client.authorizationCodeGrant(config, new URL(answer), checks);
    assert.equal(tokens.claims().phone_number, '+8613500000004');
  }
});

test('the same button without script, for an answer that is an error', async () => {
  const page = await desktop(chrome, { javaScriptEnabled: false });
  const config = await discover('reader', client.None()), { url, checks } = await ask(config, readerURI, 'openid');
  await page.goto(url);
  await page.locator('form[action^="/authorize/cancel"] button').click();
  const answer = new URL(await page.getAttribute('[data-app=not_signed_in] #app', 'href'));
  await assert.rejects(client.authorizationCodeGrant(config, answer, checks), { error: 'access_denied' });
});
