// What the watch page's player asks the server for: node --test playback.test.mjs
import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

// Two modules are there once it is built: which hls.js it has, and that.
const built = {
  "./build.js": 'export const hlsVersion = "1";',
  "./hls.js": "export default globalThis.StubHls;",
};
register(`data:text/javascript,${encodeURIComponent(`
  const built = ${JSON.stringify(built)};
  export function resolve(specifier, context, next) {
    return built[specifier]
      ? { url: "data:text/javascript," + encodeURIComponent(built[specifier]), shortCircuit: true }
      : next(specifier, context);
  }`)}`);

class Base {
  loadFragment() {}
}
class Controller extends Base {}

class StubHls {
  static DefaultConfig = { timelineController: class {}, abrController: class {} };
  static Events = new Proxy({}, { get: (_, name) => name });
  static ErrorTypes = { MEDIA_ERROR: "media" };
  static ErrorDetails = {};
  static players = [];
  static isSupported = () => true;
  levels = [];
  listeners = {};
  streamController = new Controller();
  audioStreamController = new Controller();

  constructor() {
    StubHls.players.push(this);
  }

  on(name, fn) {
    this.listeners[name] = fn;
  }

  fail() {
    this.listeners.ERROR("ERROR", { type: "network", details: "gone", fatal: true });
  }

  loadSource() {}
  attachMedia() {}
  stopLoad() {}
  destroy() {}
}
const page = { StubHls, location: { href: "http://127.0.0.1/" }, document: new EventTarget() };
Object.assign(globalThis, page);
globalThis.CustomEvent ??= class extends Event {};

const MASTER = `#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1
source/live.m3u8
`;
const MEDIA = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:1\n";

// The server: how often it was looked at, and whether it is to answer yet.
const server = { looks: 0, ended: false, held: null };
globalThis.fetch = async (path) => {
  const master = new URL(path, page.location.href).pathname === "/stream/a/live.m3u8";
  if (master) {
    server.looks++;
    await server.held;
  }
  const end = server.ended ? "#EXT-X-ENDLIST\n" : "";
  return { status: 200, text: async () => (master ? MASTER : MEDIA + end) };
};

// Time that goes by as the test says.
const later = globalThis.setTimeout;
const clock = { now: 0, timers: new Map(), next: 1 };
globalThis.setTimeout = (fn, ms) => {
  clock.timers.set(clock.next, { fn, at: clock.now + ms });
  return clock.next++;
};
globalThis.clearTimeout = (timer) => clock.timers.delete(timer);
globalThis.setInterval = () => 0;
globalThis.clearInterval = () => {};
const settle = () => new Promise((done) => { later(done, 5); });

async function pass(ms) {
  const end = clock.now + ms;
  for (;;) {
    await settle();
    const [due] = [...clock.timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at);
    if (!due) {
      break;
    }
    clock.timers.delete(due[0]);
    clock.now = due[1].at;
    due[1].fn();
  }
  clock.now = end;
}

/** In real time: until it is so; for what is not timed here. */
async function until(fn) {
  for (let i = 0; i < 1000 && !fn(); i++) {
    await settle();
  }
  assert.ok(fn(), `${fn}`);
}

/** Looks of a minute. */
async function looks() {
  const before = server.looks;
  await pass(60000);
  return server.looks - before;
}

function hold() {
  let release;
  server.held = new Promise((done) => { release = done; });
  return () => {
    server.held = null;
    release();
  };
}

const { Playback } = await import("../../broadcaster/web/playback.js");

function player() {
  const video = Object.assign(new EventTarget(), {
    buffered: { length: 0 }, paused: false, currentTime: 0, play: async () => {}, pause() {},
  });
  Object.assign(server, { looks: 0, ended: false, held: null });
  StubHls.players.length = 0;
  clock.timers.clear();
  return new Playback(video, "a");
}

test("a look for further rungs that a new beginning overtakes leaves no second series of looks", async () => {
  const playback = player();
  playback.start();
  await until(() => StubHls.players.length === 1);
  const alone = await looks();
  assert.ok(alone >= 3, `${alone}`);
  const answer = hold();
  const before = server.looks;
  while (server.looks === before) {
    await pass(1000); // up to the next look for rungs, which is not answered
  }
  StubHls.players[0].fail();
  server.held = null; // what is asked for from here on is
  await pass(1000);
  await until(() => StubHls.players.length === 2);
  answer();
  assert.ok(await looks() <= alone + 1);
  playback.stop();
  assert.equal(await looks(), 0);
});

test("who stops and starts while it is looked at has one player", async () => {
  const playback = player();
  const answer = hold();
  playback.start();
  await until(() => server.looks === 1);
  playback.stop();
  playback.start();
  await until(() => server.looks === 2);
  answer();
  await until(() => StubHls.players.length > 0);
  await pass(1000);
  assert.equal(StubHls.players.length, 1);
  playback.stop();
});

test("an ended stream is waited for once, however often its end is seen", async () => {
  const playback = player();
  playback.start();
  await until(() => StubHls.players.length === 1);
  server.ended = true;
  playback.video.dispatchEvent(new Event("ended"));
  const once = await looks();
  assert.ok(once >= 10 && once <= 20, `${once}`);
  for (let i = 0; i < 3; i++) {
    playback.video.dispatchEvent(new Event("playing")); // seen again from its last seconds on
    assert.equal(playback.state, "playing");
    playback.video.dispatchEvent(new Event("ended"));
    assert.equal(playback.state, "ended");
  }
  assert.ok(await looks() <= once + 2);
  server.ended = false;
  await pass(10000);
  await until(() => StubHls.players.length === 2);
  playback.stop();
});
