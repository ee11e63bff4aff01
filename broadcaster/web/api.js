// What this server tells about its streams, and small things that all pages use.

const PLAYLIST_TIMEOUT_MS = 15000;
const FRESH = 'no-cache'; // asks whether what it has is the newest: an ended playlist is kept for long

export const byId = (id) => document.getElementById(id);

/** The paths of a stream. id: as it is called, not encoded. */
export function pathsOf(id) {
  const stream = `/stream/${encodeURIComponent(id)}`;
  return {
    page: stream,
    classic: `${stream}.m3u8`,
    live: `${stream}/live.m3u8`,
    poster: `${stream}/poster.jpg`,
    embed: `/embed/${encodeURIComponent(id)}`,
  };
}

/** The id in the path of a page such as /stream/ID or /embed/ID. */
export function idOfPage() {
  const last = location.pathname.split('/')[2] ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** {status, text}; status 0 when the server cannot be reached. cache: as fetch() has it. */
export async function get(path, cache = 'default') {
  try {
    const answer = await fetch(path, {
      cache,
      signal: AbortSignal.timeout(PLAYLIST_TIMEOUT_MS),
      headers: { Accept: '*/*' },
    });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return { status: 0, text: '' };
  }
}

/** {listed: false} where streams are not told, null when the server cannot be reached, else
 * {listed: true, streams: [...]}. */
export async function streams() {
  const { status, text } = await get('/streams.json');
  if (status === 404) {
    return { listed: false, streams: [] };
  }
  try {
    return status === 200 ? { listed: true, streams: JSON.parse(text).streams ?? [] } : null;
  } catch {
    return null;
  }
}

export async function settings() {
  try {
    return JSON.parse((await get('/assets/settings.json')).text);
  } catch {
    return { rtmp_port: 1935, rtmps_port: 0 };
  }
}

/** rtmp://HOST:PORT of the machine that this page came from. */
export function rtmpServer(port, scheme = 'rtmp') {
  return `${scheme}://${location.hostname}${port ? `:${port}` : ''}`;
}

// --- playlists (RFC 8216, 4.3) ---

function attributes(line) {
  const found = {};
  for (const [, name, quoted, plain] of line.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^,]*))/g)) {
    found[name] = quoted ?? plain;
  }
  return found;
}

/** A rendition's name from its playlist's address: ID/NAME/live.m3u8, or ID/NAME.m3u8. */
export function nameOfRendition(url) {
  const parts = new URL(url, location.href).pathname.split('/');
  const last = parts.pop();
  const name = last === 'live.m3u8' ? parts.pop() : last.replace(/\.m3u8$/, '');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** The variants of a master playlist, each address once: [{url, name, width, height, fps,
 * bandwidth, codecs}]; tracks that are apart have their kind too. */
export function readMaster(text, base) {
  const found = new Map();
  let pending = null;
  const add = (uri, more) => {
    const url = new URL(uri, new URL(base, location.href)).href;
    if (!found.has(url)) {
      found.set(url, { url, name: nameOfRendition(url), ...more });
    }
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('#EXT-X-STREAM-INF:')) {
      pending = attributes(line.slice(line.indexOf(':') + 1));
    } else if (line.startsWith('#EXT-X-MEDIA:')) {
      const a = attributes(line.slice(line.indexOf(':') + 1));
      if (a.URI) {
        add(a.URI, { kind: (a.TYPE ?? '').toLowerCase() });
      }
    } else if (line !== '' && !line.startsWith('#') && pending) {
      const [width, height] = (pending.RESOLUTION ?? '').split('x').map(Number);
      add(line, {
        kind: 'variant',
        width: width || 0,
        height: height || 0,
        fps: Number(pending['FRAME-RATE']) || 0,
        bandwidth: Number(pending.BANDWIDTH) || 0,
        codecs: pending.CODECS ?? '',
      });
      pending = null;
    }
  }
  return [...found.values()];
}

