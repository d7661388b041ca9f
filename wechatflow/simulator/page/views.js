// The phone's views. Each says what its bar, body and foot show, and by what they change; only what changed is drawn.
import { word } from './words.js';
import * as act from './actions.js';
import { h, icon, button, avatar, empty, clock, link, lines } from './parts.js';

const { state } = act;
const at = (id) => document.getElementById(id);

const chats = {
  title: () => word('tabChats'),
  key: () => act.me() && [act.me().following, state.n],
  body() {
    const known = state.accounts.filter((a) => act.follows(a.name) || act.chatWith(a.name).length);
    if (!known.length) {
      return [empty('chat', word('noChats'), word('noChatsMore'), button('main', word('goScan'), () => act.go('scan')))];
    }
    return known.map((a) => {
      const line = act.chatWith(a.name).pop();
      const unread = act.unread(a.name);
      const text = !line ? '' : line.kind === 'note' ? word(line.text) : line.text;
      return button('row', [
        h('span', { class: 'row-face' }, avatar(a.display_name, a.name), unread ? h('i', { class: 'dot' }, unread) : null),
        h('span', { class: 'row-text' }, h('b', {}, a.display_name), h('small', {}, text)),
        h('time', {}, line ? clock(line.at) : ''),
      ], () => act.go('chat', a.name));
    });
  },
};

const chat = {
  back: 'chats',
  title: () => (act.account(state.arg) || {}).display_name || '',
  tools: () => [button('tool', icon('more'), () => act.go('card', state.arg), { 'aria-label': word('more') })],
  key: () => [state.arg, act.chatWith(state.arg).map((m) => m.n)],
  body: () => (act.account(state.arg) && act.me() ? [h('div', { class: 'chat' }, lines(act.chatWith(state.arg), act.me(), act.account(state.arg)))] : []),
  bottom: true,
  footKey: () => [state.arg, act.follows(state.arg), (act.account(state.arg) || {}).menu],
  foot() {
    const a = act.account(state.arg);
    if (!a) return [];
    if (!act.follows(a.name)) {
      return [h('div', { class: 'compose' }, h('span', { class: 'hint' }, word('notFollowing')), button('main small', word('toFollow'), () => act.go('card', a.name)))];
    }
    const text = h('input', { 'aria-label': word('say'), placeholder: word('say'), maxlength: 600, autocomplete: 'off' });
    const send = (e) => {
      e.preventDefault();
      if (text.value.trim()) act.say(a.name, text.value.trim());
      text.value = '';
    };
    const items = a.menu ? a.menu.button.flatMap((b) => (b.sub_button && b.sub_button.length ? b.sub_button : [b])) : [];
    return [
      items.length ? h('div', { class: 'menu' }, items.map((b) => button('', b.name, () => act.tapMenu(a.name, b)))) : null,
      h('form', { class: 'compose', submit: send }, text, h('button', { class: 'main small' }, word('send'))),
    ].filter(Boolean);
  },
};

const card = {
  back: 'chats',
  title: () => '',
  key: () => [state.arg, act.follows(state.arg), act.me() && act.me().prompt, state.busy],
  body() {
    const a = act.account(state.arg);
    if (!a || !act.me()) return [];
    const following = act.follows(a.name);
    return [h('div', { class: 'card' },
      avatar(a.display_name, a.name, 'big'),
      h('h2', {}, a.display_name),
      h('p', { class: 'kind' }, h('span', { class: 'verified' }, icon('check')), word('service')),
      h('p', { class: 'about' }, word('about')),
      act.me().prompt === a.name ? h('p', { class: 'from' }, icon('scan'), word('promptNote')) : null,
      following
        ? [button('main', word('enter'), () => act.go('chat', a.name)), button('quiet danger', word('unfollow'), () => act.unfollow(a.name), { disabled: state.busy })]
        : button('main', word('follow'), () => act.follow(a.name), { disabled: state.busy }))];
  },
};

