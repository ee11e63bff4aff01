// /watch/FILE: a media file in the browser's own player.

import { byId, make } from './api.js';
import { factsOf, mediaFiles, pathOfPage, pathsOfMedia, titleOf } from './media_files.js';

const path = pathOfPage();
const paths = pathsOfMedia(path);
let addressOf = (url) => url; // where it costs something: viewer.js's
let payment = null;
const video = make('video', { controls: true, playsInline: true, preload: 'metadata' });

async function playPlaylist() {
  const { default: Hls } = await import('./hls.js').catch(() => ({ default: null }));
  if (Hls?.isSupported()) {
    const hls = new Hls();
    hls.loadSource(addressOf(paths.file));
    hls.attachMedia(video);
  } else {
    video.src = addressOf(paths.file);
  }
}

async function sayWhy() {
  if (await payment?.mends()) {
    return; // what it lacks is shown beside the picture
  }
  const answer = await fetch(addressOf(paths.file), { headers: { Range: 'bytes=0-0' } })
    .catch(() => null);
  byId('facts').textContent = !answer ? 'The server cannot be reached just now.'
    : answer.ok ? 'This browser cannot play it.' : await answer.text();
}

async function show() {
  const file = (await mediaFiles())?.find((f) => f.name === path)
    ?? { name: path, type: '', size: NaN };
  document.title = byId('title').textContent = titleOf(file);
  video.setAttribute('aria-label', titleOf(file));
  if (file.type) {
    byId('facts').textContent = factsOf(file).join(' · ');
  }
}

async function play() {
  if (document.querySelector('meta[name=payment]')) {
    const { payForFile } = await import('./paywall.js');
    payment = payForFile(byId('player'), video, path);
    await payment.begun;
    ({ addressOf } = await import('./viewer.js'));
  }
  if (path.toLowerCase().endsWith('.m3u8')) {
    playPlaylist();
  } else {
    video.src = addressOf(paths.file);
  }
}

byId('file').href = paths.file;
byId('player').append(video);
video.addEventListener('error', sayWhy);
play();
show();
