// A first login by the keyboard alone, on the computer and on the phone: every stop is seen, and every change is said.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { desktop, numberOf, Person, startChromium, startDemo, state, until, violations } from './support.mjs';

let demo, chrome;

before(async () => {
  [demo, chrome] = await Promise.all([startDemo(), startChromium()]);
});
after(async () => {
  await chrome?.close();
  assert.equal(await demo?.stop(), 0, 'the demo ends cleanly');
});
afterEach(() => Promise.all(chrome.contexts().map((context) => context.close())));

// tabTo presses Tab until the element has the focus; on the way, and there, the focus must be seen.
async function tabTo(page, selector) {
  for (let stops = 0; stops < 20; stops++) {
    await page.keyboard.press('Tab');
    const stop = await page.evaluate((wanted) => {
      const e = document.activeElement, style = getComputedStyle(e), around = e.closest('.field'), box = e.getBoundingClientRect();
      const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 || around && getComputedStyle(around).boxShadow !== 'none';
      return { at: e.outerHTML.slice(0, 120), body: e === document.body, seen: ring && box.width > 0 && box.bottom > 0 && box.top < innerHeight, there: e.matches(wanted) };
    }, selector);
    if (stop.body) continue; // past the last one, the browser itself has it
    assert.ok(stop.seen, 'the focus is not seen: ' + stop.at);
    if (stop.there) return;
  }
  assert.fail('never reached: ' + selector);
}

const focused = (page) => page.evaluate(() => document.activeElement.textContent.trim());

test('a first login by keyboard alone', async () => {
  const page = await desktop(chrome, { locale: 'en' }), wu = await Person.create(demo, chrome, '+8613600000001', { locale: 'en' });
  const phone = wu.page;
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true, 'nothing is pressed in advance');

  await wu.scan(page);
  await state(page, 'scanned');
  const number = await numberOf(page);
  await until('it is said', async () => (await page.getByRole('status').filter({ hasText: number }).count()) === 1);
  assert.match(await page.getByRole('status').filter({ hasText: number }).textContent(), /Scanned, continue on your phone/);
  assert.equal(await focused(page), 'Scanned, continue on your phone', 'the focus is on the new heading');

  await wu.openLink();
  await tabTo(phone, `button[name=number][value="${number}"]`);
  await phone.keyboard.press('Space');

  await phone.waitForSelector('input[type=tel]');
  await tabTo(phone, 'input[type=tel]');
  await phone.keyboard.type('123');
  await phone.keyboard.press('Enter');
  await phone.waitForSelector('[aria-invalid=true]');
  assert.deepEqual(await violations(phone), []);
  const field = phone.getByRole('textbox', { name: 'Phone number' });
  assert.equal(await field.evaluate((e) => e === document.activeElement), true, 'what was refused has the focus');
  assert.match(await field.evaluate((e) => e.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' ')), /not a valid phone number/);
  await phone.keyboard.press('Control+A');
  await phone.keyboard.type(wu.phone);
  await phone.keyboard.press('Enter');

  await phone.waitForSelector('input[autocomplete=one-time-code]');
  await tabTo(phone, 'input[autocomplete=one-time-code]');
  const sent = await until('a text message', async () => (await wu.call('GET', `/sim/sms?to=${encodeURIComponent(wu.phone)}&since=0`)).at(-1));
  await phone.keyboard.type(sent.code === '000000' ? '111111' : '000000');
  await phone.keyboard.press('Enter');
  await phone.waitForSelector('[aria-invalid=true]');
  const code = phone.getByRole('textbox', { name: '6-digit code' });
  assert.equal(await code.evaluate((e) => e === document.activeElement), true);
  assert.match(await phone.getByRole('alert').textContent(), /not right/);
  await phone.keyboard.type(sent.code);
  await phone.keyboard.press('Enter');

  await state(page, 'confirmed');
  assert.match(await focused(page), /^Sign in as 136\*+0001\?$/, 'the page has changed, and the focus is on what it asks');
  await tabTo(page, 'button[name=approve]');
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Enter');
  await state(page, 'signed-in');
});

test('a decline is said, and the way on is a Tab away', async () => {
  const page = await desktop(chrome, { locale: 'en' }), shi = await Person.create(demo, chrome, '+8613600000002', { locale: 'en' });
  await page.goto(demo.rp + '/login/demo-web');
  await state(page, 'waiting');
  await shi.scan(page);
  await shi.openLink();
  await tabTo(shi.page, 'button[name=decline]');
  await shi.page.keyboard.press('Enter');
  await state(page, 'declined');
  assert.equal(await focused(page), 'The sign-in was declined');
  await tabTo(page, 'form[action$="/refresh"] button');
  await page.keyboard.press('Space');
  await state(page, 'waiting');
});

