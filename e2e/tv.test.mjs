// A TV and a phone: the code on the TV's screenshot is read by zbar and scanned by the simulated phone.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { desktop, Person, shoot, shots, startChromium, startDemo, state, until, violations } from './support.mjs';

let demo, chrome;

before(async () => {
  [demo, chrome] = await Promise.all([startDemo('lifetimes: {device_interval: 1s}\n'), startChromium()]);
});
after(async () => {
  await chrome?.close();
  assert.equal(await demo?.stop(), 0, 'the demo ends cleanly');
});
afterEach(() => Promise.all(chrome.contexts().map((context) => context.close())));

async function tv(query = '', from = demo) {
  const page = await desktop(chrome, { viewport: { width: 1920, height: 1080 }, reducedMotion: 'reduce' });
  await page.goto(from.tv + query);
  await state(page, 'waiting');
  await page.waitForFunction(() => document.getElementById('tv').getAttribute('data-qr-kind') && document.getElementById('qr').complete);
  return page;
}

// screenQR is the text that zbar reads from a screenshot of the page.
async function screenQR(page, name) {
  await shoot(page, name);
  return execFileSync('zbarimg', ['--quiet', '--raw', join(shots, name + '.png')], { encoding: 'utf8' }).trim();
}

async function scanText(person, qr) {
  const got = await person.call('POST', `/sim/people/${person.id}/scan`, { qr });
  if (got.outcome === 'follow_prompt') await person.call('POST', `/sim/people/${person.id}/follow`, { account: got.account });
  return got;
}

test('first login on a TV: one scan, follow, approve, bind', async () => {
  const page = await tv(), wang = await Person.create(demo, chrome, '+8613700000001');
  assert.deepEqual(await violations(page), []);
  assert.deepEqual(await page.evaluate(() => document.getAnimations().map((a) => a.animationName)), [], 'nothing moves for people who prefer that');
  const qr = await screenQR(page, 'tv-waiting');
  assert.match(qr, /^http:\/\/weixin\.qq\.com\/q\//, "the Official Account's own code");
  await scanText(wang, qr);
  assert.ok(await page.locator('[data-state=waiting]').count(), 'a scan alone claims nothing');
  await wang.openLink();
  await shoot(wang.page, 'phone-tv-confirm');
  const shown = await page.getAttribute('#tv', 'data-user-code');
  assert.ok((await wang.page.textContent('body')).includes(shown), 'the phone shows the code of the TV to compare');
  assert.equal(await wang.page.locator('button[name=number]').count(), 0);
  await wang.page.click('button[name=approve]');
  await wang.bind();
  await wang.page.waitForLoadState();
  await shoot(wang.page, 'phone-tv-done');
  await state(page, 'signed-in');
  await shoot(page, 'tv-signed-in');
  assert.deepEqual(await violations(page), []);
  assert.match(await page.textContent('#phone'), /137\*+0001/);
  await page.keyboard.press('Enter'); // the sign-out button has the focus
  await state(page, 'waiting');
});

test('decline on the phone', async () => {
  const page = await tv(), li = await Person.create(demo, chrome, '+8613700000002');
  await scanText(li, await screenQR(page, 'tv-waiting-again'));
  await li.openLink();
  await li.page.click('button[name=decline]');
  await state(page, 'declined');
  await shoot(page, 'tv-declined');
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Enter');
  await state(page, 'waiting');
});

test('a code that runs out is renewed in silence, then the TV waits for a key', async () => {
  const brief = await startDemo('lifetimes: {device_interval: 1s}\n', '--tv-code-life', '6s');
  try {
    const page = await tv('/?renew=1', brief), late = await Person.create(brief, chrome, '+8613700000006');
    const seen = new Set(), codes = new Set();
    const first = await screenQR(page, 'tv-renewal-first');
    await until('the end of the second code', async () => {
      const now = await page.locator('#tv').evaluate((e) => [e.dataset.state, e.dataset.userCode]);
      seen.add(now[0]);
      if (now[1]) codes.add(now[1]);
      return now[0] === 'expired';
    });
    assert.deepEqual([...seen], ['waiting', 'expired'], 'the renewal was not seen');
    assert.equal(codes.size, 2);
    await shoot(page, 'tv-expired');
    assert.deepEqual(await violations(page), []);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'retry');

    assert.equal((await scanText(late, first)).outcome, 'expired', 'the picture lives as long as its code');
    await late.open(`${brief.issuer}/device?user_code=${[...codes][0]}`);
    assert.equal(await late.page.locator('button[name=approve]').count(), 0, 'and the code alone leads nowhere');
    await page.keyboard.press('Enter');
    await state(page, 'waiting');
    assert.ok(!codes.has(await page.getAttribute('#tv', 'data-user-code')), 'a third code');
    await page.keyboard.press('Escape');
    await state(page, 'cancelled');
    assert.deepEqual(await violations(page), []);
    assert.deepEqual(page.faults, []);
  } finally {
    assert.equal(await brief.stop(), 0);
  }
});

test("a stranger's decline beside the owner locks nobody out", async () => {
  const page = await tv(), owner = await Person.create(demo, chrome, '+8613700000003'), stranger = await Person.create(demo, chrome, '+8613700000004');
  const qr = await screenQR(page, 'tv-waiting-two');
  await scanText(owner, qr);
  await scanText(stranger, qr);
  await owner.openLink();
  await stranger.openLink();
  await stranger.page.click('button[name=decline]');
  await owner.page.click('button[name=approve]');
  await owner.bind();
  await state(page, 'signed-in');
  assert.match(await page.textContent('#phone'), /137\*+0003/);
});

test('the code typed on a third device, by somebody who is signed in there', async () => {
  const page = await tv(), zhao = await Person.create(demo, chrome, '+8613700000005');
  const computer = await desktop(chrome, { viewport: { width: 360, height: 740 } });
  await computer.goto(demo.rp + '/login/demo-web');
  await zhao.login(computer, { bind: true });
  await computer.click('button[name=approve]');
  await state(computer, 'signed-in');

  const code = await page.getAttribute('#tv', 'data-user-code');
  await computer.goto(demo.issuer + '/device');
  await shoot(computer, 'mobile-device-code');
  assert.equal(await computer.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, 'nothing to scroll sideways at 360 px');
  await computer.fill('input[name=user_code]', code.toLowerCase().replace('-', ''));
  await computer.keyboard.press('Enter');
  await computer.waitForSelector('button[name=approve]');
  await shoot(computer, 'mobile-device-confirm');
  assert.ok(await page.locator('[data-state=waiting]').count(), 'a session alone approves nothing');
  await computer.click('button[name=approve]');
  await state(page, 'signed-in');
  assert.match(await page.textContent('#phone'), /137\*+0005/);
});

test('a wrong code is refused in words', async () => {
  const computer = await desktop(chrome);
  await computer.goto(demo.issuer + '/device');
  await computer.fill('input[name=user_code]', 'BBBB-BBBB');
  const [answer] = await Promise.all([computer.waitForResponse((r) => r.request().method() === 'POST'), computer.keyboard.press('Enter')]);
  await computer.waitForLoadState();
  assert.ok(answer.status() >= 400, 'a wrong code is an error');
  await computer.waitForSelector('input[name=user_code]');
  await shoot(computer, 'desktop-device-wrong');
  assert.equal(await computer.locator('button[name=approve]').count(), 0);
});
