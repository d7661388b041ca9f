// What assistive technology gets. axe-core finds nothing on any page: each page of the gallery in each of its states, in
// both languages, light and dark, on a desktop and at 360 px. (tv.test.mjs looks at the TV's screens as it comes to them.)
// The accessibility tree of the main pages is in aria/; UPDATE=1 writes it anew.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { axe, startChromium, violations } from './support.mjs';

const desktop = { width: 1280, height: 900 }, phone = { width: 360, height: 740 };

// A page is loaded once. Its words and roles are the same in every look: what a look can change is asked again, in the
// first language.
const looks = [
  { name: 'desktop, light', size: desktop, colorScheme: 'light' },
  { name: 'desktop, dark', size: desktop, colorScheme: 'dark', rules: ['color-contrast'] },
  { name: '360 px, dark', size: phone, colorScheme: 'dark' },
  { name: '360 px, light', size: phone, colorScheme: 'light', rules: ['color-contrast'] },
];

let chrome, gallery;

before(async () => {
  [chrome, gallery] = await Promise.all([startChromium(), startGallery()]);
});
after(async () => {
  await chrome?.close();
  gallery?.stop();
});

function startGallery() {
  const child = spawn(new URL('../bin/gallery', import.meta.url).pathname, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error('the gallery ended: ' + code)));
    child.stdout.once('data', (line) => resolve({ url: String(line).trim(), stop: () => child.kill() }));
  });
}

test('the gallery has nothing that axe-core finds', async () => {
  // Transitions would be seen half-way; and a page that goes on by itself stays for the look.
  const context = await chrome.newContext({ bypassCSP: true, reducedMotion: 'reduce' });
  await context.addInitScript({ content: await axe() + ';HTMLFormElement.prototype.submit = function () {};' });
  const index = await context.newPage();
  await index.goto(gallery.url);
  const samples = await index.locator('a').evaluateAll((links) => links.map((a) => a.href));
  assert.ok(samples.length > 160, 'every sample in both languages');
  for (const name of ['login-waiting', 'login-expired', 'login-scanned', 'consent', 'confirm-far', 'code-wrong', 'account', 'failure-unavailable']) {
    samples.push(`${gallery.url}branded/zh-CN/${name}`); // an operator's colour, logo and links
  }
  const found = [];
  await Promise.all([1, 2].map(async () => {
    const page = await context.newPage(), order = [...looks];
    let now = {};
    for (let sample = samples.pop(); sample; sample = samples.pop(), order.reverse()) { // to and fro: fewer changes
      await page.goto(sample);
      for (const look of order.filter((one) => !one.rules || sample.includes('/zh-CN/'))) {
        if (look.size !== now.size) await page.setViewportSize(look.size);
        if (look.colorScheme !== now.colorScheme) await page.emulateMedia({ colorScheme: look.colorScheme });
        now = look;
        for (const one of await violations(page, look.rules)) found.push(`${new URL(sample).pathname} (${look.name}): ${one}`);
      }
    }
  }));
  assert.deepEqual(found, []);
});

test('the check bites', async () => {
  const page = await (await chrome.newContext()).newPage();
  await page.setContent('<!doctype html><html><body><main><h1>x</h1><p style="color: #999; background: #fff">pale</p><input><a href="/" style="display: inline-block; width: 9px">a</a><a href="/">b</a></main>');
  const ids = new Set((await violations(page)).map((v) => v.split(':')[0]));
  for (const id of ['color-contrast', 'document-title', 'html-has-lang', 'label', 'target-size']) assert.ok(ids.has(id), id);
  assert.deepEqual(new Set((await violations(page, ['color-contrast'])).map((v) => v.split(':')[0])), new Set(['color-contrast']));
});

const pages = ['login-waiting', 'login-scanned', 'login-continue-as', 'login-expired', 'confirm-far', 'number-invalid', 'code-wrong', 'consent',
  'device-code-wrong', 'device-confirm', 'app-return', 'failure-unavailable', 'home'];

test('the accessibility tree of the main pages', async () => {
  const page = await (await chrome.newContext({ locale: 'en' })).newPage();
  for (const name of pages) {
    const file = new URL(`./aria/${name}.yaml`, import.meta.url);
    await page.goto(`${gallery.url}page/en/${name}`);
    assert.equal(await page.locator('h1').count(), 1, name);
    for (const id of await page.locator('[aria-describedby]').evaluateAll((all) => all.flatMap((e) => e.getAttribute('aria-describedby').split(' ')))) {
      assert.notEqual((await page.textContent('#' + id)).trim(), '', `${name}: ${id} says something`);
    }
    const tree = (await page.locator('body').ariaSnapshot() + '\n').replace(/\d+ s$/m, 'N s'); // a countdown runs
    if (process.env.UPDATE) await writeFile(file, tree);
    assert.equal(tree, await readFile(file, 'utf8').catch(() => ''), name);
  }
});

test('nothing moves for people who prefer that', async () => {
  for (const [reducedMotion, moves] of [['reduce', false], ['no-preference', true]]) {
    const page = await (await chrome.newContext({ reducedMotion })).newPage();
    await page.goto(`${gallery.url}page/en/login-loading`);
    const moving = await page.evaluate(() => document.getAnimations().filter((a) => a.effect.getComputedTiming().duration > 0).map((a) => a.animationName));
    assert.equal(moving.length > 0, moves, `${reducedMotion}: ${moving}`);
    const transition = await page.locator('.button').first().evaluate((e) => getComputedStyle(e).transitionDuration);
    assert.equal(transition !== '0s', moves, reducedMotion);
  }
});
