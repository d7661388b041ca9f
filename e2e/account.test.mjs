// The account page in a real browser: sessions, the change of the phone number, languages, and the "not me" page.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { desktop, Person, shoot, startChromium, startDemo, state, until, violations } from './support.mjs';

let demo, chrome;

before(async () => {
  [demo, chrome] = await Promise.all([startDemo(), startChromium()]);
});
after(async () => {
  await chrome?.close();
  assert.equal(await demo?.stop(), 0, 'the demo ends cleanly');
});
afterEach(async () => {
  for (const context of chrome.contexts()) {
    for (const page of context.pages()) assert.deepEqual(page.faults ?? [], [], page.url());
    await context.close();
  }
});

// signIn goes to the site and through the whole login.
async function signIn(page, person, { bind = false, known = false } = {}) {
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  await person.login(page, { bind });
  if (!known) await page.click('button[name=approve]');
  await state(page, 'signed-in');
}

const account = (page) => page.goto(demo.issuer + '/account');

// sessions are the rows of the signed-in browsers.
const sessions = (page) => page.locator('form[action="/account/sessions"]');

// newest waits for a code to the number, after the one with this n.
const newest = (number, after = 0) => until('a text message', async () => {
  const all = await (await fetch(`${demo.simulator}/sim/sms?to=${encodeURIComponent(number)}&since=${after}`)).json();
  return all.at(-1);
});

const submit = (page, field) => page.locator(`form:has(${field}) button[type=submit]`).first().click();

// notice waits for the chat's next notice and returns its link.
async function notice(person) {
  const message = await until('a notice in the chat', async () => (await person.messages()).findLast((m) => m.links?.some((l) => l.includes('/phone/notice/'))));
  person.read = message.n;
  return message.links.find((l) => l.includes('/phone/notice/'));
}

test('one session is signed out, and then all of them', async () => {
  const lin = await Person.create(demo, chrome, '+8613500000001');
  const here = await desktop(chrome), other = await desktop(chrome);
  await signIn(here, lin, { bind: true });
  await signIn(other, lin);
  await account(here);
  await here.waitForSelector('h1');
  assert.match(await here.textContent('.facts'), /135\*\*\*\*0001/);
  assert.equal(await sessions(here).count(), 2);
  await shoot(here, 'desktop-account');
  await here.locator('.things li:not(:has(.badge)) form[action="/account/sessions"] button').click();
  await until('the row is gone', async () => await sessions(here).count() === 1);
  await account(other);
  await state(other, 'waiting'); // asked to sign in

  await signIn(other, lin, { known: true });
  await account(here);
  await here.locator('form[action="/account/sign-out"] button').click();
  await here.waitForURL(/\/logged-out/);
  for (const page of [here, other]) {
    await account(page);
    await state(page, 'waiting');
  }
});

test('the language is switched, and stays', async () => {
  const he = await Person.create(demo, chrome, '+8613500000002');
  const page = await desktop(chrome);
  await signIn(page, he, { bind: true });
  await account(page);
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN');
  assert.equal(await page.textContent('h1'), '我的账号');
  await page.click('footer a[hreflang=en]');
  await page.waitForSelector('html[lang=en]');
  assert.equal(await page.textContent('h1'), 'My account');
  await page.click('a[href^="/phone/change"]');
  assert.equal(await page.textContent('h1'), 'Change your phone number');
  await account(page);
  assert.equal(await page.textContent('h1'), 'My account');
});

test('the number is changed by a code to the old one, at 360 px and without script', async () => {
  const wei = await Person.create(demo, chrome, '+8613500000003');
  const page = await desktop(chrome);
  await signIn(page, wei, { bind: true });
  const bound = await newest(wei.phone);
  const plain = await desktop(chrome, { viewport: { width: 360, height: 740 }, javaScriptEnabled: false, storageState: await page.context().storageState() });
  const fits = async () => assert.ok(await plain.evaluate(() => document.documentElement.scrollWidth) <= 360, 'nothing is wider than the screen');

  await account(plain);
  await plain.click('a[href^="/phone/change"]');
  await fits();
  await plain.click('button[name=sms]');
  await plain.fill('input[autocomplete=one-time-code]', (await newest(wei.phone, bound.n)).code);
  await submit(plain, 'input[autocomplete=one-time-code]');
  await fits();
  await plain.fill('input[type=tel]', '136 0000 0003');
  await submit(plain, 'input[type=tel]');
  const sent = await newest('+8613600000003');
  await plain.fill('input[autocomplete=one-time-code]', sent.code === '000000' ? '111111' : '000000');
  await submit(plain, 'input[autocomplete=one-time-code]');
  await plain.waitForSelector('[role=alert]');
  await plain.fill('input[autocomplete=one-time-code]', sent.code);
  await submit(plain, 'input[autocomplete=one-time-code]');
  await plain.waitForSelector('h1:has-text("手机号已更换")');
  assert.match(await plain.textContent('main'), /136\*\*\*\*0003/);
  await plain.click('a[href="/account"]');
  assert.match(await plain.textContent('.facts'), /136\*\*\*\*0003/);

  await page.goto(demo.rp + '/login/demo-web'); // single sign-on
  await state(page, 'signed-in');
  assert.match(await page.textContent('#claims'), /\+8613600000003/);
});

test('the number is changed by a confirmation in WeChat, and "not me" takes it back', async () => {
  const ning = await Person.create(demo, chrome, '+8613500000004', { locale: 'en' });
  const page = await desktop(chrome, { locale: 'en' }), other = await desktop(chrome, { locale: 'en' });
  await signIn(other, ning, { bind: true });
  await signIn(page, ning);
  await account(page);
  await page.click('a[href^="/phone/change"]');
  assert.deepEqual(await violations(page), []);
  await page.click('button[name=wechat]');
  await state(page, 'waiting');
  await ning.scan(page);
  await ning.openLink();
  await ning.page.waitForSelector('button[name=decline]');
  assert.match(await ning.page.textContent('h1'), /change phone number/);
  await ning.choose(await page.locator('[data-number]:not([data-number="0"])').first().getAttribute('data-number'));
  await page.waitForURL(/\/phone\/change/);
  await page.fill('input[type=tel]', '13600000004');
  await submit(page, 'input[type=tel]');
  await page.waitForSelector('input[autocomplete=one-time-code]');
  assert.deepEqual(await violations(page), []);
  await page.fill('input[autocomplete=one-time-code]', (await newest('+8613600000004')).code);
  await submit(page, 'input[autocomplete=one-time-code]');
  await page.waitForSelector('h1:has-text("Your number is changed")');
  await shoot(page, 'desktop-phone-changed');
  await account(other);
  await state(other, 'waiting'); // the other browser is signed out

  await ning.open(await notice(ning));
  await ning.page.waitForSelector('button[name=revoke]');
  assert.match(await ning.page.textContent('main'), /phone number .* was changed/);
  assert.deepEqual(await violations(ning.page), []);
  await shoot(ning.page, 'phone-not-me');
  await ning.page.click('button[name=revoke]');
  await ning.page.waitForSelector('[data-end=disowned_phone]');
  await account(page);
  await state(page, 'waiting'); // everything is signed out
});

test('"not me" signs a new browser out', async () => {
  const kai = await Person.create(demo, chrome, '+8613500000005');
  const page = await desktop(chrome);
  await signIn(page, kai, { bind: true });
  await kai.open(await notice(kai));
  await kai.page.waitForSelector('button[name=keep]');
  await kai.page.click('button[name=revoke]');
  await kai.page.waitForSelector('[data-end=disowned]');
  await account(page);
  await state(page, 'waiting');
});
