// A player with its controls, put into an element of a page: see createPlayer.

import { hlsVersion } from './build.js';
import { bitrate, heightOf, make, pathsOf, say } from './api.js';
import { Playback } from './playback.js';

const IDLE_MS = 2600; // without a hand on it the bar goes away
const LIVE_SLACK_S = 4; // further behind than this plus the target, "live" is a way back
const VOLUME_KEY = 'volume';
const SVG = 'http://www.w3.org/2000/svg';

const SHAPES = {
  play: 'M8 5.3v13.4c0 .8.9 1.3 1.6.8l10-6.7c.6-.4.6-1.2 0-1.6l-10-6.7C8.9 4 8 4.5 8 5.3Z',
  pause: 'M7 5h3.5v14H7zM13.5 5H17v14h-3.5z',
  sound: 'M4 9.5v5h3.5l4.5 4V5.5l-4.5 4zM15 8.5a5 5 0 0 1 0 7M17.5 6a8.5 8.5 0 0 1 0 12',
  silent: 'M4 9.5v5h3.5l4.5 4V5.5l-4.5 4zM16 9.5l5 5M21 9.5l-5 5',
  captions: 'M4 6h16v12H4zM10.5 10.5a2 2 0 1 0 0 3M17 10.5a2 2 0 1 0 0 3',
  window: 'M4 5h16v6M4 5v14h8M14 14h7v5h-7z',
  large: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  small: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
};
const FILLED = new Set(['play', 'pause']);

function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', SHAPES[name]);
  svg.setAttribute('class', FILLED.has(name) ? 'filled' : 'lines');
  svg.append(path);
  return svg;
}

function button(shape, label, keys, click) {
  const b = make('button', { type: 'button', className: 'control' }, icon(shape));
  b.addEventListener('click', click);
  relabel(b, shape, label, keys);
  return b;
}

function relabel(b, shape, label, keys) {
  if (b.dataset.shape !== shape) {
    b.replaceChildren(icon(shape));
    b.dataset.shape = shape;
  }
  b.setAttribute('aria-label', label);
  b.title = keys ? `${label} (${keys})` : label;
}

const WORDS = {
  starting: ['Connecting …', ''],
  stalled: ['Buffering …', ''],
  away: ['The publisher is away', 'It goes on by itself as soon as there are new pictures.'],
  waiting: ['Waiting for the stream', 'It is not live just now, and begins here by itself.'],
  ended: ['The stream has ended', 'If it comes back, it goes on here by itself.'],
  unpaid: ['Paused: it is paid up to here', 'It goes on as soon as money has come.'],
  unreachable: ['The server cannot be reached', 'Trying again …'],
  unsupported: [
    'This browser cannot play this stream',
    'It lacks the stream’s codecs, or Media Source Extensions. Another browser may do.',
  ],
  missing: [
    'There is no player for this browser',
    'This server was built without hls.js (npm was not there), and this browser does not play HLS '
      + 'itself.',
  ],
};
const BUSY = new Set(['starting', 'stalled', 'away', 'waiting', 'unreachable']);

function volumeKept() {
  try {
    const v = Number(localStorage.getItem(VOLUME_KEY));
    return v > 0 && v <= 1 ? v : 1;
  } catch {
    return 1;
  }
}

function keepVolume(v) {
  try {
    localStorage.setItem(VOLUME_KEY, v);
  } catch {
    // A browser that keeps nothing: the next page begins at full volume.
  }
}

class Player {
  constructor(root, id, { muted = true, compact = false, onSound = null } = {}) {
    this.root = root;
    root.player = this; // for who looks at it from outside
    this.id = id;
    this.onSound = onSound;
    this.life = new AbortController();
    this.video = make('video', { playsInline: true, muted, autoplay: false });
    this.video.setAttribute('aria-label', `Stream ${id}`);
    this.video.poster = pathsOf(id).poster;
    this.video.volume = volumeKept();
    this.playback = new Playback(this.video, id, { many: compact });
    root.classList.add('player');
    root.classList.toggle('compact', compact);
    root.tabIndex = 0;
    root.setAttribute('role', 'region');
    root.setAttribute('aria-label', `Player of ${id}`);
    this.#build();
    this.#listen();
    this.#show();
    this.playback.start();
    this.clock = setInterval(() => this.#tick(), 500);
  }

  destroy() {
    clearInterval(this.clock);
    clearTimeout(this.idle);
    this.life.abort();
    this.playback.stop();
    this.root.replaceChildren();
  }

  // --- its parts ---

  #build() {
    this.words = make('p', { className: 'words' });
    this.more = make('p', { className: 'more' });
    const spinner = make('div', { className: 'spinner', 'aria-hidden': 'true' });
    this.veil = make('div', { className: 'veil', role: 'status' }, spinner, this.words, this.more);
    this.unmute = make('button', { type: 'button', className: 'unmute' }, icon('silent'),
      make('span', { textContent: 'Unmute' }));
    this.start = make('button', { type: 'button', className: 'start', 'aria-label': 'Play' },
      icon('play'));
    this.playButton = button('play', 'Play', 'space', () => this.togglePlay());
    this.muteButton = button('sound', 'Mute', 'm', () => this.toggleSound());
    this.volume = make('input', { type: 'range', className: 'volume', min: 0, max: 1, step: 0.05 });
    this.volume.setAttribute('aria-label', 'Volume');
    this.live = make('button', { type: 'button', className: 'live' },
      make('span', { className: 'dot', 'aria-hidden': 'true' }),
      make('span', { textContent: 'LIVE' }), make('span', { className: 'behind' }));
    this.live.addEventListener('click', () => this.playback.toLive());
    this.sounds = make('select', { className: 'choice', hidden: true });
    this.sounds.setAttribute('aria-label', 'Sound track');
    this.quality = make('select', { className: 'choice', hidden: true });
    this.quality.setAttribute('aria-label', 'Quality');
    this.captions = button('captions', 'Captions', 'c', () => this.toggleCaptions());
    this.captions.hidden = true;
    this.captions.setAttribute('aria-pressed', 'false');
    this.window = button('window', 'Picture in picture', '', () => this.togglePictureInPicture());
    this.window.classList.add('window');
    this.window.hidden = !document.pictureInPictureEnabled;
    this.full = button('large', 'Full screen', 'f', () => this.toggleFull());
    this.bar = make('div', { className: 'bar', role: 'group', 'aria-label': 'Controls' },
      this.playButton, this.muteButton, this.volume, this.live,
      make('span', { className: 'room' }), this.sounds, this.quality, this.captions, this.window,
      this.full);
    this.root.replaceChildren(this.video, this.veil, this.start, this.unmute, this.bar);
  }