const left = (c) => (c.expires_at ? word('expiresIn')(Math.max(0, c.expires_at - state.now)) : word('never'));
const nameOf = (c) => (act.account(c.account) || {}).display_name || c.account;

const scan = {
  dark: true,
  title: () => word('tabScan'),
  key: () => [state.codes.map((c) => c.qr), state.busy],
  body() {
    const [newest, ...older] = state.codes;
    const text = h('input', { 'aria-label': word('paste'), placeholder: word('paste'), autocomplete: 'off', spellcheck: 'false', value: scan.pasted });
    text.addEventListener('input', () => { scan.pasted = text.value; });
    const read = (e) => {
      e.preventDefault();
      const qr = text.value.trim();
      scan.pasted = '';
      if (qr) act.scan(qr);
    };
    return [h('div', { class: 'scan' },
      h('div', { class: newest ? 'finder' : 'finder idle' },
        newest
          ? h('img', { src: newest.picture, alt: word('onScreen') })
          : h('div', { class: 'nothing' }, h('b', {}, word('noCode')), h('p', {}, word('noCodeMore'))),
        h('i', { class: 'beam' }), ['a', 'b', 'c', 'd'].map((c) => h('i', { class: 'corner ' + c }))),
      newest ? h('p', { class: 'caption' }, h('b', {}, nameOf(newest)), h('span', { 'data-left': 0 }, left(newest))) : null,
      newest ? button('main shutter', [icon('scan'), word('scan')], () => act.scan(newest.qr), { disabled: state.busy }) : null,
      older.length ? h('div', { class: 'older' }, h('small', {}, word('older')), older.map((c, i) => button('chip',
        [h('img', { src: c.picture, alt: '' }), h('span', {}, nameOf(c), h('small', { 'data-left': i + 1 }, left(c)))],
        () => act.scan(c.qr), { disabled: state.busy }))) : null,
      h('form', { class: 'paste', submit: read }, text, h('button', { class: 'ghost' }, word('pasteGo'))))];
  },
  tick() {
    for (const node of at('body').querySelectorAll('[data-left]')) {
      const c = state.codes[node.dataset.left];
      if (c) node.textContent = left(c);
    }
  },
  pasted: '',
};

const page = {
  back: 'scan',
  title: () => word('webPage'),
  key: () => state.pageURL,
  body: () => [h('div', { class: 'card' }, h('span', { class: 'empty-mark' }, icon('link')), h('p', { class: 'about' }, word('openPageMore')),
    h('p', { class: 'address' }, state.pageURL), state.pageURL ? link(state.pageURL, h('span', { class: 'main as-button' }, word('openPage'))) : null)],
};

const sms = {
  title: () => word('tabSMS'),
  key: () => state.sms.map((m) => m.n),
  bottom: true,
  body: () => (!state.sms.length
    ? [empty('sms', word('noSMS'), word('noSMSMore'))]
    : [h('div', { class: 'texts' }, state.sms.map((m) => h('article', {},
      h('header', {}, h('b', {}, m.to), h('time', {}, clock(m.at))),
      h('p', {}, m.text),
      m.code ? h('footer', {}, h('span', { class: 'code' }, m.code), button('quiet', word('copy'), () => act.copy(m.code))) : null)))]),
};

const people = () => state.people.map((p) => h('a', {
  class: p.id === state.person ? 'person current' : 'person', href: '#' + encodeURIComponent(p.id),
  'aria-current': p.id === state.person ? 'true' : false,
}, avatar(p.name, p.id, 'round'), h('span', {}, p.name)));

