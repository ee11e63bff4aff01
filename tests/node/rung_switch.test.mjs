// Where the watch page changes the rung: node --test rung_switch.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import { atSegments, isWithin, mayLoad } from "../../broadcaster/web/rung_switch.js";

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

test("within a segment the rung stays, unless the buffer runs dry", () => {
  const now = { within: true, ahead: 0.5, part: 0.2 };
  assert.equal(mayLoad(1, 2, now), 1);
  assert.equal(mayLoad(1, 0, now), 1);
  assert.equal(mayLoad(1, 0, { ...now, ahead: 0.1 }), 0);
  assert.equal(mayLoad(1, 2, { ...now, ahead: 0.1 }), 1);
  assert.equal(mayLoad(1, 2, { ...now, within: false }), 2);
  assert.equal(mayLoad(-1, 2, now), 2);
});

// What of hls.js it stands upon.
class Choice {
  constructor(hls) { Object.assign(this, { hls, best: 0 }); }
  destroy() { this.hls = null; }
  get nextAutoLevel() { return this.best; }
  set nextAutoLevel(level) { this.best = level; }
}

test("what is pinned comes at the next segment, what is broken is left at once", () => {
  const listeners = new Map();
  const hls = {
    loadLevel: 0, latestLevelDetails: null,
    on: (name, fn) => listeners.set(name, fn), off: (name) => listeners.delete(name),
  };
  const Held = atSegments({ DefaultConfig: { abrController: Choice }, Events: { FRAG_LOADED: "loaded" } },
    () => 1);
  const choice = new Held(hls);
  choice.pinned = 2;
  assert.equal(choice.nextAutoLevel, 0); // before there is a playlist it is hls.js's own
  hls.latestLevelDetails = { endSN: 6, partTarget: 0.2, partList: parts(7, 3) };
  listeners.get("loaded")(null, { frag: { sn: 7, type: "main" }, part: { index: 2 } });
  assert.equal(choice.nextAutoLevel, 0);
  listeners.get("loaded")(null, { frag: { sn: 6, type: "audio" }, part: { index: 9 } });
  listeners.get("loaded")(null, { frag: { sn: "initSegment", type: "main" }, part: null });
  assert.equal(choice.nextAutoLevel, 0);
  hls.latestLevelDetails.endSN = 7;
  assert.equal(choice.nextAutoLevel, 2);
  hls.latestLevelDetails.endSN = 6;
  choice.nextAutoLevel = 1; // as hls.js does when the level's playlist fails
  assert.equal(choice.nextAutoLevel, 1);
  hls.loadLevel = 1;
  choice.nextAutoLevel = 1; // it is there
  choice.pinned = -1;
  choice.best = 0;
  assert.equal(choice.nextAutoLevel, 1);
  choice.destroy();
  assert.equal(listeners.size, 0);
});
