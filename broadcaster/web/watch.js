// /stream/ID: the player, what is known of the stream, and how to share it.

import {
  bitrate, byId, countOf, embedSnippet, every, heightOf, idOfPage, pathsOf, since, streams,
  wireCopyButtons,
} from './api.js';
import { createPlayer, listenToKeys } from './player.js';

const id = idOfPage();
const paths = pathsOf(id);
const player = createPlayer(byId('player'), id);
const { playback, video } = player;

const STATES = {
  starting: 'Connecting', playing: 'Live', paused: 'Paused', stalled: 'Buffering', away: 'Away',
  waiting: 'Not live', ended: 'Ended', unreachable: 'No connection', unsupported: 'Cannot play',
  missing: 'No player', unpaid: 'Not paid',
};

function showState() {
  byId('state').textContent = STATES[playback.state];
  byId('state').dataset.state = playback.state;
}

function seconds(s) {
  return Number.isFinite(s) ? `${s.toFixed(1)} s` : '–';
}

function showFigures() {
  byId('latency').textContent = playback.live ? seconds(playback.latency()) : '–';
  byId('buffer').textContent = seconds(playback.buffered());
  byId('picture').textContent = video.videoWidth ? `${video.videoWidth} × ${video.videoHeight}` : '–';
  const rung = playback.rungs().find((r) => r.current);
  const how = playback.wanted === null ? 'auto' : 'chosen';
  byId('rung').textContent = rung ? `${rung.height ? heightOf(rung) : rung.name} (${how})` : '–';
  byId('bandwidth').textContent = bitrate(playback.bandwidth());
  byId('dropped').textContent = video.getVideoPlaybackQuality?.().droppedVideoFrames ?? '–';
}

function showSnippet() {
  byId('embed').value = embedSnippet(id, byId('sound').checked);
}

async function showStream() {
  const told = await streams();
  const stream = told?.streams.find((s) => s.id === id);
  const title = stream?.title || id;
  byId('title').textContent = title;
  document.title = title;
  byId('since').textContent = stream ? `for ${since(stream)}` : '';
  byId('viewers').textContent =
    Number.isFinite(stream?.viewers) ? countOf(stream.viewers, 'viewer') : '';
}

byId('title').textContent = id;
byId('classic').textContent = location.origin + paths.classic;
byId('live').textContent = location.origin + paths.live;
byId('multi').href = `/multi?ids=${encodeURIComponent(id)}`;
byId('sound').addEventListener('change', showSnippet);
playback.addEventListener('state', showState);
showState();
showSnippet();
wireCopyButtons();
listenToKeys(() => player);
setInterval(showFigures, 500);
every(5000, showStream);
