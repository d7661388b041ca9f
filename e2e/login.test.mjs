// The whole flow in Chromium: a desktop page, a phone page and the relying party, each with its own cookies.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { desktop, numberOf, Person, shoot, startChromium, startDemo, state, until } from './support.mjs';

let demo, chrome, pages = [];

before(async () => {
  [demo, chrome] = await Promise.all([startDemo(), startChromium()]);
});
after(async () => {
  await chrome?.close();
  assert.equal(await demo?.stop(), 0, 'the demo ends cleanly');
});
afterEach(async () => {
  for (const page of pages) {
    assert.deepEqual(page.faults, [], 'no script error, nothing refused by the policy');
    await page.context().close();
  }
  pages = [];
});

async function computer(options) {
  const page = await desktop(chrome, options);
  pages.push(page);
  return page;
}

async function person(phone, options) {
  const p = await Person.create(demo, chrome, phone, options);
  pages.push(p.page);
  return p;
}

test('first login: scan, follow, choose the number, bind the phone', async () => {
  const page = await computer(), wang = await person('+8613800000001');
  await page.goto(demo.rp);
  await shoot(page, 'desktop-site');
  await page.click('#login-demo-web');
  await state(page, 'waiting');
  await shoot(page, 'desktop-login-waiting');
  await wang.scan(page);
  await state(page, 'scanned');
  await shoot(page, 'desktop-login-scanned');
  await wang.openLink();
  await shoot(wang.page, 'phone-confirm');
  await wang.choose(await numberOf(page));
  await wang.bind((name) => shoot(wang.page, name));
  await wang.page.waitForLoadState();
  await shoot(wang.page, 'phone-done');
  await state(page, 'confirmed');
  await shoot(page, 'desktop-login-continue-as');
  assert.match(await page.textContent('[data-state=confirmed]'), /138\*+0001/, 'a person who is new to this browser is named');
  await page.click('button[name=approve]');
  await state(page, 'signed-in');
  await shoot(page, 'desktop-site-signed-in');
  const claims = await page.textContent('#claims');
  assert.match(claims, /\+8613800000001/);
  assert.match(claims, /"wechat","sms"/);
});

test('second login in the same browser: no follow, no phone, no click', async () => {
  const page = await computer(), li = await person('+8613800000002');
  await page.goto(demo.rp + '/login/demo-web');
  await li.login(page, { bind: true });
  await page.click('button[name=approve]');
  await state(page, 'signed-in');
  await page.click('button[name=logout]');
  await state(page, 'signed-out');

  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  const got = await li.scan(page);
  assert.equal(got.outcome, 'event', 'the person follows already');
  await li.openLink();
  await li.choose(await numberOf(page));
  await state(page, 'signed-in');
  assert.match(await page.textContent('#claims'), /\["wechat"\]/, 'the phone was not proven in this login');
});

test('a person who comes back is in with the scan alone, in this browser', async () => {
  const page = await computer(), zheng = await person('+8613800000007');
  await page.goto(demo.rp + '/login/demo-web');
  await zheng.login(page, { bind: true });
  await page.click('button[name=approve]');
  await state(page, 'signed-in');

  const comeBack = async () => {
    await page.context().clearCookies({ name: 'qiao_session' }); // its time is over
    await page.goto(demo.rp + '/login/demo-web');
    await state(page, 'waiting');
    assert.doesNotMatch(await page.textContent('body'), /138\*+0007/, 'before the scan the page names nobody');
    await zheng.scan(page);
  };
  await comeBack();
  await state(page, 'signed-in');
  assert.match(await page.textContent('#claims'), /urn:qiao:acr:scan/);
  const told = await until('the answer to the scan', async () => (await zheng.messages()).findLast((m) => m.text.includes('不需要再确认')));
  assert.match(told.text, /Chrome/);

  const other = await computer();
  await other.goto(demo.rp + '/login/demo-web');
  await state(other, 'waiting');
  await zheng.scan(other);
  await state(other, 'scanned');
  assert.match(await numberOf(other), /^\d\d$/, 'another browser takes the number');

  await zheng.open(told.links[0]);
  await zheng.page.click('button[name=revoke]');
  await zheng.page.waitForSelector('[data-end=disowned]');
  await page.goto(demo.rp + '/login/demo-web?prompt=none');
  assert.match(await page.textContent('#error'), /login_required/, 'not me: it is out');
  await comeBack();
  await state(page, 'scanned');
});

test('decline on the phone', async () => {
  const page = await computer(), zhao = await person('+8613800000003');
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  await zhao.scan(page);
  await zhao.openLink();
  await zhao.page.click('button[name=decline]');
  await zhao.page.waitForLoadState();
  await shoot(zhao.page, 'phone-declined');
  await state(page, 'declined');
  await shoot(page, 'desktop-login-declined');
});

test('a wrong number ends the attempt', async () => {
  const page = await computer(), sun = await person('+8613800000004');
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  await sun.scan(page);
  await sun.openLink();
  const right = await numberOf(page);
  const wrong = await sun.page.locator(`button[name=number]:not([value="${right}"])`).first().getAttribute('value');
  await sun.choose(wrong);
  await sun.page.waitForLoadState();
  await shoot(sun.page, 'phone-wrong-number');
  await state(page, 'declined');
  await shoot(page, 'desktop-login-wrong-number');
});

test('single sign-on to a second client, consent for a third party, logout', async () => {
  const page = await computer(), zhou = await person('+8613800000005');
  await page.goto(demo.rp + '/login/demo-web');
  await zhou.login(page, { bind: true });
  await page.click('button[name=approve]');
  await state(page, 'signed-in');

  await page.click('#login-demo-app');
  await state(page, 'signed-in');
  assert.match(await page.textContent('[data-state=signed-in]'), /demo-app/, 'the company\'s own: at once');

  await page.click('#login-demo-partner');
  await page.waitForSelector('button[name=decline]');
  await shoot(page, 'desktop-consent');
  await page.click('button[name=approve]');
  await state(page, 'signed-in');
  assert.match(await page.textContent('[data-state=signed-in]'), /demo-partner/);
  await page.click('#login-demo-partner');
  await state(page, 'signed-in');
  assert.ok(page.url().startsWith(demo.rp), 'asked once');

  await page.goto(demo.issuer + '/end_session');
  await shoot(page, 'desktop-logout');
  await page.click('button[name=approve]');
  await page.waitForLoadState();
  await shoot(page, 'desktop-logged-out');
  await page.goto(demo.rp + '/login/demo-web?prompt=none');
  assert.match(await page.textContent('#error'), /login_required/);
});

test('English, dark, and the simulated phone', async () => {
  const page = await computer({ locale: 'en-GB', colorScheme: 'dark' }), wu = await person('+8613800000006', { locale: 'en-GB', colorScheme: 'dark' });
  await page.goto(demo.rp + '/login/demo-partner');
  await state(page, 'waiting');
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  await shoot(page, 'desktop-login-waiting-en-dark');
  await wu.scan(page);
  await wu.openLink();
  assert.equal(await wu.page.getAttribute('html', 'lang'), 'en');
  await shoot(wu.page, 'phone-confirm-en-dark');
  await page.goto(demo.simulator);
  await shoot(page, 'desktop-simulator');
});

test('an ordinary mobile browser', async () => {
  const page = await computer({
    viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true,
    userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
  });
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  await shoot(page, 'mobile-login-waiting');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(wide, false, 'nothing to scroll sideways at 360 px');
});