  #listen() {
    const { video, playback, root } = this;
    playback.addEventListener('state', () => this.#show());
    playback.addEventListener('muted', () => this.#show());
    playback.addEventListener('rungs', () => this.#showRungs());
    playback.addEventListener('tracks', () => this.#showTracks());
    for (const name of ['play', 'pause', 'volumechange']) {
      video.addEventListener(name, () => this.#show());
    }
    video.textTracks.addEventListener('addtrack', () => this.#showTracks());
    video.textTracks.addEventListener('change', () => this.#showTracks());
    this.unmute.addEventListener('click', () => this.setSound(true));
    this.start.addEventListener('click', () => playback.play());
    this.volume.addEventListener('input', () => this.setVolume(Number(this.volume.value)));
    this.quality.addEventListener('change', () => playback.choose(this.quality.value || null));
    this.sounds.addEventListener('change', () => playback.chooseSound(Number(this.sounds.value)));
    const { signal } = this.life;
    document.addEventListener('fullscreenchange', () => this.#show(), { signal });
    root.addEventListener('pointermove', () => this.#wake());
    root.addEventListener('focusin', () => this.#wake());
    root.addEventListener('pointerleave', () => root.classList.add('idle'));
    video.addEventListener('click', (e) => this.#clicked(e));
    video.addEventListener('dblclick', () => this.toggleFull());
  }

  #clicked(e) {
    if (this.onSound) {
      this.setSound(this.video.muted);
    } else if (e.pointerType === 'mouse') {
      this.togglePlay();
    }
    this.#wake();
  }

  #wake() {
    this.root.classList.remove('idle');
    clearTimeout(this.idle);
    this.idle = setTimeout(() => {
      const inUse = this.bar.contains(document.activeElement) && document.activeElement !== null;
      this.root.classList.toggle('idle', !this.video.paused && !inUse);
    }, IDLE_MS);
  }

  // --- what it can do ---

  togglePlay() {
    if (this.video.paused) {
      this.playback.play();
    } else {
      this.playback.pause();
    }
  }

  setSound(on) {
    this.video.muted = !on;
    if (on && this.video.volume === 0) {
      this.video.volume = 1;
    }
    if (on && this.video.paused && !this.playback.held) {
      this.playback.play();
    }
    this.onSound?.(this, on);
  }

  toggleSound() {
    this.setSound(this.video.muted || this.video.volume === 0);
  }

  setVolume(v) {
    const { muted } = this.video;
    this.video.volume = Math.min(Math.max(v, 0), 1);
    this.video.muted = this.video.volume === 0;
    keepVolume(this.video.volume);
    if (this.video.muted !== muted) {
      this.onSound?.(this, muted);
    }
  }

  toggleCaptions() {
    const tracks = this.#textTracks();
    const shown = tracks.find((t) => t.mode === 'showing');
    if (shown) {
      shown.mode = 'disabled';
    } else if (tracks.length > 0) {
      tracks[0].mode = 'showing';
    }
  }

  toggleFull() {
    if (document.fullscreenElement) {
      document.exitFullscreen();
    } else if (this.root.requestFullscreen) {
      this.root.requestFullscreen().catch(() => {});
    } else {
      this.video.webkitEnterFullscreen?.(); // iPhones have it for a video alone
    }
  }

  togglePictureInPicture() {
    const done = document.pictureInPictureElement
      ? document.exitPictureInPicture()
      : this.video.requestPictureInPicture();
    done.catch(() => {});
  }

  /** Whether the key was one of the player's. */
  key(name) {
    const act = {
      ' ': () => this.togglePlay(),
      k: () => this.togglePlay(),
      m: () => this.toggleSound(),
      f: () => this.toggleFull(),
      l: () => this.playback.toLive(),
      c: () => this.toggleCaptions(),
      ArrowLeft: () => this.playback.seekBy(-5),
      ArrowRight: () => this.playback.seekBy(5),
      ArrowUp: () => this.setVolume(this.video.volume + 0.1),
      ArrowDown: () => this.setVolume(this.video.volume - 0.1),
    }[name.length === 1 ? name.toLowerCase() : name];
    act?.();
    if (act) {
      this.#wake();
    }
    return act !== undefined;
  }

  // --- what it shows ---

  #textTracks() {
    return [...this.video.textTracks].filter((t) => ['captions', 'subtitles'].includes(t.kind));
  }

  #show() {
    const { video, playback, root } = this;
    const { state } = playback;
    const [words, more] = WORDS[state] ?? ['', ''];
    root.dataset.state = state;
    say(this.words, words);
    say(this.more, more);
    this.veil.hidden = words === '';
    this.veil.classList.toggle('busy', BUSY.has(state));
    this.unmute.hidden = !video.muted || !playback.live;
    this.start.hidden = state !== 'paused';
    root.classList.toggle('paused', video.paused);
    const silent = video.muted || video.volume === 0;
    const [shape, act] = video.paused ? ['play', 'Play'] : ['pause', 'Pause'];
    relabel(this.playButton, shape, act, 'space');
    relabel(this.muteButton, silent ? 'silent' : 'sound', silent ? 'Unmute' : 'Mute', 'm');
    this.volume.value = video.muted ? 0 : video.volume;
    const full = document.fullscreenElement === root;
    relabel(this.full, full ? 'small' : 'large', full ? 'Leave full screen' : 'Full screen', 'f');
    this.#tick();
  }

  #tick() {
    const behind = this.playback.latency();
    const target = this.playback.hls?.targetLatency ?? 0;
    const late = this.playback.live && behind > target + LIVE_SLACK_S;
    this.live.classList.toggle('late', late || this.video.paused);
    this.live.disabled = !this.playback.live;
    this.live.setAttribute('aria-label', 'Jump to live');
    this.live.title = 'Jump to live (l)';
    this.live.querySelector('.behind').textContent =
      this.playback.live && Number.isFinite(behind) ? `−${behind.toFixed(1)} s` : '';
  }

  #showRungs() {
    const rungs = this.playback.rungs();
    const current = rungs.find((r) => r.current);
    const label = (r) => (r.height ? heightOf(r) : r.name);
    const auto = current && this.playback.wanted === null ? `Auto (${label(current)})` : 'Auto';
    const options = [make('option', { value: '', textContent: auto })];
    for (const r of rungs) {
      const source = r.name.startsWith('source') ? ' source' : '';
      options.push(make('option', {
        value: r.name, textContent: `${label(r)}${source} · ${bitrate(r.bandwidth)}`,
      }));
    }
    this.quality.replaceChildren(...options);
    this.quality.value = this.playback.wanted ?? '';
    this.quality.hidden = rungs.length === 0;
  }

  #showTracks() {
    const texts = this.#textTracks();
    const shown = texts.some((t) => t.mode === 'showing');
    this.captions.hidden = texts.length === 0;
    this.captions.setAttribute('aria-pressed', String(shown));
    const sounds = this.playback.hls?.audioTracks ?? [];
    this.sounds.replaceChildren(...sounds.map((t, i) => make('option', {
      value: i, textContent: t.name || `Sound ${i + 1}`,
    })));
    this.sounds.value = this.playback.hls?.audioTrack ?? 0;
    this.sounds.hidden = sounds.length < 2;
  }
}

/** Makes an element the player of a stream, which begins at once. options: muted (default true);
 * compact: one of several on the page, with few controls; onSound(player, on): a click on the picture asks for sound
 * instead of a pause. Returns it: .video, .playback (see playback.js), .key(name), .destroy(). */
export function createPlayer(element, id, options) {
  const player = new Player(element, id, options);
  if (document.querySelector('meta[name=payment]')) {
    const { signal } = player.life;
    import('./paywall.js').then(({ attachPayment }) => {
      if (!signal.aborted) {
        const payment = attachPayment(player, id);
        signal.addEventListener('abort', () => payment.destroy());
      }
    });
  }
  return player;
}

/** Gives the page's keys to a player (player(): the one that is meant). What is being typed into
 * keeps its keys, and so does a button its space. */
export function listenToKeys(player) {
  document.addEventListener('keydown', (e) => {
    const typing = e.target.closest?.('input:not([type=range]), textarea, select');
    const pressing = e.key === ' ' && e.target.closest?.('button, a, summary');
    const sliding = e.key.startsWith('Arrow') && e.target.closest?.('input');
    if (e.ctrlKey || e.altKey || e.metaKey || typing || pressing || sliding) {
      return;
    }
    if (player()?.key(e.key)) {
      e.preventDefault();
    }
  });
}

export { hlsVersion };
