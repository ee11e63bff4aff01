// Where the watch page changes the rung: node --test rung_switch.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import { atSegments, hasNext, isWithin, levelNow } from "../../broadcaster/web/rung_switch.js";

const parts = (sn, n) => Array.from({ length: n }, (_, index) => ({ index, fragment: { sn } }));
const loaded = (sn, index) => ({ frag: { sn }, part: { index } });

test("a segment goes on up to its last part", () => {
  const open = { endSN: 6, partList: [...parts(6, 10), ...parts(7, 3)] };
  assert.equal(isWithin(loaded(7, 0), open), true);
  assert.equal(isWithin(loaded(7, 2), open), true); // the newest: more of it comes
  assert.equal(isWithin(loaded(6, 8), open), true);
  assert.equal(isWithin(loaded(6, 9), open), false);
  assert.equal(isWithin(loaded(4, 9), open), false); // its parts are not listed any more
  const ended = { endSN: 7, partList: parts(7, 3) };
  assert.equal(isWithin(loaded(7, 2), ended), false);
  assert.equal(isWithin(loaded(7, 1), ended), true);
});

test("whole segments are never within", () => {
  assert.equal(isWithin({ frag: { sn: 7 }, part: null }, { endSN: 7, partList: parts(7, 3) }), false);
  assert.equal(isWithin(loaded(7, 1), { endSN: 7, partList: null }), false);
  assert.equal(isWithin(null, { endSN: 7, partList: parts(7, 3) }), false);
});

test("the next segment is there with its first part", () => {
  assert.equal(hasNext(loaded(7, 9), { endSN: 7, partList: parts(7, 10) }), false);
  assert.equal(hasNext(loaded(7, 9), { endSN: 7, partList: [...parts(7, 10), ...parts(8, 1)] }), true);
  assert.equal(hasNext(loaded(7, 9), { endSN: 8, partList: null }), true);
});

const from = (level, sn, index) => ({ frag: { sn, level }, part: { index } });
const open = { endSN: 6, partTarget: 0.2, partList: [...parts(6, 10), ...parts(7, 3)] };
const between = { endSN: 7, partTarget: 0.2, partList: parts(7, 10) };

test("within a segment the rung stays, unless the buffer runs dry", () => {
  const now = { current: 1, details: open, loaded: from(1, 7, 2), whole: false, ahead: 0.5 };
  assert.equal(levelNow({ ...now, asked: 2 }), 1);
  assert.equal(levelNow({ ...now, asked: 0 }), 1);
  assert.equal(levelNow({ ...now, asked: 0, ahead: 0.1 }), 0);
  assert.equal(levelNow({ ...now, asked: 2, ahead: 0.1 }), 1);
  assert.equal(levelNow({ ...now, asked: 2, details: between, loaded: from(1, 7, 9) }), 2);
  assert.equal(levelNow({ ...now, asked: 2, details: null }), 2);
  assert.equal(levelNow({ ...now, asked: 2, current: -1 }), 2);
});

test("nothing is loaded until the next segment is in the new rung's playlist too", () => {
  const now = { current: 2, asked: 2, loaded: from(1, 7, 9), whole: true, ahead: 0.5 };
  assert.equal(levelNow({ ...now, details: between }), -1);
  assert.equal(levelNow({ ...now, details: open }), -1); // it comes later than the other one
  assert.equal(levelNow({ ...now, details: between, ahead: 0.1 }), 2);
  assert.equal(levelNow({ ...now, details: between, whole: false }), 2);
  const classic = { endSN: 7 };
  assert.equal(levelNow({ ...now, details: classic }), -1);
  assert.equal(levelNow({ ...now, details: classic, ahead: 0 }), 2, "nobody waits for ever");
  const next = { ...between, partList: [...parts(7, 10), ...parts(8, 1)] };
  assert.equal(levelNow({ ...now, details: next }), 2);
  assert.equal(levelNow({ ...now, details: next, asked: 0 }), 2); // one after the other
});

// What of hls.js it stands upon.
class Choice {
  constructor(hls) { Object.assign(this, { hls, best: 0 }); }
  destroy() { this.hls = null; }
  get nextAutoLevel() { return this.best; }
  set nextAutoLevel(level) { this.best = level; }
}

function choice() {
  const listeners = new Map();
  const hls = {
    loadLevel: 0, levels: [{}, {}, {}],
    on: (name, fn) => listeners.set(name, fn), off: (name) => listeners.delete(name),
  };
  const Held = atSegments({ DefaultConfig: { abrController: Choice }, Events: { FRAG_LOADED: "loaded" } },
    () => 1);
  const abr = new Held(hls);
  const load = (level, sn, index, type = "main") =>
    listeners.get("loaded")(null, { frag: { sn, level, type }, part: { index } });
  return { hls, abr, load, listeners };
}

test("what is pinned comes at the next segment, and stays", () => {
  const { hls, abr, load, listeners } = choice();
  abr.pinned = 2;
  hls.levels[0].details = open;
  load(0, 7, 2);
  load(0, 6, 9, "audio");
  load(0, "initSegment", 0);
  assert.equal(abr.nextAutoLevel, 0);
  hls.levels[0].details = between;
  load(0, 7, 9);
  assert.equal(abr.nextAutoLevel, 2);
  hls.loadLevel = 2; // as hls.js does
  abr.nextAutoLevel = 2;
  hls.levels[2].details = between;
  assert.equal(abr.nextAutoLevel, -1);
  hls.levels[2].details = { ...between, partList: [...parts(7, 10), ...parts(8, 1)] };
  assert.equal(abr.nextAutoLevel, 2);
  hls.loadLevel = -1;
  load(2, 8, 0);
  assert.equal(abr.pinned, -1);
  assert.equal(hls.loadLevel, 2, "it is hls.js's own setting now");
  abr.destroy();
  assert.equal(listeners.size, 0);
});

test("what is broken is left at once", () => {
  const { hls, abr, load } = choice();
  hls.levels[0].details = open;
  load(0, 7, 2);
  abr.best = 1;
  assert.equal(abr.nextAutoLevel, 0);
  abr.nextAutoLevel = 1; // as hls.js does when the level's playlist fails
  assert.equal(abr.nextAutoLevel, 1);
  hls.loadLevel = 1;
  abr.nextAutoLevel = 1;
  hls.levels[1].details = between;
  assert.equal(abr.nextAutoLevel, 1, "it does not wait for another segment");
});
