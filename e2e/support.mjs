// What the browser tests share: a demo of their own, Chromium, and a person with a phone.
import { spawn } from 'node:child_process';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from 'playwright-core';

export const shots = new URL('./shots/', import.meta.url).pathname;
const desktopView = { width: 1280, height: 900 };
const phoneView = { width: 390, height: 844 };
const weChat = 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0 Mobile Safari/537.36 MicroMessenger/8.0.50.2701';

// startDemo runs `qiao demo` on free ports and returns its ready file; stop ends it and returns its exit code.
export async function startDemo(yaml = '', ...flags) {
  const dir = await mkdtemp(join(tmpdir(), 'qiao-e2e-'));
  const args = ['demo', '--provider-port', '0', '--simulator-port', '0', '--rp-port', '0', '--tv-port', '0', '--ready-file', join(dir, 'ready.json'), ...flags];
  if (yaml) {
    await writeFile(join(dir, 'own.yaml'), yaml);
    args.push('--config', join(dir, 'own.yaml'));
  }
  const child = spawn(new URL('../bin/qiao', import.meta.url).pathname, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text) => { log += text; });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const ready = await until('the demo is ready', async () => {
    if (child.exitCode !== null) throw new Error('the demo ended: ' + log);
    return readFile(join(dir, 'ready.json'), 'utf8').then(JSON.parse, () => null);
  });
  return {
    ...ready,
    log: () => log,
    async stop() {
      child.kill('SIGINT');
      const code = await ended;
      await rm(dir, { recursive: true, force: true });
      return code;
    },
  };
}

// until calls probe until it returns something true.
export async function until(what, probe, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(50)) {
    const got = await probe();
    if (got) return got;
  }
  throw new Error('waited in vain: ' + what);
}

export async function startChromium() {
  await mkdir(shots, { recursive: true });
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

// watch fails the test's page on script errors and on anything that its policy refuses.
function watch(page) {
  page.faults = [];
  page.on('pageerror', (error) => page.faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text())) page.faults.push(message.text());
  });
  return page;
}

// desktop is a new browser on a computer.
export async function desktop(chrome, options = {}) {
  const context = await chrome.newContext({ viewport: desktopView, locale: 'zh-CN', ...options });
  return watch(await context.newPage());
}

// Person is somebody with WeChat: the control API moves the phone, and its pages open in a phone's browser.
export class Person {
  static async create(demo, chrome, phone, options = {}) {
    const p = new Person();
    Object.assign(p, { demo, phone, read: 0 });
    p.id = (await p.call('POST', '/sim/people', {})).id;
    const context = await chrome.newContext({ viewport: phoneView, deviceScaleFactor: 2, isMobile: true, hasTouch: true, locale: 'zh-CN', userAgent: weChat, ...options });
    p.page = watch(await context.newPage());
    return p;
  }

  async call(method, path, body) {
    const answer = await fetch(this.demo.simulator + path, {
      method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? null : answer.json().catch(() => null);
  }

  // scan scans the code that the page shows, and follows where that is asked for.
  async scan(page) {
    const qr = await page.locator('[data-qr]').first().getAttribute('data-qr');
    const got = await this.call('POST', `/sim/people/${this.id}/scan`, { qr });
    if (got.outcome === 'follow_prompt') await this.call('POST', `/sim/people/${this.id}/follow`, { account: got.account });
    return got;
  }

  messages() {
    return this.call('GET', `/sim/people/${this.id}/messages?since=${this.read}`);
  }

  // openLink opens the link of the newest answer to a scan in WeChat's browser; notices of earlier logins have links too.
  async openLink() {
    const message = await until('a link in the chat', async () => (await this.messages()).findLast((m) => m.links?.length && !m.links[0].includes('/phone/notice/')));
    this.read = message.n;
    await this.open(message.links[0]);
    return message.links[0];
  }

  open(url) {
    return this.page.goto(`${this.demo.simulator}/sim/people/${this.id}/browser?url=${encodeURIComponent(url)}`);
  }

  choose(number) {
    return this.page.click(`button[name=number][value="${number}"]`);
  }

  // bind types the phone number and the code of the text message.
  async bind(shot = async () => {}) {
    await this.page.fill('input[type=tel]', this.phone);
    await shot('phone-number');
    await this.page.locator('form:has(input[type=tel]) button[type=submit]').first().click();
    await this.page.waitForSelector('input[autocomplete=one-time-code]');
    const sent = await until('a text message', async () => (await this.call('GET', `/sim/sms?to=${encodeURIComponent(this.phone)}&since=0`)).at(-1));
    await this.page.fill('input[autocomplete=one-time-code]', sent.code);
    await shot('phone-code');
    await this.page.locator('form:has(input[autocomplete=one-time-code]) button[type=submit]').first().click();
  }

  // login takes a page that shows the QR code through the whole login.
  async login(page, { bind = false } = {}) {
    await this.scan(page);
    await this.openLink();
    await this.choose(await numberOf(page));
    if (bind) await this.bind();
  }
}

// numberOf waits for the number that the login page shows.
export async function numberOf(page) {
  const element = page.locator('[data-number]:not([data-number=""]):not([data-number="0"])').first();
  await element.waitFor();
  return element.getAttribute('data-number');
}

// violations is what axe-core finds on the page as it stands, one a line; with rules, by these rules alone.
export async function violations(page, rules) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(await axe());
  return page.evaluate(async (only) => {
    const found = await window.axe.run(document, {
      preload: false, // style sheets are linked, and small: fetching them again doubles the time
      resultTypes: ['violations'],
      ...(only ? { runOnly: only } : { rules: { 'target-size': { enabled: true } } }),
    });
    return found.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${[...n.any, ...n.all, ...n.none].map((c) => c.message).join('; ')}`));
  }, rules);
}

let axeSource;
export const axe = () => axeSource ??= readFile(new URL('./node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

export const state = (page, name) => page.waitForSelector(`[data-state="${name}"]`);

export const shoot = (page, name) => page.screenshot({ path: join(shots, name + '.png'), fullPage: false });