/** What a media playlist says: {ended, target, newest (a number), durations, gaps, breaks}. */
export function readMedia(text) {
  const number = (tag) => Number(new RegExp(`^#${tag}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  const durations = [...text.matchAll(/^#EXTINF:([\d.]+)/gm)].map((m) => Number(m[1]));
  return {
    ended: /^#EXT-X-ENDLIST/m.test(text),
    target: number('EXT-X-TARGETDURATION'),
    newest: number('EXT-X-MEDIA-SEQUENCE') + durations.length - 1,
    durations,
    gaps: (text.match(/^#EXT-X-GAP/gm) ?? []).length,
    breaks: (text.match(/^#EXT-X-DISCONTINUITY$/gm) ?? []).length,
  };
}

/** Whether a stream can be played now: {state: 'live' | 'ended' | 'gone' | 'unreachable',
 * master}. */
export async function look(id) {
  const path = pathsOf(id).live;
  const master = await get(path, FRESH);
  if (master.status !== 200) {
    const gone = master.status >= 400 && master.status < 500;
    return { state: gone ? 'gone' : 'unreachable', master: '' };
  }
  const [first] = readMaster(master.text, path);
  const media = first ? await get(first.url, FRESH) : { status: 404 };
  if (media.status !== 200) {
    const gone = media.status >= 400 && media.status < 500;
    return { state: gone ? 'gone' : 'unreachable', master: '' };
  }
  const { ended } = readMedia(media.text);
  return { state: ended ? 'ended' : 'live', master: master.text };
}

// --- texts ---

export function bitrate(bps) {
  if (!(bps > 0)) {
    return '–';
  }
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mb/s` : `${Math.round(bps / 1e3)} kb/s`;
}

/** "720p" or, with frames per second that are not the usual ones, "720p60". */
export function heightOf({ height, fps }) {
  return `${height}p${fps > 31 ? Math.round(fps) : ''}`;
}

export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  if (h > 0) {
    return `${h} h ${String(m).padStart(2, '0')} min`;
  }
  return m > 0 ? `${m} min` : `${s} s`;
}

export function since(stream) {
  const start = Date.parse(stream.since ?? '');
  const seconds = Number.isFinite(start) ? (Date.now() - start) / 1000 : stream.duration_s;
  return Number.isFinite(seconds) ? span(seconds) : '';
}

export function countOf(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

/** Sets an element's text. What is in it already is not announced again to who does not see. */
export function say(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** An element with properties, attributes (where there is no such property) and children. */
export function make(name, properties = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in e && key !== 'list') {
      e[key] = value;
    } else {
      e.setAttribute(key, value);
    }
  }
  e.append(...children);
  return e;
}

/** Runs fn now and then again each ms, one after the other, and not while nobody looks. */
export async function every(ms, fn) {
  for (;;) {
    if (document.hidden) {
      await new Promise((seen) => {
        document.addEventListener('visibilitychange', seen, { once: true });
      });
    }
    await fn();
    await new Promise((done) => {
      setTimeout(done, ms);
    });
  }
}

async function copy(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text);
  }
  // Plain HTTP has no clipboard of that kind.
  const before = document.activeElement;
  const area = make('textarea', { value: text, className: 'hidden', readOnly: true });
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  before?.focus();
  return done ? undefined : Promise.reject(new Error('not allowed'));
}

/** What puts the player of a stream into another site's page; sound: begins with it where it may. */
export function embedSnippet(id, sound) {
  const source = `${location.origin}${pathsOf(id).embed}${sound ? '?muted=0' : ''}`;
  const pays = document.querySelector('meta[name=payment]') ? '; monetization' : '';
  return `<iframe src="${source}" width="640" height="360" frameborder="0" ` +
    `allow="autoplay; fullscreen; picture-in-picture${pays}" allowfullscreen></iframe>`;
}

/** Makes each button with data-copies="ID" copy that element's text. */
export function wireCopyButtons() {
  for (const button of document.querySelectorAll('button[data-copies]')) {
    const words = button.textContent;
    button.setAttribute('aria-live', 'polite');
    button.addEventListener('click', async () => {
      const from = byId(button.dataset.copies);
      try {
        await copy(from.value ?? from.textContent);
        button.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(from);
        button.textContent = 'Selected';
      }
      setTimeout(() => (button.textContent = words), 1500);
    });
  }
}
