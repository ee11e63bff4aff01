// Plays a stream's live.m3u8 in a video element, and keeps at it: what is not there is waited for,
// what breaks is begun again. Without hls.js the browser's own player is used. No user interface.

import { hlsVersion } from './build.js';
import { get, look, nameOfRendition, pathsOf, readMaster } from './api.js';
import { partCaptions } from './captions.js';
import { LIVE_SYNC_CONFIG, LiveSync, aheadOf } from './live_sync.js';
import { loadEachPart } from './part_loader.js';
import { atSegments } from './rung_switch.js';

const WAIT_MS = 2000; // for a stream that is not there
const WAIT_MAX_MS = 5000;
const CROWDED_MS = 10000; // too many begin at once behind one address
const ENDED_MS = 5000; // between two looks whether it has come back; at first,
const ENDED_FIRST_MS = 1500;
const TICK_MS = 500;
const STALL_MS = 1200; // without progress it is called a stall
const QUIET_MS = 2500; // without a new part the publisher is away
const STUCK_MS = 8000; // while the playlist goes on: begin again
const AWAY_MS = 20000; // without a new playlist: perhaps it is only not read any more
const LADDER_MS = [3000, 5000, 8000, 15000, 30000]; // looks for rungs that came later
const RECOVERIES = 2; // of the decoder, within:
const RECOVERY_MS = 10000;
const NATIVE_TYPE = 'application/vnd.apple.mpegurl';
const NEAR_END_S = 0.5;
const ERRORS_KEPT = 20;
const FLUSH_S = 4; // with more ahead a chosen rung does not wait for what is there to be played

let loading;

/** The Hls class, or null where the build has none or the browser has no Media Source Extensions. */
function loadHls() {
  loading ??= (hlsVersion ? import('./hls.js') : Promise.resolve(null))
    .then((module) => (module?.default.isSupported() ? module.default : null))
    .catch(() => null);
  return loading;
}

/** Low latency holds two or more connections of each stream, and a browser has six to one host
 * unless it speaks HTTP/2: several at once would starve each other. */
function fewConnections() {
  const [navigation] = performance.getEntriesByType('navigation');
  return !/^h[23]/.test(navigation?.nextHopProtocol ?? '');
}

function jitter(ms) {
  return ms * (0.85 + Math.random() * 0.3);
}

/** Events: "state" (see .state), "rungs" (the choice changed), "tracks" (captions, sounds), "muted"
 * (the browser allows no sound before a click), "fault" (detail: what was wrong; it goes on),
 * "unpaid" (the account is empty: see paid()). */
