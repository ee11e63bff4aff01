// /multi?ids=a,b,c,d: several streams at once, one of them heard.

import { byId, every, make, pathsOf, streams } from './api.js';
import { createPlayer, listenToKeys } from './player.js';

const TILES_MAX = 16;
const CHOOSE = 'Choose a picture to hear it.';

const tiles = new Map(); // by id, in the order of the page
let chosen = null; // the player that is heard, or was last
let offered = '';

function idsOfPage() {
  const ids = (new URLSearchParams(location.search).get('ids') ?? '').split(',');
  return [...new Set(ids.map((id) => id.trim()).filter(Boolean))].slice(0, TILES_MAX);
}

function heard(player, on) {
  for (const { player: other, element } of tiles.values()) {
    const it = other === player;
    if (!it) {
      other.video.muted = true;
    }
    element.classList.toggle('heard', it && on);
  }
  chosen = player;
  byId('hint').textContent = on ? `You hear ${player.id}.` : CHOOSE;
}

function add(id) {
  if (id === '' || tiles.has(id) || tiles.size >= TILES_MAX) {
    return;
  }
  const stage = make('div', { className: 'stage' });
  const remove = make('button', { type: 'button', className: 'remove', textContent: '×' });
  remove.setAttribute('aria-label', `Remove ${id}`);
  const name = make('a', { href: pathsOf(id).page, textContent: id, title: 'Open alone' });
  const element = make('div', { className: 'cell' }, stage,
    make('div', { className: 'caption' }, name, remove));
  const player = createPlayer(stage, id, { compact: true, onSound: heard });
  stage.addEventListener('focusin', () => (chosen = player));
  remove.addEventListener('click', () => drop(id));
  tiles.set(id, { player, element });
  byId('grid').append(element);
}

function drop(id) {
  const { player, element } = tiles.get(id);
  player.destroy();
  if (element.classList.contains('heard')) {
    byId('hint').textContent = CHOOSE;
  }
  element.remove();
  tiles.delete(id);
  chosen = chosen === player ? null : chosen;
  show();
}

function show() {
  const ids = [...tiles.keys()];
  const query = ids.length > 0 ? `?ids=${ids.map(encodeURIComponent).join(',')}` : '';
  history.replaceState(null, '', `/multi${query}`);
  byId('grid').dataset.count = String(Math.min(ids.length, TILES_MAX));
  byId('nothing').hidden = ids.length > 0;
  byId('hint').hidden = ids.length === 0;
}

async function offer() {
  const live = ((await streams())?.streams ?? []).map((s) => s.id);
  const left = live.filter((id) => !tiles.has(id));
  if (left.join() === offered) {
    return; // who has gone there by keys stays there
  }
  offered = left.join();
  byId('known').replaceChildren(...left.map((id) => make('option', { value: id })));
  byId('offers').replaceChildren(...left.map((id) => {
    const b = make('button', { type: 'button', textContent: id });
    b.addEventListener('click', () => {
      add(id);
      show();
      offer();
    });
    return b;
  }));
}

byId('add').addEventListener('submit', (e) => {
  e.preventDefault();
  add(byId('name').value.trim());
  byId('name').value = '';
  show();
});
if (document.querySelector('meta[name=payment]')) {
  import('./paywall.js'); // the wallet pays before there is a player, too
}
idsOfPage().forEach(add);
show();
listenToKeys(() => chosen);
every(6000, offer);
