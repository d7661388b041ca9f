// The simulated phone as a newcomer uses it: everything by clicks, nothing by the control API. And WeChat's own browser.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { desktop, numberOf, Person, shoot, startChromium, startDemo, state, until } from './support.mjs';

let demo, chrome;

before(async () => {
  [demo, chrome] = await Promise.all([startDemo(), startChromium()]);
});
after(async () => {
  await chrome?.close();
  assert.equal(await demo?.stop(), 0, 'the demo ends cleanly');
});
afterEach(() => Promise.all(chrome.contexts().map((context) => context.close())));

test('a newcomer plays the phone with the mouse', async () => {
  const site = await desktop(chrome);
  const phone = await site.context().newPage();
  await site.goto(demo.rp + '/login/demo-web');
  await state(site, 'waiting');
  await phone.goto(demo.simulator);
  await phone.waitForURL(/#p1/); // the first visit makes the first person
  await phone.goto(demo.simulator + '/#p1/scan');
  await phone.locator('.shutter').first().click();
  await phone.locator('.card .main').first().click();
  const link = phone.locator('.bubble a').first();
  await link.waitFor();
  await shoot(phone, 'desktop-simulator-chat');
  const [confirm] = await Promise.all([site.context().waitForEvent('page'), link.click()]);
  await confirm.waitForSelector('button[name=decline]');
  await confirm.click(`button[name=number][value="${await numberOf(site)}"]`);
  await confirm.fill('input[type=tel]', '13900000001');
  await confirm.locator('form:has(input[type=tel]) button[type=submit]').first().click();
  await confirm.waitForSelector('input[autocomplete=one-time-code]');
  const sent = await until('the text message', async () => {
    const all = await (await fetch(demo.simulator + '/sim/sms?to=%2B8613900000001&since=0')).json();
    return all.at(-1);
  });
  await confirm.fill('input[autocomplete=one-time-code]', sent.code);
  await confirm.locator('form:has(input[autocomplete=one-time-code]) button[type=submit]').first().click();
  await site.bringToFront();
  await state(site, 'confirmed');
  await site.click('button[name=approve]');
  await state(site, 'signed-in');
});

test('the site opened inside WeChat: no code, no number, one tap', async () => {
  const hua = await Person.create(demo, chrome, '+8613900000002');
  await hua.call('POST', `/sim/people/${hua.id}/follow`, {});
  await hua.open(demo.rp + '/login/demo-web');
  await state(hua.page, 'waiting');
  assert.equal(await hua.page.locator('[data-qr]:not([data-qr=""])').count(), 0, 'a phone cannot scan its own screen');
  await shoot(hua.page, 'wechat-login');
  await hua.page.locator('form[action$="/continue"] button').first().click();
  await hua.page.waitForSelector('button[name=approve]');
  assert.equal(await hua.page.locator('button[name=number]').count(), 0);
  await shoot(hua.page, 'wechat-confirm');
  await hua.page.click('button[name=approve]');
  await hua.bind();
  await until('the way back to the login', async () => {
    if (await hua.page.locator('[data-state="signed-in"]').count()) return true;
    const on = hua.page.locator('a[href*="/login/"], form[action$="/continue"] button').first();
    if (await on.count()) await on.click().catch(() => {});
    return false;
  });
  assert.match(await hua.page.textContent('#claims'), /\+8613900000002/);
});
