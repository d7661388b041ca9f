// The phone page begins here.
import { state, changes, arrive, poll } from './actions.js';
import { draw, refresh, toast, banner } from './views.js';
import { fill, switchLanguage } from './words.js';

changes.addEventListener('view', draw);
changes.addEventListener('data', refresh);
changes.addEventListener('toast', (e) => toast(e.detail));
changes.addEventListener('banner', (e) => banner(e.detail));

document.addEventListener('click', (e) => {
  if (!e.target.closest('[data-language]')) return;
  switchLanguage();
  fill();
  draw();
});

async function again() {
  if (document.visibilityState === 'visible') await poll(); // nothing polls behind another tab
  setTimeout(again, state.online ? 1000 : 3000);
}

addEventListener('hashchange', arrive);
document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') poll(); });
fill();
arrive();
again();
