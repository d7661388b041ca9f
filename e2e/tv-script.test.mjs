// The demo TV's scripts run on Chromium 38 (TVs of 2016): their language is ES5, and they use nothing that came later.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { parse } from 'acorn';

const page = new URL('../cmd/qiao/demo/tv/page/', import.meta.url);

// What the script may call by name, and the only objects of the browser that it may build.
const globals = ['document', 'window', 'location', 'XMLHttpRequest', 'JSON', 'Math', 'Date', 'String', 'parseInt', 'setTimeout', 'clearTimeout',
  'words', 'remote'];

// Members that are younger than Chromium 38, or than ES5 where the name is the language's.
const young = ['key', 'code', 'append', 'prepend', 'before', 'after', 'replaceWith', 'replaceChildren', 'closest', 'matches', 'toggleAttribute',
  'includes', 'startsWith', 'endsWith', 'repeat', 'padStart', 'padEnd', 'trimStart', 'trimEnd', 'matchAll', 'replaceAll', 'at', 'codePointAt',
  'assign', 'entries', 'values', 'fromEntries', 'from', 'of', 'find', 'findIndex', 'findLast', 'fill', 'flat', 'flatMap', 'then', 'finally',
  'trunc', 'sign', 'log2', 'hypot', 'isNaN', 'isInteger', 'isFinite', 'scrollTo', 'animate', 'fetch', 'sendBeacon', 'visualViewport'];

// faults lists what is too new in a script.
function faults(source) {
  let program;
  try {
    program = parse(source, { ecmaVersion: 5, sourceType: 'script' });
  } catch (error) {
    return ['syntax: ' + error.message];
  }
  const found = [];
  const declared = new Set(['arguments']);
  visit(program, (node) => {
    if (node.type === 'VariableDeclarator') declared.add(node.id.name);
    if (node.type === 'CatchClause') declared.add(node.param.name);
    if (/^Function/.test(node.type)) {
      if (node.id) declared.add(node.id.name);
      for (const p of node.params) declared.add(p.name);
    }
  });
  visit(program, (node, parent, role) => {
    const member = parent?.type === 'MemberExpression' && role === 'property' && !parent.computed;
    // event.repeat is as old as Chromium 32; 'x'.repeat() is not.
    if (member && young.includes(node.name) && !(node.name === 'repeat' && parent.object.name === 'event')) found.push('.' + node.name);
    if (node.type !== 'Identifier' || member || (parent?.type === 'Property' && role === 'key')) return;
    if (!declared.has(node.name) && !globals.includes(node.name)) found.push(node.name);
  });
  return found;
}

function visit(node, seen, parent = null, role = '') {
  seen(node, parent, role);
  for (const [name, child] of Object.entries(node)) {
    for (const one of Array.isArray(child) ? child : [child]) {
      if (one && typeof one.type === 'string') visit(one, seen, node, name);
    }
  }
}

test('the scripts are ES5 and know only what Chromium 38 has', async () => {
  const scripts = (await readdir(page)).filter((name) => name.endsWith('.js'));
  assert.ok(scripts.length > 0);
  for (const name of scripts) assert.deepEqual(faults(await readFile(new URL(name, page), 'utf8')), [], name);
});

test('the page has no script of its own', async () => {
  const html = await readFile(new URL('tv.html', page), 'utf8');
  assert.deepEqual(html.match(/<script[^>]*>[^<]*/g), ['words', 'remote', 'tv'].map((name) => `<script src="/${name}.js">`));
  assert.doesNotMatch(html, /\son[a-z]+=|javascript:|type="?module|<(dialog|template|slot|picture|details)\b/i);
});

test('the check bites', () => {
  for (const source of [
    'let x = 1;', 'const x = 1;', 'var f = () => 1;', 'var s = `x`;', 'function f(a = 1) {}', 'var o = { a };', 'class A {}', 'for (var x of []) {}',
    'var { a } = {};', 'f(...[]);', 'async function f() {}', 'var o = { f() {} };', 'var x = a ?? b;', 'var x = 2 ** 3;', 'function f(a,) { f(a,); }',
    'fetch("/");', 'new Promise(function () {});', 'var m = new Map();', 'Symbol("x");', 'new URLSearchParams("");', 'var a = [].includes(1);',
    'document.onkeydown = function (e) { return e.key; };', '"a".padStart(2);', 'Object.assign({}, {});', 'Array.from([]);', '"x".repeat(2);',
  ]) assert.notDeepEqual(faults(source), [], source);
  assert.deepEqual(faults('(function () { var x = { find: 1 }; try { x = JSON.parse("1"); } catch (e) { x = e; } return x; }());'), []);
});
