// /publish: the address to publish to, how to set encoders up, and how the stream is doing, from
// what every viewer may know.

import {
  bitrate, byId, every, get, make, pathsOf, readMaster, readMedia, rtmpServer, say, settings,
  since, streams, wireCopyButtons,
} from './api.js';

const HEALTH_MS = 2000;
const LATE_S = 1.5; // target durations without a new segment
const LONG_S = 6; // a segment that makes viewers wait
const UNEVEN = 1.6; // longest segment over the shortest

const server = await settings();
const seen = new Map(); // newest number of each rendition, and since when

function id() {
  return byId('name').value.trim() || 'my_stream';
}

function put(name, text) {
  byId(name).textContent = text;
}

function showAddresses() {
  const base = rtmpServer(server.rtmp_port);
  const [folder, key] = server.needs_key ? ['/live', 'YOUR_KEY'] : ['', encodeURIComponent(id())];
  const url = `${base}${folder}/${key}`;
  put('url', url);
  put('phone', url);
  put('server', `${base}${folder}`);
  put('key', key);
  put('ffmpegFile', 'ffmpeg -re -i movie.mp4 -c:v libx264 -preset veryfast -tune zerolatency ' +
    '-b:v 3000k -maxrate 3000k -bufsize 3000k -g 30 -pix_fmt yuv420p -c:a aac -b:a 128k ' +
    `-f flv ${url}`);
  put('ffmpegTest', 'ffmpeg -re -f lavfi -i testsrc=size=1280x720:rate=30,format=yuv420p ' +
    `-f lavfi -i sine -c:v libx264 -preset ultrafast -g 30 -c:a aac -f flv ${url}`);
  // rtmp2sink takes no address with the name alone, and x264enc makes 4:4:4, which few
  // players know, unless it is told what to make.
  put('gstreamer', 'gst-launch-1.0 -e flvmux name=m streamable=true ! rtmp2sink location=' +
    `"${base}/live/${key}" videotestsrc is-live=true ! ` +
    'video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! ' +
    'x264enc tune=zerolatency bitrate=3000 key-int-max=30 ! h264parse ! queue ! m. ' +
    'audiotestsrc is-live=true ! avenc_aac ! aacparse ! queue ! m.');
  put('pushLine', 'ffmpeg -re -i movie.mp4 -c copy -f hls -method PUT ' +
    `${location.origin}/live/${key}/out.m3u8`);
  byId('push').hidden = !server.http_push;
  byId('secureLine').hidden = !(server.rtmps_port > 0);
  put('secure', `${rtmpServer(server.rtmps_port, 'rtmps')}${folder || '/live'}/${key}`);
  byId('watch').textContent = location.origin + pathsOf(id()).page;
  byId('watch').href = pathsOf(id()).page;
}

// --- health ---

async function renditionsOf(name) {
  const path = pathsOf(name).live;
  const master = await get(path);
  if (master.status !== 200) {
    return null;
  }
  const list = readMaster(master.text, path).sort((a, b) =>
    (b.kind === 'variant') - (a.kind === 'variant') || b.height - a.height || b.bandwidth - a.bandwidth);
  return Promise.all(list.map(async (r) => {
    const { status, text } = await get(r.url);
    return { ...r, media: status === 200 ? readMedia(text) : null };
  }));
}

/** Seconds since the rendition's newest segment appeared, as this page saw it. */
function ageOf(r) {
  const key = r.url;
  const now = performance.now();
  if (seen.get(key)?.newest !== r.media.newest) {
    seen.set(key, { newest: r.media.newest, at: now });
  }
  return (now - seen.get(key).at) / 1000;
}

function judgeSource(r) {
  const found = [];
  const { media } = r;
  // The last of them may be a short rest.
  const whole = media.durations.slice(0, -1);
  const [least, most] = [Math.min(...whole), Math.max(...whole)];
  const mean = whole.reduce((a, b) => a + b, 0) / whole.length;
  if (whole.length > 0 && most > LONG_S) {
    found.push(['warn', `Segments are up to ${most.toFixed(1)} s long: `
      + 'set the key frame interval to 1 or 2 s.']);
  } else if (whole.length > 2 && most / least > UNEVEN) {
    found.push(['warn', `Segments are between ${least.toFixed(1)} and ${most.toFixed(1)} s long: `
      + 'a constant key frame interval makes playback steadier.']);
  } else if (whole.length > 0) {
    found.push(['good', `Segments of about ${mean.toFixed(1)} s: key frames come steadily.`]);
  }
  if (media.breaks > 0) {
    found.push(['warn', 'There was a break in the last segments: '
      + 'the connection was lost, or the encoder was started again.']);
  }
  return found;
}

