// /: the streams that are live, each with its newest picture.

import {
  byId, countOf, every, heightOf, make, pathsOf, rtmpServer, say, settings, since, streams,
  wireCopyButtons,
} from './api.js';

const LIST_MS = 4000;
const POSTER_MS = 10000;
const TOGETHER_MAX = 9; // pictures side by side
const STATES = { live: 'Live', waiting: 'Away', ended: 'Ended' };

const cards = new Map();

class Card {
  constructor(id) {
    this.id = id;
    const paths = pathsOf(id);
    this.poster = make('img', { alt: '', loading: 'lazy', decoding: 'async' });
    this.poster.addEventListener('error', () => this.thumb.classList.add('pictureless'));
    this.poster.addEventListener('load', () => this.thumb.classList.remove('pictureless'));
    this.state = make('span', { className: 'pill' });
    this.size = make('span', { className: 'tag' });
    this.letter = make('span', { className: 'letter', textContent: [...id][0].toUpperCase() });
    this.letter.setAttribute('aria-hidden', 'true');
    this.thumb = make('div', { className: 'thumb pictureless' }, this.letter, this.poster,
      this.state, this.size);
    this.title = make('h2');
    this.facts = make('p', { className: 'quiet' });
    this.link = make('a', { href: paths.page }, this.thumb,
      make('div', { className: 'about' }, this.title, this.facts));
    this.element = make('li', { className: 'tile' }, this.link);
  }

  show(stream) {
    const pictures = (stream.renditions ?? []).filter((r) => r.height > 0);
    const [best] = [...pictures].sort((a, b) => b.height - a.height);
    this.title.textContent = stream.title || stream.id;
    this.state.textContent = STATES[stream.state] ?? stream.state;
    this.state.dataset.state = stream.state === 'live' ? 'playing' : stream.state;
    this.size.textContent = best ? heightOf(best) : '';
    this.size.hidden = !best;
    const facts = [stream.title ? stream.id : '', since(stream)];
    if (Number.isFinite(stream.viewers)) {
      facts.push(countOf(stream.viewers, 'viewer'));
    }
    if (pictures.length > 1) {
      facts.push(countOf(pictures.length, 'quality', 'qualities'));
    }
    this.facts.textContent = facts.filter(Boolean).join(' · ');
    const poster = stream.poster ?? pathsOf(stream.id).poster;
    const source = `${poster}?t=${Math.floor(Date.now() / POSTER_MS)}`;
    if (stream.state === 'live' || !this.poster.src) {
      if (this.poster.getAttribute('src') !== source) {
        this.poster.src = source;
      }
    }
  }
}

function showCards(list) {
  for (const [id, card] of cards) {
    if (!list.some((s) => s.id === id)) {
      card.element.remove();
      cards.delete(id);
    }
  }
  for (const stream of list) {
    if (!cards.has(stream.id)) {
      const card = new Card(stream.id);
      cards.set(stream.id, card);
      byId('streams').append(card.element);
    }
    cards.get(stream.id).show(stream);
  }
}

function showTogether(list) {
  const ids = list.filter((s) => s.state !== 'ended').map((s) => s.id).slice(0, TOGETHER_MAX);
  byId('together').hidden = ids.length < 2;
  byId('together').href = `/multi?ids=${ids.map(encodeURIComponent).join(',')}`;
}

async function refresh() {
  const told = await streams();
  if (!told) {
    say(byId('summary'), 'The server cannot be reached just now.');
    return;
  }
  const list = told.streams;
  const live = list.filter((s) => s.state === 'live').length;
  const count = live > 0 ? countOf(live, 'stream') : 'No stream is live.';
  say(byId('summary'), told.listed ? count : '');
  byId('unlisted').hidden = told.listed;
  byId('nothing').hidden = !told.listed || list.length > 0;
  showCards(list);
  showTogether(list);
}

byId('open').addEventListener('submit', (e) => {
  e.preventDefault();
  location.href = pathsOf(byId('name').value.trim()).page;
});
settings().then((s) => {
  byId('address').textContent = s.needs_key
    ? `${rtmpServer(s.rtmp_port)}/live/YOUR_KEY` : `${rtmpServer(s.rtmp_port)}/my_stream`;
});
wireCopyButtons();
every(LIST_MS, refresh);