export class Playback extends EventTarget {
  /** many: one of several on the page: no larger rung than the picture is there, and no low latency
   * where connections are few. */
  constructor(video, id, { many = false } = {}) {
    super();
    this.video = video;
    this.id = id;
    this.many = many;
    /** starting, playing, paused, stalled, away (no publisher just now), waiting (no such stream),
     * ended, unpaid, unreachable, unsupported, missing (no player for this browser in this server). */
    this.state = 'starting';
    this.wanted = null; // a rung's name; null: automatic
    this.dress = (path) => path; // what of who pays for it is in its address
    this.faults = 0; // that it had to begin again for, or to mend
    this.errors = []; // the last of all that hls.js complained about
    this.stalls = 0;
    this.timers = new Set();
    this.turn = 0; // see #forgetLooks
    video.addEventListener('ended', () => this.#ended());
    video.addEventListener('playing', () => this.#progress());
    video.addEventListener('error', () => this.#nativeFault());
  }

  start() {
    this.running = true;
    this.ticker = setInterval(() => this.#tick(), TICK_MS);
    this.#begin();
  }

  stop() {
    this.running = false;
    clearInterval(this.ticker);
    this.#detach();
  }

  // --- what is asked of it ---

  /** [{name, width, height, fps, bandwidth, current}], best first; empty when the browser chooses. */
  rungs() {
    const levels = this.hls?.levels ?? [];
    const names = new Map();
    levels.forEach((level, index) => {
      const name = nameOfRendition(level.url[0]);
      const current = index === this.hls.currentLevel;
      if (!names.has(name) || current) {
        names.set(name, {
          name,
          width: level.width,
          height: level.height,
          fps: level.frameRate,
          bandwidth: level.bitrate,
          current,
        });
      }
    });
    return [...names.values()].sort((a, b) => b.height - a.height || b.bandwidth - a.bandwidth);
  }

  /** name: of a rung; null: automatic. */
  choose(name) {
    this.wanted = name;
    if (this.hls) {
      this.#goTo(this.#levelOf(name));
    }
    this.#tell('rungs');
  }

  /** index: of a sound in hls.audioTracks. It stays chosen when the player begins again. */
  chooseSound(index) {
    const track = this.hls?.audioTracks[index];
    if (track) {
      this.sound = { name: track.name };
      this.hls.audioTrack = index;
    }
  }

  #goTo(level) {
    const { hls } = this;
    const { abrController } = hls;
    if (!hls.latestLevelDetails?.partList || this.buffered() > FLUSH_S) {
      abrController.pinned = -1;
      hls.nextLevel = level;
    } else if (level < 0 || level === hls.loadLevel) {
      abrController.pinned = -1;
      hls.loadLevel = level;
    } else {
      hls.loadLevel = -1;
      abrController.pinned = level;
    }
  }

  get live() {
    return ['playing', 'paused', 'stalled'].includes(this.state);
  }

  /** Seconds behind the newest that there is; NaN when it is not known. */
  latency() {
    const { video } = this;
    if (this.hls) {
      return this.hls.latency > 0 ? this.hls.latency : NaN;
    }
    const n = video.seekable.length;
    return n > 0 ? video.seekable.end(n - 1) - video.currentTime : NaN;
  }

  /** Seconds that can be played without the network. */
  buffered() {
    return aheadOf(this.video);
  }

  bandwidth() {
    return this.hls?.bandwidthEstimate ?? NaN;
  }

  toLive() {
    const { video, hls } = this;
    this.behind = false;
    const n = video.seekable.length;
    const edge = (hls && this.sync.position) ?? (n > 0 ? video.seekable.end(n - 1) : NaN);
    if (edge > video.currentTime) {
      video.currentTime = edge;
    }
    this.play();
  }

  seekBy(seconds) {
    const { video } = this;
    const n = video.seekable.length;
    if (n > 0) {
      this.behind = true;
      const [first, last] = [video.seekable.start(0), video.seekable.end(n - 1)];
      const newest = this.hls?.liveSyncPosition ?? last;
      video.currentTime = Math.min(Math.max(video.currentTime + seconds, first), newest);
    }
  }

  play() {
    this.held = false;
    this.video.play().catch((e) => {
      if (e.name === 'NotAllowedError' && !this.video.muted) {
        this.video.muted = true;
        this.#tell('muted');
        this.play();
      } else if (e.name === 'NotAllowedError') {
        this.#set('paused');
      }
    });
  }

  pause() {
    this.held = this.behind = true; // who pauses goes on where it was
    this.video.pause();
    if (this.live) {
      this.#set('paused');
    }
  }

  // --- beginning ---

  async #begin(wait = WAIT_MS) {
    const { turn } = this;
    const Hls = await loadHls();
    if (turn !== this.turn) {
      return;
    }
    if (!Hls && !this.video.canPlayType(NATIVE_TYPE)) {
      this.#set(hlsVersion ? 'unsupported' : 'missing');
      return;
    }
    const { state, master } = await look(this.id);
    if (turn !== this.turn) {
      return;
    }
    if (state === 'live') {
      const path = await this.#pick();
      if (turn === this.turn) {
        this.path = path;
        this.#attach(Hls, master);
      }
      return;
    }
    this.#set(state === 'gone' ? 'waiting' : state);
    const next = state === 'ended' ? ENDED_MS : Math.min(wait * 1.3, WAIT_MAX_MS);
    this.#later(state === 'ended' ? ENDED_MS : wait, () => this.#begin(next));
  }

  async #pick() {
    const { live, classic } = pathsOf(this.id);
    if (!this.many || !fewConnections()) {
      return live;
    }
    const { status } = await get(classic); // not every codec is in that one
    return status === 200 ? classic : live;
  }

  #attach(Hls, master) {
    this.#detach();
    this.moved = this.listed = performance.now();
    this.at = -1;
    this.over = this.behind = false;
    this.set = new Set(readMaster(master, pathsOf(this.id).live).map((r) => r.name));
    if (!['stalled', 'away'].includes(this.state)) {
      this.#set('starting');
    }
    if (Hls) {
      this.#attachHls(Hls);
      this.#watchLadder(0);
    } else {
      this.video.src = this.dress(this.path);
      this.#playUnlessHeld();
    }
  }

