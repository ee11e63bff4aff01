// /: the media files, below the live streams.

import { byId, countOf, every, heightOf, make, settings } from './api.js';
import { clock, factsOf, mediaFiles, pathsOfMedia, titleOf } from './media_files.js';

const LIST_MS = 10000;
const SHOWN_MAX = 200;

function cardOf(file) {
  const letter = make('span', { className: 'letter' });
  letter.textContent = file.type.startsWith('audio/') ? '♪' : '▶';
  letter.setAttribute('aria-hidden', 'true');
  const thumb = make('div', { className: 'thumb pictureless' }, letter);
  if (file.height) {
    thumb.append(make('span', { className: 'tag', textContent: heightOf(file) }));
  }
  const folder = file.name.includes('/') ? file.name.replace(/\/[^/]*$/, '') : '';
  const facts = [folder, clock(file.duration_s ?? NaN) || factsOf(file).at(-1)];
  return make('li', { className: 'tile' }, make('a', { href: pathsOfMedia(file.name).page }, thumb,
    make('div', { className: 'about' }, make('h2', { textContent: titleOf(file) }),
      make('p', { className: 'quiet', textContent: facts.filter(Boolean).join(' · ') }))));
}

let shown = '';

async function refresh(demo) {
  const files = await mediaFiles();
  if (!files || JSON.stringify(files) === shown) {
    return;
  }
  shown = JSON.stringify(files);
  const section = byId('media');
  const list = make('ul', { className: 'cards' }, ...files.slice(0, SHOWN_MAX).map(cardOf));
  list.setAttribute('aria-label', 'Media files');
  const more = files.length > SHOWN_MAX ? [make('p', {
    className: 'quiet', textContent: `and ${countOf(files.length - SHOWN_MAX, 'more file')}`,
  })] : [];
  const paid = demo ? [make('p', {}, make('a', {
    className: 'button', href: '/demo', textContent: 'How they are paid for: the demo',
  }))] : [];
  section.replaceChildren(make('h2', { className: 'section', textContent: 'Media files' }), ...paid,
    list, ...more);
  section.hidden = files.length === 0;
}

settings().then((s) => {
  if (s.media) {
    every(LIST_MS, () => refresh(s.demo));
  }
});
