// What the phone page knows, how it asks for more, and what a tap does. views.js draws it.
import { word } from './words.js';

export const state = {
  person: '', // id
  view: 'chats', arg: '',
  accounts: [], people: [], codes: [], messages: [], sms: [],
  n: 0, now: 0, loaded: false, online: true, busy: false,
  seenSMS: 0, seenChat: {}, // numbers of the last messages that were looked at
  pageURL: '',
};

// changes tells the page what happened: view, data, toast, banner.
export const changes = new EventTarget();
const tell = (what, detail) => changes.dispatchEvent(new CustomEvent(what, { detail }));

export const me = () => state.people.find((p) => p.id === state.person);
export const account = (name) => state.accounts.find((a) => a.name === name);
export const follows = (name) => Boolean(me() && me().following.includes(name));
export const chatWith = (name) => state.messages.filter((m) => m.account === name);
export const unread = (name) => chatWith(name).filter((m) => incoming(m) && m.n > (state.seenChat[name] || 0)).length;
export const unreadSMS = () => state.sms.filter((m) => m.n > state.seenSMS).length;
const incoming = (m) => m.kind !== 'own' && m.kind !== 'note';
const last = (list) => (list.length ? list[list.length - 1].n : 0);

// go shows a view; its place is in the address, so that each tab can hold another person.
export function go(view, arg = '') {
  const hash = [state.person, view, arg].filter(Boolean).map(encodeURIComponent).join('/');
  if (location.hash.slice(1) === hash) arrive();
  else location.hash = hash;
}

// arrive reads the address.
export function arrive() {
  const [person = '', view = '', arg = ''] = location.hash.slice(1).split('/').map(decodeURIComponent);
  if (person && person !== state.person) {
    Object.assign(state, { person, n: 0, loaded: false, messages: [], sms: [], seenSMS: 0, seenChat: {} });
    poll();
  }
  state.view = view || 'chats';
  state.arg = arg;
  look();
  tell('view');
}

// look marks what is on the screen as seen.
function look() {
  if (state.view === 'sms') state.seenSMS = last(state.sms);
  if (state.view === 'chat') state.seenChat[state.arg] = last(chatWith(state.arg));
}

async function ask(path, body) {
  const post = body !== undefined;
  const answer = await fetch(path, {
    method: post ? 'POST' : 'GET',
    headers: post ? { 'Content-Type': 'application/json' } : {},
    body: post ? JSON.stringify(body) : undefined,
  });
  const result = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(result.error), { status: answer.status });
  return result;
}

let polling = null;
// poll asks what is new. Calls that come together share one request.
export function poll() {
  polling ||= pollOnce().finally(() => { polling = null; });
  return polling;
}

async function pollOnce() {
  const person = state.person;
  let got;
  try {
    got = await ask('/sim/phone?' + new URLSearchParams({ person, since: state.n }));
  } catch (problem) {
    if (problem.status === 404) return forget();
    state.online = false;
    return tell('data');
  }
  if (person !== state.person) return pollOnce(); // the phone changed hands meanwhile
  if (got.n < state.n) return forget();
  Object.assign(state, {
    online: true, n: got.n, now: got.now, accounts: got.accounts, people: got.people, codes: got.codes,
    messages: state.messages.concat(got.messages).slice(-400), sms: state.sms.concat(got.sms).slice(-200),
  });
  if (!person) return settleOn(state.people[0] ? state.people[0].id : await make(word('people')[0]));
  if (state.loaded) announce(got);
  else { // what was there before this page is not new
    for (const m of state.messages) state.seenChat[m.account] = m.n;
    state.seenSMS = last(state.sms);
    state.loaded = true;
  }
  look();
  return tell('data');
}

function settleOn(id) {
  const [, ...rest] = location.hash.slice(1).split('/');
  history.replaceState(null, '', '#' + [encodeURIComponent(id), ...rest].join('/'));
  Object.assign(state, { person: id, n: 0, messages: [], sms: [] });
  return pollOnce();
}

// forget begins anew, because the simulator did.
function forget() {
  Object.assign(state, { person: '', n: 0, loaded: false, messages: [], sms: [], people: [], seenSMS: 0, seenChat: {} });
  history.replaceState(null, '', location.pathname + location.search);
  Object.assign(state, { view: 'chats', arg: '' });
  return pollOnce();
}

function announce(got) {
  const line = got.messages.filter(incoming).pop();
  if (line && !(state.view === 'chat' && state.arg === line.account)) tell('banner', { view: 'chat', item: line });
  if (got.sms.length && state.view !== 'sms') tell('banner', { view: 'sms', item: got.sms[got.sms.length - 1] });
}

// act runs what a tap does: one at a time, and with a word when it fails.
async function act(what) {
  if (state.busy) return;
  state.busy = true;
  tell('data');
  try {
    await what();
  } catch (problem) {
    tell('toast', problem.status ? problem.message : word('offline'));
  } finally {
    state.busy = false;
    await poll();
    tell('data');
  }
}

const mine = (what) => '/sim/people/' + encodeURIComponent(state.person) + '/' + what;
const make = async (name) => (await ask('/sim/people', { name })).id;

export const scan = (qr) => act(async () => {
  const found = await ask(mine('scan'), { qr });
  if (found.outcome === 'event') go('chat', found.account);
  else if (found.outcome === 'follow_prompt') go('card', found.account);
  else if (found.outcome === 'page') { state.pageURL = found.url; go('page'); } else tell('toast', word(found.outcome));
});

export const follow = (name) => act(async () => {
  await ask(mine('follow'), { account: name });
  go('chat', name);
});

export const unfollow = (name) => act(async () => {
  await ask(mine('unfollow'), { account: name });
  go('chats');
});

export const say = (name, content) => act(() => ask(mine('text'), { account: name, content }));

export const tapMenu = (name, item) => act(async () => {
  const done = await ask(mine('menu'), { account: name, key: item.type === 'view' ? item.url : item.key });
  if (done.url) { state.pageURL = done.url; go('page'); }
});

export const newPerson = (name) => act(async () => {
  const names = word('people');
  const id = await make(name || names[state.people.length % names.length]);
  location.hash = encodeURIComponent(id);
});

// inBrowser is the address that opens a link in WeChat's built-in browser, as this person.
export const inBrowser = (url) => mine('browser?') + new URLSearchParams({ url });

export async function copy(text) {
  await navigator.clipboard.writeText(text);
  tell('toast', word('copied'));
}
