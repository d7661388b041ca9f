// The demo TV's page: its states, and the calls to its own server. ES5 and the interfaces of Chromium 38: it runs on TVs
// of ten years ago. doc.go says which states there are and what tests may rely on.
(function () {
  'use strict';

  var SLOWEST = 20000; // ms that the own server may take: it asks the provider meanwhile
  var PICTURE = 8000; // ms that a picture may take before the next one is tried
  var STILL = 30000; // ms between two looks whether the TV is still signed in

  var asked = /[?&]renew=(\d+)/.exec(location.search);
  var renewals = asked ? parseInt(asked[1], 10) : 2; // silent ones, before the TV waits for a key

  var tv = byId('tv');
  var turn = 0; // answers and timers of an earlier turn are dropped
  var renewed = 0;
  var failures = 0;
  var starting = false;
  var ends = 0; // by this TV's clock; set again by each answer
  var lifetime = 1;
  var timers = {};

  function byId(id) { return document.getElementById(id); }

  function text(id, value) { byId(id).textContent = value; }

  function attribute(name, value) { tv.setAttribute('data-' + name, value); }

  function state() { return tv.getAttribute('data-state'); }

  // later replaces the timer of that name, and forgets it when the turn ends.
  function later(name, ms, work) {
    var mine = turn;
    clearTimeout(timers[name]);
    timers[name] = setTimeout(function () { if (mine === turn) { work(); } }, ms);
  }

  // call asks the own server; done gets what to show, or null when there was no answer. Answers to an earlier turn are dropped.
  function call(method, path, done) {
    var mine = turn;
    var request = new XMLHttpRequest();
    var over = false;
    function end(view) {
      if (!over) {
        over = true;
        if (mine === turn) { done(view); }
      }
    }
    request.open(method, path, true);
    request.timeout = SLOWEST;
    request.setRequestHeader('X-TV', '1');
    request.onload = function () {
      var view = null;
      if (request.status === 200) {
        try { view = JSON.parse(request.responseText); } catch (e) { view = null; }
      }
      end(view);
    };
    request.onerror = request.ontimeout = request.onabort = function () { end(null); };
    request.send();
  }

  // Screens.

  // show changes the screen and begins a new turn.
  function show(name) {
    turn += 1;
    starting = false;
    attribute('state', name);
    attribute('error', '');
    if (name !== 'waiting') {
      attribute('user-code', '');
      attribute('expires-in', '');
      clearPicture();
    }
    if (name !== 'signed-in') {
      text('name', '');
      text('phone', '');
      text('face', '');
    }
    if (name === 'starting') {
      text('user-code', '');
      text('address', '');
      text('countdown', '');
      byId('left-over').style.width = '100%';
    }
    status(name);
    var notice = words.notices[name];
    if (notice) {
      text('sign', notice[0]);
      text('notice-title', notice[1]);
      text('notice-en', notice[2]);
      text('notice-detail', '');
      text('again', '');
      bilingual('retry', notice[3], notice[4]);
    }
    remote.focus();
  }

  // bilingual writes a text in both languages.
  function bilingual(id, chinese, english) {
    var small = document.createElement('span');
    small.className = 'en';
    small.lang = 'en';
    small.textContent = english;
    text(id, chinese + ' ');
    byId(id).appendChild(small);
  }

  function status(name) {
    var line = byId('status');
    if (line.getAttribute('data-name') === name) { return; } // only changes are read aloud
    line.setAttribute('data-name', name);
    line.className = name === 'trouble' ? 'trouble' : '';
    if (words.status[name]) {
      bilingual('status', words.status[name][0], words.status[name][1]);
    } else {
      text('status', '');
    }
  }

  function waiting(view) {
    show('waiting');
    attribute('user-code', view.user_code);
    text('user-code', view.user_code);
    byId('user-code').className = view.user_code.length > 10 ? 'long' : '';
    text('address', view.verification_uri.replace(/^https:\/\//, ''));
    lifetime = view.lifetime || 1;
    failures = 0;
    picture(view.pictures || [], 0, view.qr || '');
    goOn(view);
    tick();
  }

  // goOn takes an answer that says: not yet.
  function goOn(view) {
    ends = new Date().getTime() + view.expires_in * 1000;
    status(view.trouble ? 'trouble' : 'waiting');
    later('poll', Math.max(500, view.wait * 1000), poll);
  }

  function tick() {
    var left = Math.max(0, Math.round((ends - new Date().getTime()) / 1000));
    var line = byId('countdown');
    var clock = document.createElement('b');
    clock.textContent = Math.floor(left / 60) + ':' + (left % 60 < 10 ? '0' : '') + left % 60;
    bilingual('countdown', '剩余时间', 'time left');
    line.appendChild(clock);
    line.className = left <= 60 ? 'soon' : '';
    byId('left-over').style.width = Math.min(100, 100 * left / lifetime) + '%';
    attribute('expires-in', String(left));
    later('tick', 1000, tick);
  }

  function signedIn(view) {
    if (state() !== 'signed-in') { show('signed-in'); }
    var name = view.name || '微信用户';
    text('name', name);
    text('face', name.charAt(0).toUpperCase());
    text('phone', view.phone || '');
    later('still', STILL, function () {
      call('GET', '/api/me', function (now) {
        if (now && now.state === 'signed-out') {
          start();
        } else {
          signedIn(now && now.state === 'signed-in' ? now : view);
        }
      });
    });
  }

  // failed shows why, and tries again by itself: often nobody sits before a TV that boots.
  function failed(view) {
    var code = (view && view.error) || 'unreachable';
    var seconds = Math.ceil(Math.max(view && view.wait ? view.wait : 0, Math.min(60, 15 * Math.pow(2, failures))));
    failures += 1;
    show('error');
    attribute('error', code);
    bilingual('notice-detail', (words.reasons[code] || ['出错了', ''])[0], words.reasons[code] ? words.reasons[code][1] : code);
    (function count() {
      text('again', seconds + ' 秒后自动重试 · again in ' + seconds + ' s');
      seconds -= 1;
      later('again', 1000, seconds < 0 ? start : count);
    }());
  }

  // The picture: the provider's for WeChat first, then the own one.

  function clearPicture() {
    byId('qr').onload = byId('qr').onerror = null;
    byId('qr').removeAttribute('src');
    byId('card').className = '';
    attribute('qr', '');
    attribute('qr-kind', '');
    attribute('picture', '');
  }

  function picture(addresses, n, own) {
    var img = byId('qr');
    clearPicture();
    if (n >= addresses.length) { return; }
    function next() { picture(addresses, n + 1, own); }
    var mine = turn;
    img.onerror = function () { if (mine === turn) { next(); } };
    img.onload = function () {
      if (mine !== turn) { return; }
      clearTimeout(timers.picture);
      byId('card').className = 'ready';
      var plain = n === addresses.length - 1;
      attribute('qr', plain ? own : '');
      attribute('qr-kind', plain ? 'plain' : 'wechat');
      attribute('picture', img.src);
    };
    img.src = addresses[n];
    later('picture', PICTURE, next);
  }

  // What the server says.

  function take(view) {
    if (!view || view.state === 'error') {
      failed(view);
    } else if (view.state === 'waiting') {
      waiting(view);
    } else if (view.state === 'signed-in') {
      signedIn(view);
    } else if (view.state === 'expired' && renewed < renewals) {
      renewed += 1;
      start(true);
    } else if (view.state === 'expired' || view.state === 'declined') {
      show(view.state);
    } else {
      start();
    }
  }

  // start asks for a new code. A silent one leaves the screen as it is meanwhile.
  function start(silent) {
    if (starting) { return; }
    if (silent === true) {
      turn += 1;
      byId('card').className += ' renewing';
    } else {
      renewed = 0;
      show('starting');
    }
    starting = true;
    call('POST', '/api/start', function (view) {
      starting = false;
      if (view && (view.state === 'expired' || view.state === 'signed-out')) { view = null; }
      take(view);
    });
  }

  function poll() {
    call('POST', '/api/poll', function (view) {
      if (view && view.state === 'waiting' && view.user_code === tv.getAttribute('data-user-code')) {
        goOn(view);
      } else if (!view && new Date().getTime() < ends) {
        status('trouble');
        later('poll', 5000, poll);
      } else {
        take(view);
      }
    });
  }

  // drop tells the server to forget the code or the tokens, then goes on.
  function drop(then) {
    call('POST', '/api/signout', then);
  }

  function cancel() {
    show('cancelled');
    drop(function () {});
  }

  function signOut() {
    show('starting');
    drop(function () { start(); });
  }

  byId('refresh').onclick = function () { start(); };
  byId('retry').onclick = function () { failures = 0; start(); };
  byId('cancel').onclick = cancel;
  byId('signout').onclick = signOut;

  remote.back = function () {
    if (state() === 'signed-in' || state() === 'cancelled') { return false; } // there, Back leaves the app
    cancel();
    return true;
  };

  call('GET', '/api/me', take);
}());