const me = {
  title: () => '',
  key: () => [state.people.map((p) => [p.id, p.name]), state.person],
  body() {
    const p = act.me();
    if (!p) return [];
    const name = h('input', { 'aria-label': word('newName'), placeholder: word('newName'), maxlength: 32, autocomplete: 'off' });
    const add = (e) => { e.preventDefault(); act.newPerson(name.value.trim()); };
    return [h('div', { class: 'profile' }, avatar(p.name, p.id, 'big round'), h('div', {}, h('h2', {}, p.name), h('small', {}, 'ID ' + p.id))),
      h('h3', {}, word('switchTo')), h('div', { class: 'people' }, people()),
      h('form', { class: 'paste', submit: add }, name, h('button', { class: 'ghost' }, word('add'))),
      h('div', { class: 'setting' }, h('span', {}, word('language')), button('quiet', word('other'), null, { 'data-language': true })),
      h('p', { class: 'lead' }, word('lead'))];
  },
};

const views = { chats, chat, card, scan, page, sms, me };
let drawn = {};

// draw shows a view anew.
export function draw() {
  drawn = {};
  refresh();
  at('body').scrollTop = current().bottom ? at('body').scrollHeight : 0;
}

const current = () => views[state.view] || chats;

// refresh draws what has changed since.
export function refresh() {
  const view = current();
  at('phone').className = ['phone', view.dark ? 'dark' : '', 'in-' + state.view, state.busy ? 'busy' : ''].join(' ');
  at('clock').textContent = state.now ? clock(state.now) : '';
  paint('bar', [view.title(), state.online], () => [
    view.back ? button('tool', icon('back'), () => act.go(view.back), { 'aria-label': word('back') }) : h('span', {}),
    h('b', {}, state.online ? view.title() : word('offline')),
    h('span', { class: 'tools' }, view.tools ? view.tools() : []),
  ]);
  const changed = paint('body', view.key(), () => view.body());
  if (changed && view.bottom) at('body').scrollTop = at('body').scrollHeight;
  if (view.tick) view.tick();
  paint('foot', view.footKey ? view.footKey() : '', () => (view.foot ? view.foot() : []));
  const unread = state.accounts.reduce((sum, a) => sum + act.unread(a.name), 0);
  paint('tabs', [state.view, unread, act.unreadSMS()], () => [
    tab('chats', 'chat', word('tabChats'), unread), tab('scan', 'scan', word('tabScan'), 0),
    tab('sms', 'sms', word('tabSMS'), act.unreadSMS()), tab('me', 'me', word('tabMe'), 0),
  ]);
  paint('desk-people', [state.people.map((p) => p.name), state.person], () => [
    people(), button('person add', [h('span', { class: 'avatar round plus' }, icon('plus')), h('span', {}, word('add'))], () => act.newPerson('')),
  ].flat());
}

function paint(id, key, make) {
  const text = JSON.stringify([state.view, key, document.documentElement.lang]);
  if (drawn[id] === text) return false;
  drawn[id] = text;
  at(id).replaceChildren(...make());
  return true;
}

function tab(view, mark, label, count) {
  const here = state.view === view || (view === 'chats' && ['chat', 'card'].includes(state.view));
  return button(here ? 'here' : '', [h('span', {}, icon(mark), count ? h('i', { class: 'dot' }, count) : null), label],
    () => act.go(view), { 'aria-current': here ? 'page' : false });
}

let hiding = 0;
function passing(id, seconds, ...children) {
  at(id).replaceChildren(...children);
  at(id).hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { at('toast').hidden = true; at('banner').hidden = true; }, seconds * 1000);
}

export function toast(text) {
  passing('toast', 4, text);
}

// banner slides in from above when something arrives elsewhere.
export function banner({ view, item }) {
  const a = act.account(item.account);
  const open = () => { at('banner').hidden = true; act.go(view, view === 'chat' ? item.account : ''); };
  const face = view === 'sms' ? h('span', { class: 'avatar sms' }, icon('sms')) : avatar(a.display_name, a.name);
  passing('banner', 8,
    button('slip', [face, h('span', { class: 'row-text' }, h('b', {}, view === 'sms' ? word('tabSMS') : a.display_name), h('small', {}, item.text))], open),
    ...(item.code ? [button('quiet', word('copy') + ' ' + item.code, () => act.copy(item.code))] : []));
}
