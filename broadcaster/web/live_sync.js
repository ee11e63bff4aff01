// Keeps a live picture close to the newest, gently. hls.js itself plays faster only while more than
// a second is buffered, and a low-latency stream that runs well never has as much.
//
// step() decides (pure); LiveSync looks at the player and does what it says.

const RATE_FAR = 1.1; // a listener does not notice
const RATE_NEAR = 1.05;
const RATE_BACK = 0.95;
const FAR_S = 0.3;
const BEGIN_S = 0.1; // off the target by more, the rate changes,
const DONE_S = 0.02; // and by less, it is 1 again
const SAFE_PARTS = 1.5; // ahead in the buffer: with less, nothing is played faster
const EXTRA_PARTS = 10; // what stalls add to the target, at most
const CALM_MS = 30000; // without a stall, before a part of that is taken back
const JUMP_S = 1; // and a target duration: further behind, playing faster would take too long
const CLASSIC_PART_S = 1; // where a playlist has no parts
const TICK_MS = 100;
const SETTLED_MS = 1000; // a wait sooner after a start or a seek is no stall
const FRESH_MS = 2000; // of a start: a jump is not noticed yet

/** extra: parts that stalls have put upon the target; stalls: seen so far; calm: when (ms) the last
 * one was, or when a part was taken back since. */
export const START = Object.freeze({ rate: 1, extra: 0, stalls: 0, calm: 0 });

/** How to play on. seen: latency, buffered (ahead), target, part (PART-TARGET or 0), segment (target
 * duration), all in s; stalls: how many so far; fresh: it has just begun to play; now: ms. Returns
 * the next state: rate is what to play at, target (s) what it aims at, jump: go there at once. */
export function step(state, { latency, buffered, target, part, segment, stalls, fresh, now }) {
  const unit = part || CLASSIC_PART_S;
  let { extra, calm } = state;
  if (stalls > state.stalls) {
    extra = Math.min(extra + stalls - state.stalls, EXTRA_PARTS);
    calm = now;
  } else if (extra > 0 && now - calm > CALM_MS) {
    extra -= 1;
    calm = now;
  }
  const aim = target + extra * unit;
  const off = latency - aim;
  const next = { rate: 1, extra, stalls, calm, target: aim, jump: off > segment + JUMP_S };
  if (fresh && off > FAR_S && buffered - off > unit) {
    next.jump = true;
  }
  const margin = state.rate === 1 ? BEGIN_S : DONE_S;
  if (off > margin && state.rate >= 1 && buffered > unit * SAFE_PARTS) {
    next.rate = off > FAR_S ? RATE_FAR : RATE_NEAR;
  } else if (off < -margin && state.rate <= 1) {
    next.rate = RATE_BACK;
  }
  return next;
}

/** Of one hls.js player and its video; hls has LIVE_SYNC_CONFIG in its settings. jump(): goes to the
 * newest. held(): the viewer is where he wants to be, leave him there. */
export class LiveSync {
  constructor(hls, video, jump, held) {
    Object.assign(this, { hls, video, jump, held, stalls: 0, state: START });
    this.fresh = 0; // until when (ms) it is; 0: it has not begun
    this.settled = Infinity;
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    video.addEventListener('waiting', () => this.#waits(), { signal });
    for (const name of ['playing', 'seeked']) {
      video.addEventListener(name, () => this.#settles(), { signal });
    }
    video.addEventListener('playing', () => {
      this.fresh ||= performance.now() + FRESH_MS;
    }, { signal });
    this.ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  stop() {
    clearInterval(this.ticker);
    this.listeners.abort();
    this.video.playbackRate = 1;
  }

  /** Seconds behind the newest that it aims at; NaN when it is not known. */
  get target() {
    return this.state.target ?? this.hls.targetLatency ?? NaN;
  }

  /** Where that is in the video; null when it is not known. */
  get position() {
    const { liveSyncPosition, targetLatency } = this.hls;
    return liveSyncPosition === null ? null : liveSyncPosition - (this.target - targetLatency);
  }

  #settles() {
    this.settled = performance.now() + SETTLED_MS;
  }

  #waits() {
    if (!this.video.seeking && performance.now() > this.settled) {
      this.stalls++;
    }
    this.settled = Infinity;
  }

  #tick() {
    const { hls, video, state } = this;
    const now = performance.now();
    const details = hls.latestLevelDetails;
    const plays = this.fresh > 0 && !video.paused && !video.seeking && video.readyState >= 2;
    if (!plays || !details?.live || hls.targetLatency === null) {
      return;
    }
    if (this.held()) {
      this.#playAt(1);
      return;
    }
    this.state = step(state, {
      latency: details.edge + details.age - video.currentTime,
      buffered: aheadOf(video),
      target: hls.targetLatency,
      part: (hls.lowLatencyMode && details.partTarget) || 0,
      segment: details.targetduration,
      stalls: this.stalls,
      fresh: now < this.fresh,
      now,
    });
    if (this.state.jump) {
      this.fresh = now;
      this.jump();
    }
    this.#playAt(this.state.rate);
  }

  #playAt(rate) {
    if (this.video.playbackRate !== rate) {
      this.video.playbackRate = rate;
    }
  }
}

/** What hls.js is to leave to it. */
export const LIVE_SYNC_CONFIG = { maxLiveSyncPlaybackRate: 1, liveSyncOnStallIncrease: 0 };

/** Seconds in the buffer after the picture that is shown. */
export function aheadOf({ buffered, currentTime }) {
  for (let i = 0; i < buffered.length; i++) {
    if (buffered.start(i) <= currentTime + 0.1 && buffered.end(i) > currentTime) {
      return buffered.end(i) - currentTime;
    }
  }
  return 0;
}
