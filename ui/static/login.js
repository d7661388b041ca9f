// Waits on the login card. It shows waiting and scanned in place, submits once the phone has confirmed, and reloads the
// page for everything else. Without it the page reloads by itself and has a button. ES5: old TVs read it too.
(function () {
  'use strict';
  var doc = document, born = Date.now();
  var card, state, version, url, xhr, timer, ticker, deadline, stuck, bad = 0, left = false;
  doc.documentElement.className = 'js';

  function id(name) { return doc.getElementById(name); }
  function show(name, on) { var e = id(name); if (e) e.hidden = !on; }
  function say(text) { id('say').textContent = text; }

  // reload leaves for what the server shows now, at most every two seconds.
  function reload() {
    if (left) return;
    left = true;
    stop();
    setTimeout(function () { location.replace(card.getAttribute('data-here') || location.href); }, Math.max(0, 2000 - (Date.now() - born)));
  }

  function stop() {
    clearTimeout(timer);
    clearInterval(ticker);
    if (xhr) { xhr.onload = xhr.onerror = xhr.ontimeout = null; xhr.abort(); xhr = null; }
  }

  function start() {
    if (left || doc.hidden) return;
    stop();
    ticker = setInterval(tick, 1000);
    tick();
    poll();
  }

  function later(ms) { clearTimeout(timer); timer = setTimeout(poll, ms); }

  function poll() {
    var began = Date.now(), x = xhr = new XMLHttpRequest();
    x.open('GET', url + (url.indexOf('?') < 0 ? '?' : '&') + 'v=' + version + '&wait=' + (bad ? 0 : 20));
    x.timeout = 30000;
    x.onload = function () {
      var s = null;
      xhr = null;
      if (x.status === 200) try { s = JSON.parse(x.responseText); } catch (e) {}
      if (s && s.state) {
        if (bad && bad < 3) bad--; // a line that broke once may wait long again, one that breaks often may not
        show('offline', false);
        var fresh = s.v !== version;
        update(s);
        if (!left) later(fresh || Date.now() - began > 2000 ? 0 : 2000);
      } else if (x.status >= 400 && x.status < 500 && x.status !== 408 && x.status !== 429) reload();
      else fail();
    };
    x.onerror = x.ontimeout = fail;
    x.send();
  }

  function fail() {
    xhr = null;
    bad++;
    if (bad > 2) show('offline', true);
    later(2000);
  }

  function update(s) {
    var bind = s.step === 'bind';
    if (s.state === 'waiting') {
      if (state !== 'waiting') return reload();
      if (s.qr && s.qr !== id('qr').getAttribute('data-qr')) draw(s);
    } else if (s.state === 'scanned') {
      show('p-waiting', false);
      show('p-scanned', !bind);
      show('p-bind', bind);
      id('number').textContent = s.number || '';
      if (s.number) id('number').setAttribute('data-number', s.number);
      show('match', s.number);
      show('nomatch', !s.number);
      id('qr').removeAttribute('data-qr');
      if (s.v !== version) say(id(bind ? 'p-bind' : 'p-scanned').innerText);
    } else if (s.state === 'confirmed' && s.step !== 'approve') {
      left = true;
      stop();
      return id('continue').submit();
    } else return reload();
    state = s.state;
    version = s.v;
    card.setAttribute('data-state', state);
    card.setAttribute('data-v', version);
  }

  function draw(s) {
    var qr = id('qr'), svg = id('code'), box = /viewBox="([^"]+)"/.exec(s.picture), path = /<path.*? d="([^"]+)".*<path.*? d="([^"]+)"/.exec(s.picture), img = id('picture');
    if (svg && !(box && path)) return reload();
    if (svg) {
      svg.setAttribute('viewBox', box[1]);
      svg.childNodes[0].setAttribute('d', path[1]);
      svg.childNodes[1].setAttribute('d', path[2]);
    }
    if (img) {
      img.src = img.src.split('?')[0] + '?v=' + s.v;
      if (id('save')) id('save').href = img.src;
    }
    qr.setAttribute('data-qr', s.qr);
    qr.className = 'qr';
    expire(s.expires_in);
    show('renews', s.renewable);
    show('ends', !s.renewable);
  }

  function expire(seconds) {
    deadline = seconds > 0 ? Date.now() + seconds * 1000 : 0;
    stuck = 0;
    show('count', deadline);
  }

  // tick counts down; at zero it asks for the next picture, and does not leave a dead one standing.
  function tick() {
    if (state !== 'waiting' || !deadline) return;
    var n = Math.max(0, Math.ceil((deadline - Date.now()) / 1000)), b = id('count').getElementsByTagName('b'), i;
    for (i = 0; i < b.length; i++) b[i].textContent = n;
    if (n === 60 || n === 10) say(id('count').innerText);
    if (n > 0) return;
    stuck++;
    if (stuck === 1) { if (xhr) { xhr.onload = xhr.onerror = xhr.ontimeout = null; xhr.abort(); } poll(); }
    if (stuck > 8) reload();
  }

  doc.addEventListener('DOMContentLoaded', function () {
    card = id('login');
    var form = id('continue');
    if (form && form.hasAttribute('data-auto')) return form.submit();
    url = card.getAttribute('data-state-url');
    if (!url) return;
    state = card.getAttribute('data-state');
    version = +card.getAttribute('data-v');
    expire(+card.getAttribute('data-expires'));
    doc.addEventListener('visibilitychange', function () { if (doc.hidden) stop(); else start(); });
    window.addEventListener('pagehide', stop);
    window.addEventListener('pageshow', function (e) { if (e.persisted) reload(); });
    start();
  });
})();