// newest is the latest code to the number, after the one with this n.
const newest = (number, after = 0) => until('a text message', async () =>
  (await (await fetch(`${demo.simulator}/sim/sms?to=${encodeURIComponent(number)}&since=${after}`)).json()).at(-1));

const code = 'input[autocomplete=one-time-code]', other = (right) => right === '000000' ? '111111' : '000000';

// refused waits for the field that was refused: it has the focus, is marked, and what is wrong is said.
async function refused(page, name, words) {
  await page.waitForSelector('[aria-invalid=true]');
  const field = page.getByRole('textbox', { name });
  assert.equal(await field.evaluate((e) => e === document.activeElement), true, 'what was refused has the focus');
  assert.match(await page.getByRole('alert').textContent(), words);
  assert.match(await field.evaluate((e) => e.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' ')), words);
  assert.deepEqual(await violations(page), []);
}

test('another number by keyboard alone: old code, a refused number, one that somebody else has, and "not me"', async () => {
  const holder = await Person.create(demo, chrome, '+8613600000003', { locale: 'en' }), zu = await Person.create(demo, chrome, '+8613600000004', { locale: 'en' });
  for (const who of [holder, zu]) { // by the mouse: the login has its own test
    who.site = await desktop(chrome, { locale: 'en' });
    await who.site.goto(demo.rp + '/login/demo-web');
    await state(who.site, 'waiting');
    await who.login(who.site, { bind: true });
    await who.site.click('button[name=approve]');
    await state(who.site, 'signed-in');
  }
  const page = zu.site, bound = await newest(zu.phone), held = await newest(holder.phone);
  await page.goto(demo.issuer + '/account');
  await tabTo(page, 'a[href^="/phone/change"]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('button[name=sms]');
  await tabTo(page, 'button[name=sms]');
  await page.keyboard.press('Space');

  await page.waitForSelector(code);
  await tabTo(page, code);
  const old = (await newest(zu.phone, bound.n)).code;
  await page.keyboard.type(other(old));
  await page.keyboard.press('Enter');
  await refused(page, '6-digit code', /not right/);
  await page.keyboard.type(old);
  await page.keyboard.press('Enter');

  await page.waitForSelector('input[type=tel]');
  await tabTo(page, 'input[type=tel]');
  await page.keyboard.type(zu.phone);
  await page.keyboard.press('Enter');
  await refused(page, 'Phone number', /./); // it is theirs already
  await page.keyboard.press('Control+A');
  await page.keyboard.type(holder.phone);
  await page.keyboard.press('Enter');

  await page.waitForSelector(code);
  await tabTo(page, 'button[formaction$="/resend"], form[action$="/resend"] button, a[href*="number=1"]');
  await tabTo(page, code); // and round again, past the last stop
  await page.keyboard.type((await newest(holder.phone, held.n)).code);
  await page.keyboard.press('Enter');
  await page.waitForSelector('button[name=move]');
  assert.deepEqual(await violations(page), []);
  await tabTo(page, 'a[href*="number=1"]');
  await page.keyboard.press('Shift+Tab');
  await until('the button has the focus', () => page.evaluate(() => document.activeElement.matches('button[name=move]')));
  await page.keyboard.press('Enter');
  await page.waitForSelector('h1:has-text("Your number is changed")');
  assert.deepEqual(await violations(page), []);
  await tabTo(page, 'a[href="/account"]');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.facts');
  assert.match(await page.textContent('.facts'), /136\*+0003/);

  // The earlier holder is told, and the person can take it back.
  await until('the loss in the chat', async () => (await holder.messages()).some((m) => /136\*+0003/.test(m.text ?? '')));
  const told = await until('the change in the chat', async () => (await zu.messages()).find((m) => /更换了手机号/.test(m.text ?? '') && m.links?.length));
  await zu.open(told.links[0]);
  await zu.page.waitForSelector('button[name=revoke]');
  await tabTo(zu.page, 'button[name=revoke]');
  await zu.page.keyboard.press('Enter');
  await zu.page.waitForSelector('[data-end=disowned_phone]');
  assert.deepEqual([...page.faults, ...zu.page.faults], []);
});

test('the other pages of the demo: the site, the phone, and what is at no address', async () => {
  const page = await desktop(chrome);
  for (const url of [demo.rp, demo.simulator, demo.issuer, demo.issuer + '/nothing', demo.issuer + '/authorize?client_id=nobody']) {
    await page.goto(url);
    if (url === demo.simulator) await page.waitForURL(/#p1/);
    assert.deepEqual(await violations(page), [], url);
  }
  await page.goto(demo.rp);
  assert.deepEqual(await page.locator('a[id^=login-]').evaluateAll((all) => all.filter((a) => !a.textContent.trim()).map((a) => a.id)), [], 'every button says what it does');
});
