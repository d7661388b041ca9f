// The small parts that the phone's views are made of. Everything becomes text, never markup.
import { word } from './words.js';
import { inBrowser } from './actions.js';

// h makes an element: its attributes and listeners, then its children.
export function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', '#i-' + name);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

export const button = (kind, label, click, more = {}) => h('button', { type: 'button', class: kind, click, ...more }, label);

// avatar is the first character of a name on a colour that belongs to the key.
export function avatar(name, key, kind = '') {
  let sum = 0;
  for (const c of key) sum = (sum * 31 + c.codePointAt(0)) % 997;
  return h('span', { class: 'avatar c' + (sum % 6) + ' ' + kind, 'aria-hidden': 'true' }, [...(name || '?')][0].toUpperCase());
}

export function empty(name, title, more, ...actions) {
  return h('div', { class: 'empty' }, h('span', { class: 'empty-mark' }, icon(name)), h('b', {}, title), h('p', {}, more), actions);
}

const two = (n) => String(n).padStart(2, '0');

export function clock(seconds) {
  const d = new Date(seconds * 1000);
  return two(d.getHours()) + ':' + two(d.getMinutes());
}

// link opens in a tab of its own, in the built-in browser of this person.
export function link(url, ...children) {
  return h('a', { href: inBrowser(url), target: '_blank', rel: 'noopener noreferrer' }, children);
}

// lines is the chat: what each side said, with the time where there was a pause.
export function lines(messages, person, account) {
  let before = 0;
  return messages.map((m) => {
    const time = m.at - before > 300 ? h('div', { class: 'when' }, clock(m.at)) : null;
    before = m.at;
    return [time, line(m, person, account)];
  });
}

function line(m, person, account) {
  if (m.kind === 'note') return h('div', { class: 'when' }, word(m.text) || m.text);
  if (m.kind === 'fault') return h('div', { class: 'when fault' }, m.text);
  const own = m.kind === 'own';
  const parts = m.parts.map((p) => (p.url ? link(p.url, p.text) : p.text));
  const face = own ? avatar(person.name, person.id, 'round') : avatar(account.display_name, account.name);
  return h('div', { class: own ? 'line own' : 'line' }, face, h('div', { class: 'bubble ' + m.kind }, parts));
}
