// /demo: a film and a song that cost something, and all that is heard of the viewer's account.

import { byId, make } from './api.js';
import { factsOf, mediaFiles, pathsOfMedia, titleOf } from './media_files.js';
import { payForFile, payments } from './paywall.js';
import { account, addressOf } from './viewer.js';

const KINDS = ['video', 'audio'];
const ASKED_MAX = 20; // files of a kind whose price is asked for
const LOG_MAX = 100;
const SAME_MS = 1000;
const HEARD = {
  playing: 'Playing', waiting: 'Waiting for data', stalled: 'No data comes', pause: 'Paused',
  ended: 'Ended',
};

function say(text, state = '') {
  const time = make('time', { textContent: new Date().toLocaleTimeString() });
  byId('log').prepend(make('li', { className: state }, time, ` ${text}`));
  while (byId('log').children.length > LOG_MAX) {
    byId('log').lastElementChild.remove();
  }
}

let last = null; // the balance that was told
let said = { text: '', at: 0 };

/** A payment is heard of twice: by its answer, and as what the account has. */
function sayBalance(text) {
  const at = performance.now();
  if (text !== said.text || at - said.at > SAME_MS) {
    said = { text, at };
    say(`Balance: ${text}`, 'good');
  }
  last = Number(text);
}

function show({ balance, price, per, missing, asset }) {
  byId('balance').textContent = `${balance ?? '0'} ${asset}`;
  byId('price').textContent = price === null ? 'free' : `${price} ${asset} a ${per}`;
  byId('missing').textContent = Number(missing) > 0 ? `${missing} ${asset}` : 'nothing';
  if (balance !== null && (last === null || Number(balance) > last)) {
    sayBalance(balance);
  }
  last = Number(balance ?? 0);
}

let playing = null;

async function sayWhy(media, payment) {
  if (media.error && !(await payment.mends())) {
    say(`Failed: ${media.error?.message || 'it cannot be played'}`, 'bad');
  }
}

function end(played) {
  if (played) {
    played.payment.destroy();
    played.media.remove();
    played.media.removeAttribute('src'); // else it goes on to load, and to pay
    played.media.load();
  }
}

async function play(file, kind, link) {
  end(playing);
  const media = make(kind, { controls: true, preload: 'auto' });
  media.setAttribute('aria-label', titleOf(file));
  if (kind === 'video') {
    media.playsInline = true;
  }
  for (const [name, text] of Object.entries(HEARD)) {
    media.addEventListener(name, () => say(text));
  }
  media.addEventListener('error', () => sayWhy(media, playing.payment));
  for (const other of byId('choices').querySelectorAll('a')) {
    other.removeAttribute('aria-current');
  }
  link.setAttribute('aria-current', 'true');
  byId('player').hidden = false;
  byId('player').append(media);
  say(`${titleOf(file)} was chosen`);
  const payment = payForFile(null, media, file.name);
  playing = { media, payment };
  await payment.begun;
  if (playing.media === media) {
    media.src = addressOf(pathsOfMedia(file.name).file); // the account is known by now
    media.play().catch(() => {}); // the browser wants a click first, or it was another file's turn
  }
}

/** The first of these files that costs something, or undefined. */
async function firstPriced(files) {
  for (const file of files.slice(0, ASKED_MAX)) {
    const told = await account({ file: file.name });
    if (told.price !== null) {
      return { file, told };
    }
  }
  return undefined;
}

function choice(kind, { file, told }) {
  const link = make('a', { className: 'button', href: pathsOfMedia(file.name).page });
  link.textContent = `${kind === 'video' ? '▶' : '♪'} ${titleOf(file)}`;
  link.title = factsOf(file).join(' · ');
  link.dataset.kind = kind;
  link.addEventListener('click', (e) => {
    e.preventDefault();
    play(file, kind, link);
  });
  const price = make('span', { className: 'quiet' });
  price.textContent = `${told.price} ${told.asset} a ${told.per}`;
  return make('li', {}, link, ' ', price);
}

async function begin() {
  const files = await mediaFiles();
  const found = [];
  for (const kind of KINDS) {
    const priced = await firstPriced((files ?? []).filter((f) => f.type.startsWith(`${kind}/`)));
    if (priced) {
      byId('choices').append(choice(kind, priced));
      found.push(priced);
    }
  }
  byId('hint').textContent = found.length > 0
    ? 'Choose one: it comes as your account pays for it, and waits where the money ends.'
    : files
      ? 'No video and no audio file of this server costs anything.'
      : 'This server has no media files, or does not tell which: -mediaPath has it serve some.';
}

payments.addEventListener('told', (e) => show(e.detail));
payments.addEventListener('credited', (e) => sayBalance(e.detail));
payments.addEventListener('failed', (e) => say(`Failed: ${e.detail}`, 'bad'));
if (!document.monetization
    && !document.createElement('link').relList.supports?.('monetization')) {
  say('This browser has no wallet that pays by itself (Web Monetization)');
}
begin().catch(() => {
  byId('hint').textContent = 'The server cannot be reached just now. Load this page again.';
});