  /** Who has paused it goes on when he wants to, however often it has begun again. */
  #playUnlessHeld() {
    if (this.held) {
      this.#set('paused');
    } else {
      this.play();
    }
  }

  #attachHls(Hls) {
    const hls = new Hls({
      lowLatencyMode: true,
      ...LIVE_SYNC_CONFIG,
      timelineController: partCaptions(Hls),
      abrController: atSegments(Hls, () => this.buffered()),
      backBufferLength: 30,
      liveDurationInfinity: true,
      capLevelToPlayerSize: this.many,
      audioPreference: this.sound,
      workerPath: '/assets/hls.worker.js',
    });
    loadEachPart(hls);
    this.hls = hls;
    const held = () => this.behind || this.over;
    this.sync = new LiveSync(hls, this.video, () => this.toLive(), held);
    const { Events } = Hls;
    hls.on(Events.MANIFEST_PARSED, () => {
      if (this.wanted !== null) {
        hls.startLevel = hls.nextLevel = this.#levelOf(this.wanted);
      }
      this.#tell('rungs');
      this.#playUnlessHeld();
    });
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => this.#playlistCame(details));
    hls.on(Events.LEVEL_SWITCHED, () => this.#tell('rungs'));
    hls.on(Events.SUBTITLE_TRACKS_UPDATED, () => this.#tell('tracks'));
    hls.on(Events.AUDIO_TRACKS_UPDATED, () => this.#tell('tracks'));
    hls.on(Events.ERROR, (_, error) => this.#hlsFault(Hls, error));
    hls.loadSource(this.dress(this.path));
    hls.attachMedia(this.video);
  }

  /** What was to be looked at counts no more, nor what is being looked at. */
  #forgetLooks() {
    this.turn++;
    for (const timer of this.timers) {
      clearTimeout(timer);
    }
    this.timers.clear();
  }

  #detach() {
    this.#forgetLooks();
    if (this.hls) {
      this.sync.stop();
      this.hls.destroy();
      this.hls = null;
    } else if (this.video.src) {
      this.video.removeAttribute('src');
      this.video.load();
    }
  }

  /** Looks again, and begins again when there is something. */
  #again(ms = WAIT_MS / 4) {
    this.#detach();
    this.#later(jitter(ms), () => this.#begin());
  }

  #later(ms, fn) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (this.running) {
        fn();
      }
    }, ms);
    this.timers.add(timer);
  }

  /** A rung is in the master playlist from its first segment on, and hls.js reads that once. */
  #watchLadder(nth) {
    this.#later(LADDER_MS[nth], async () => {
      const { turn } = this;
      const { state, master } = await look(this.id);
      const now = readMaster(master, pathsOf(this.id).live).map((r) => r.name);
      if (turn !== this.turn) {
        return;
      }
      const stays = this.held || this.behind; // to begin again would take him to the newest
      if (state === 'live' && !stays && now.some((name) => !this.set.has(name))) {
        this.#again(0);
      } else {
        this.#watchLadder(Math.min(nth + 1, LADDER_MS.length - 1));
      }
    });
  }

  #levelOf(name) {
    return name === null
      ? -1
      : this.hls.levels.findIndex((level) => nameOfRendition(level.url[0]) === name);
  }

  // --- what happens ---

  #playlistCame(details) {
    const newest = `${details.endSN}/${details.partList?.length ?? 0}`;
    if (newest !== this.newest) {
      this.newest = newest;
      this.listed = performance.now();
    }
    this.patience = details.partTarget ? QUIET_MS : details.targetduration * 1500 + 1000;
    this.over = !details.live;
  }

  #hlsFault(Hls, { type, details, fatal, response }) {
    const at = this.video.currentTime.toFixed(1);
    this.errors = [...this.errors.slice(-ERRORS_KEPT), `${type} ${details} at ${at} s`];
    if (response?.code === 402 || response?.code === 403) {
      this.#unpaid(); // too little money, or the account is frozen
      return;
    }
    if (response?.code === 429) {
      this.#again(CROWDED_MS);
      return;
    }
    if (!fatal) {
      return;
    }
    this.faults++;
    this.#tell('fault', `${type} ${details} ${response?.code ?? ''}`);
    if (details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      this.#detach();
      this.#set('unsupported');
      this.#later(ENDED_MS * 2, () => this.#begin());
      return;
    }
    const now = performance.now();
    this.recoveries = (this.recoveries ?? []).filter((t) => now - t < RECOVERY_MS);
    if (type === Hls.ErrorTypes.MEDIA_ERROR && this.recoveries.length < RECOVERIES) {
      this.recoveries.push(now);
      this.hls.recoverMediaError();
      this.play();
      return;
    }
    this.#again();
  }

  /** What is in the buffer is played; then the picture stands until paid() is called. */
  #unpaid() {
    this.hls?.stopLoad();
    this.owes = true;
    this.#tell('unpaid');
  }

  /** There is money again. */
  paid() {
    if (this.owes && this.running) {
      this.owes = false;
      this.#again(0);
    }
  }

  #nativeFault() {
    if (!this.hls && this.video.src && this.running) {
      this.faults++;
      this.#tell('fault', this.video.error?.message ?? 'the browser cannot play it');
      this.#again(WAIT_MS);
    }
  }

  #ended() {
    if (this.running && this.state !== 'ended') {
      this.#set('ended');
      this.hls?.stopLoad(); // the last picture stays
      this.#forgetLooks();
      this.#awaitReturn();
    }
  }

  #awaitReturn(wait = ENDED_FIRST_MS) {
    this.#later(jitter(wait), async () => {
      const { turn } = this;
      const { state } = await look(this.id);
      if (turn !== this.turn || this.state !== 'ended') {
        return;
      }
      if (state === 'live') {
        this.held = false;
        this.#again(0);
      } else {
        this.#awaitReturn(Math.min(wait * 1.5, ENDED_MS));
      }
    });
  }

  #progress() {
    this.moved = performance.now();
    if (!this.video.paused) {
      this.#set('playing');
    }
  }

  #tick() {
    const { video } = this;
    const attached = this.hls || video.src;
    if (!attached || this.state === 'ended') {
      return;
    }
    const now = performance.now();
    if (video.currentTime !== this.at) {
      this.at = video.currentTime;
      if (!video.paused && video.readyState >= 2) {
        this.#progress();
      }
      this.moved = now;
      return;
    }
    if (video.paused && this.held) {
      this.moved = now;
    } else if (this.over && this.buffered() < NEAR_END_S) {
      this.#ended();
    } else if (now - this.moved > STALL_MS) {
      this.#stalled(now);
    }
  }

  #stalled(now) {
    if (this.owes) {
      this.#set('unpaid');
      return;
    }
    const away = this.hls && now - this.listed > (this.patience ?? 4000);
    if (this.state === 'playing') {
      this.stalls++;
    }
    if (this.state !== 'starting' || away) {
      this.#set(away ? 'away' : 'stalled');
    }
    if (away && now - this.listed > AWAY_MS) {
      this.#again(0);
    } else if (away) {
      this.moved = now; // it is the publisher who has to move
    } else if (now - this.moved > STUCK_MS) {
      this.#again(0);
    }
  }

  #set(state) {
    if (this.state !== state) {
      this.state = state;
      this.#tell('state');
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
