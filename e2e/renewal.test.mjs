// Pictures that run out, pages that are hidden, and a browser without script.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { desktop, numberOf, Person, shoot, startChromium, startDemo, state, until } from './support.mjs';

let demo, chrome;

before(async () => {
  [demo, chrome] = await Promise.all([startDemo('lifetimes: {picture: 4s, attempt: 5m}\n'), startChromium()]);
});
after(async () => {
  await chrome?.close();
  assert.equal(await demo?.stop(), 0, 'the demo ends cleanly');
});
afterEach(() => Promise.all(chrome.contexts().map((context) => context.close())));

const codeOf = (page) => page.locator('[data-qr]').first().getAttribute('data-qr', { timeout: 1000 }).catch(() => null);

test('the picture renews itself twice, then stops; a refresh by hand voids it', async () => {
  const page = await desktop(chrome), qian = await Person.create(demo, chrome, '+8613800000011');
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  const codes = new Set();
  await until('the last picture runs out', async () => {
    const code = await codeOf(page);
    if (code) codes.add(code);
    return page.locator('[data-state=expired]').count();
  }, 40);
  assert.equal(codes.size, 3, 'one picture and two renewals');
  await shoot(page, 'desktop-login-expired');

  const [first] = codes;
  await page.locator('form[action$="/refresh"] button').first().click();
  await state(page, 'waiting');
  const late = await qian.call('POST', `/sim/people/${qian.id}/scan`, { qr: first });
  if (late.outcome === 'follow_prompt') await qian.call('POST', `/sim/people/${qian.id}/follow`, { account: late.account });
  const reply = await until('an answer in the chat', async () => (await qian.messages()).at(-1));
  assert.equal(reply.links?.length ?? 0, 0, 'a refreshed code leads nowhere');
  assert.ok(await page.locator('[data-state=waiting]').count(), 'and changes nothing on the page');
  assert.deepEqual(page.faults, []);
});

test('a renewed picture signs in, and an earlier one of the same attempt does too', async () => {
  const page = await desktop(chrome), chen = await Person.create(demo, chrome, '+8613800000012');
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  const first = await codeOf(page);
  await until('a renewal', async () => (await codeOf(page)) !== first, 20);
  const got = await chen.call('POST', `/sim/people/${chen.id}/scan`, { qr: first });
  if (got.outcome === 'follow_prompt') await chen.call('POST', `/sim/people/${chen.id}/follow`, { account: got.account });
  await chen.openLink();
  await chen.choose(await numberOf(page));
  await chen.bind();
  await page.click('button[name=approve]');
  await state(page, 'signed-in');
});

test('nothing polls while the page is hidden', async () => {
  const page = await desktop(chrome);
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  let polls = 0;
  page.on('request', (request) => { if (request.url().includes('/state')) polls++; });
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { get: () => window.isHidden, configurable: true });
    Object.defineProperty(document, 'visibilityState', { get: () => (window.isHidden ? 'hidden' : 'visible'), configurable: true });
    window.isHidden = true;
    document.dispatchEvent(new Event('visibilitychange'));
  });
  polls = 0;
  await pause(6000);
  assert.equal(polls, 0, 'hidden: silent');
  await page.evaluate(() => { window.isHidden = false; document.dispatchEvent(new Event('visibilitychange')); });
  await until('it polls again', () => polls > 0);
});

test('a browser without script: the page reloads itself, and one form continues', async () => {
  const page = await desktop(chrome, { javaScriptEnabled: false }), xu = await Person.create(demo, chrome, '+8613800000013');
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  await xu.scan(page);
  await xu.openLink();
  await page.reload();
  await xu.choose(await numberOf(page));
  await xu.bind();
  await page.reload();
  await state(page, 'confirmed');
  await page.click('button[name=approve]');
  await state(page, 'signed-in');
});