function judge(list) {
  const found = [];
  const source = list.find((r) => r.name === 'source') ?? list[0];
  if (!source?.media) {
    return [['warn', 'The first segment is still being made.']];
  }
  if (source.media.ended) {
    return [['warn', 'The stream has ended.']];
  }
  const age = ageOf(source);
  if (age > source.media.target * LATE_S + 1) {
    found.push(['bad', `Nothing has come for ${age.toFixed(0)} s: is the encoder still connected?`]);
  } else {
    found.push(['good', 'Pictures are coming in.']);
  }
  found.push(...judgeSource(source));
  if (!list.some((r) => r.kind === 'audio' && r.media)) {
    found.push(['warn', 'There is no sound in it.']);
  }
  const others = list.filter((r) => r.kind === 'variant' && r !== source && r.media);
  const lost = others.filter((r) => r.media.gaps > 0).map((r) => r.name);
  if (lost.length > 0) {
    found.push(['bad', `Lost segments in ${lost.join(', ')}: the transcoders do not keep up.`]);
  } else if (others.length > 0) {
    found.push(['good', others.length === 1
      ? 'Its lower rendition keeps up.' : `Its ${others.length} lower renditions keep up.`]);
  } else {
    found.push(['warn', 'There is only the source: no transcoder has made another rendition yet.']);
  }
  return found;
}

function row(r) {
  const cell = (text) => make('td', { textContent: text });
  const media = r.media;
  const picture = r.height ? `${r.width} × ${r.height}, ${Math.round(r.fps)} fps` : '–';
  const size = r.kind === 'audio' ? 'sound' : picture;
  return make('tr', {}, make('th', { scope: 'row', textContent: r.name }), cell(size),
    cell(bitrate(r.bandwidth)), cell(media ? `≤ ${media.target} s` : '–'),
    cell(media ? `${ageOf(r).toFixed(0)} s ago` : '–'), cell(media ? String(media.gaps) : '–'));
}

function show(state, word, verdicts, list) {
  say(byId('state'), word);
  byId('state').dataset.state = state;
  byId('verdicts').replaceChildren(...verdicts.map(([kind, text]) =>
    make('li', { className: kind, textContent: text })));
  byId('rungs').hidden = list.length === 0;
  byId('rungs').tBodies[0].replaceChildren(...list.map(row));
}

async function refresh() {
  const name = id();
  const [list, told] = await Promise.all([renditionsOf(name), streams()]);
  if (name !== id()) {
    return;
  }
  if (!list) {
    show('waiting', 'Not live', [['wait',
      `Waiting for “${name}”: start your encoder, and this page says how it is doing.`]], []);
    return;
  }
  const verdicts = judge(list);
  const stream = told?.streams.find((s) => s.id === name);
  if (stream && Number.isFinite(stream.viewers)) {
    verdicts.push(['wait', `Live for ${since(stream)}, watched by ${stream.viewers}.`]);
  }
  const bad = verdicts.some(([kind]) => kind === 'bad');
  const [state, word] = bad ? ['stalled', 'Trouble'] : ['playing', 'Live'];
  const ended = list[0]?.media?.ended;
  show(ended ? 'ended' : state, ended ? 'Ended' : word, verdicts, list);
}

const asked = new URLSearchParams(location.search).get('id');
if (asked) {
  byId('name').value = asked;
}
const here = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
byId('local').hidden = here || !server.rtmp_this_host;
byId('guarded').hidden = !server.needs_key;
byId('name').addEventListener('input', () => {
  seen.clear();
  showAddresses();
});
showAddresses();
wireCopyButtons();
every(HEALTH_MS, refresh);
