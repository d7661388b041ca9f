// Waits on the login card: waiting and scanned in place, submits when confirmed, reloads for all else. ES5.
(function () {
	'use strict';
	var doc = document, born = now(), bad = 0, left = false, card, state, version, url, xhr, timer, ticker, deadline, stuck;
	doc.documentElement.className = 'js';

	function now() { return +new Date(); }
	function id(name) { return doc.getElementById(name); }
	function show(name, on) { if (id(name)) id(name).hidden = !on; }
	function say(name) { id('say').textContent = id(name).innerText; }

	// land moves the focus to a heading: where it was is gone, and nothing may be pressed in advance.
	function land(name) {
		var h = id(name).getElementsByTagName('h2')[0];
		if (h) h.tabIndex = -1, h.focus();
	}

	function reload() {
		if (left) return;
		left = true;
		stop();
		try { sessionStorage.land = 1; } catch (e) {}
		setTimeout(function () { location.replace(card.dataset.here); }, 2000 + born - now());
	}

	function drop() {
		clearTimeout(timer);
		if (xhr) xhr.onload = xhr.onerror = xhr.ontimeout = 0, xhr.abort();
	}

	function stop() { drop(); clearInterval(ticker); }

	function start() {
		stop();
		if (left || doc.hidden) return;
		ticker = setInterval(tick, 1000);
		poll();
	}

	function poll() {
		var began = now(), x;
		drop();
		x = xhr = new XMLHttpRequest();
		x.open('GET', url + '?v=' + version + '&wait=' + (bad ? 0 : 20));
		x.timeout = 30000;
		x.onload = function () {
			var s, news, c = x.status;
			try { s = c === 200 && JSON.parse(x.responseText); } catch (e) {}
			if (s && s.state) {
				if (bad && bad < 3) bad--;
				show('offline', 0);
				news = s.v !== version;
				update(s);
				if (!left) timer = setTimeout(poll, news || now() - began > 2000 ? 0 : 2000);
			} else if (c > 399 && c < 500 && c !== 408 && c !== 429) reload();
			else fail();
		};
		x.onerror = x.ontimeout = fail;
		x.send();
	}

	function fail() {
		show('offline', ++bad > 2);
		timer = setTimeout(poll, 2000);
	}

	function update(s) {
		var bind = s.step === 'bind', n = id('number'), qr = id('qr'), on = doc.activeElement, panel = bind ? 'p-bind' : 'p-scanned';
		if (s.state === 'waiting' && state === 'waiting') {
			if (s.qr && s.qr !== qr.dataset.qr) draw(s);
		} else if (s.state === 'scanned') {
			show('p-waiting', 0);
			show('p-scanned', !bind);
			show('p-bind', bind);
			show('match', s.number);
			show('nomatch', !s.number);
			if (s.number) n.textContent = n.dataset.number = s.number;
			delete qr.dataset.qr;
			if (s.v !== version) {
				say(panel);
				if (!on.offsetParent) land(panel); // it was on nothing, or in what is hidden now
			}
		} else if (s.state === 'confirmed' && s.step !== 'approve') {
			left = true;
			stop();
			id('continue').submit();
		} else reload();
		if (left) return;
		state = s.state;
		version = s.v;
		card.dataset.state = state;
	}

	function draw(s) {
		var qr = id('qr'), svg = id('code'), img = id('picture'), p = /viewBox="0 0 (\d+).* d="([^"]+).* d="([^"]+)/.exec(s.picture);
		if (svg) {
			if (!p) return reload();
			svg.setAttribute('viewBox', '0 0 ' + p[1] + ' ' + p[1]);
			svg.childNodes[0].setAttribute('d', p[2]);
			svg.childNodes[1].setAttribute('d', p[3]);
		} else id('save').href = img.src += (/\?/.test(img.src) ? '&' : '?') + 'v=' + s.v;
		qr.dataset.qr = s.qr;
		qr.className = 'qr';
		show('renews', s.renewable);
		show('ends', !s.renewable);
		expire(s.expires_in);
	}

	function expire(seconds) {
		deadline = seconds > 0 && now() + seconds * 1000;
		stuck = 0;
		show('count', deadline);
	}

	// At zero it asks for the next picture; a dead one must not stay.
	function tick() {
		var n = Math.ceil((deadline - now()) / 1000), i, b = id('count').getElementsByTagName('b');
		if (state !== 'waiting' || !deadline) return;
		for (i = 0; i < b.length; i++) b[i].textContent = Math.max(0, n);
		if (n === 60 || n === 10) say('count');
		if (n < 1 && !stuck++) poll();
		if (stuck > 8) reload();
	}

	doc.addEventListener('DOMContentLoaded', function () {
		var form = id('continue');
		card = id('login');
		url = card.dataset.stateUrl;
		if (form && form.dataset.auto === '') form.submit();
		try {
			if (sessionStorage.land) land('login');
			delete sessionStorage.land;
		} catch (e) {}
		if (!url) return;
		state = card.dataset.state;
		version = +card.dataset.v;
		expire(+card.dataset.expires);
		doc.addEventListener('visibilitychange', start);
		addEventListener('pagehide', stop);
		addEventListener('pageshow', function (e) { e.persisted && reload(); });
		start();
	});
})();
