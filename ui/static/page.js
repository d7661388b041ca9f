// Small comforts; every page works without them.
(function () {
  'use strict';
  var doc = document;
  doc.documentElement.className = 'js';
  function id(name) { return doc.getElementById(name); }
  function each(list, f) { Array.prototype.forEach.call(list, f); }

  doc.addEventListener('DOMContentLoaded', function () {
    // A second tap while the first one is on its way would be a second try.
    each(doc.querySelectorAll('form[data-once]'), function (form) {
      form.addEventListener('submit', function (e) {
        if (form.hasAttribute('data-sent')) return e.preventDefault();
        form.setAttribute('data-sent', '');
      });
    });
    window.addEventListener('pageshow', function (e) {
      if (e.persisted) each(doc.querySelectorAll('form[data-sent]'), function (form) { form.removeAttribute('data-sent'); });
    });

    // Some browsers go to an app without a tap. Not before the page stands: in all others it stays.
    var app = id('app');
    if (app) window.addEventListener('load', function () {
      setTimeout(function () { location.href = app.href; }, 0);
    });

    // What was refused is what has to be typed again; its description is read with it.
    var wrong = doc.querySelector('[aria-invalid]');
    if (wrong) wrong.focus();

    var phone = id('phone'), code = id('code'), resend = id('resend'), wait = id('resend-in'), close = id('close');
    if (phone) {
      // The number brings its own country code: ours would stand beside it.
      var prefix = function () { id('prefix').hidden = /^\s*(\+|00)/.test(phone.value); };
      phone.addEventListener('input', prefix);
      prefix();
    }
    if (code) code.addEventListener('input', function () {
      var digits = code.value.replace(/\D/g, '').slice(0, 6);
      if (digits !== code.value) code.value = digits;
    });
    if (resend && wait) {
      var end = Date.now() + resend.getAttribute('data-in') * 1000;
      resend.disabled = true;
      resend.parentNode.hidden = true;
      var timer = setInterval(function () {
        var n = Math.ceil((end - Date.now()) / 1000);
        wait.getElementsByTagName('b')[0].textContent = n;
        if (n > 0) return;
        clearInterval(timer);
        wait.hidden = true;
        resend.disabled = resend.parentNode.hidden = false;
      }, 500);
    }
    if (close && /MicroMessenger/.test(navigator.userAgent)) {
      close.hidden = false;
      close.addEventListener('click', function () { if (window.WeixinJSBridge) window.WeixinJSBridge.call('closeWindow'); });
    }
  });
})();
