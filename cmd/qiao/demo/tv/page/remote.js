// The remote control and the screen. A TV's browser sends the keys of the remote control by their number, in keyCode.
var remote = (function () {
  'use strict';

  var OK = 13;
  var BACK = { 8: 1, 27: 1, 461: 1, 10009: 1 }; // Backspace, Escape, LG webOS, Samsung Tizen
  var STEPS = { 37: -1, 38: -1, 39: 1, 40: 1 }; // the arrows

  var tv = document.getElementById('tv');

  // keys is handed out: back is called for Back, and says whether it did something.
  var keys = { focus: focus, back: function () { return false; } };

  function visible() {
    var all = tv.getElementsByTagName('button');
    var seen = [];
    for (var i = 0; i < all.length; i += 1) {
      if (all[i].offsetWidth > 0) { seen.push(all[i]); }
    }
    return seen;
  }

  // focus goes to the first button of the screen.
  function focus() {
    var buttons = visible();
    if (buttons.length > 0) { buttons[0].focus(); }
  }

  function move(step) {
    var buttons = visible();
    var next = buttons[buttons.indexOf(document.activeElement) + step];
    if (next) { next.focus(); }
  }

  function press() {
    if (visible().indexOf(document.activeElement) >= 0) {
      document.activeElement.click();
    } else {
      focus();
    }
  }

  document.addEventListener('keydown', function (event) {
    var key = event.keyCode;
    if (key === OK) {
      event.preventDefault(); // or the button in focus would be pressed twice
      if (!event.repeat) { press(); }
    } else if (STEPS[key]) {
      event.preventDefault();
      move(STEPS[key]);
    } else if (BACK[key] && keys.back()) {
      event.preventDefault();
    }
  });

  // fit scales the stage of 1920×1080 to the screen.
  function fit() {
    var scale = Math.min(window.innerWidth / 1920, window.innerHeight / 1080);
    var x = (window.innerWidth - 1920 * scale) / 2;
    var y = (window.innerHeight - 1080 * scale) / 2;
    var how = 'translate(' + x + 'px, ' + y + 'px) scale(' + scale + ')';
    tv.style.webkitTransform = how;
    tv.style.transform = how;
  }
  window.onresize = fit;
  fit();

  return keys;
}());
