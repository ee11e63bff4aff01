// The watch page's way to stay close to the newest picture: node --test live_sync.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveSync, START, aheadOf, step } from "../../broadcaster/web/live_sync.js";

const PART = 0.2;
const seen = (more) => ({
  latency: 0.6, buffered: 0.5, target: 0.6, part: PART, segment: 2, stalls: 0, now: 0, ...more,
});

// A player of so long whose newest is always a part old at most: the states it went through.
function play(state, from, seconds, more = {}) {
  const states = [];
  let latency = from;
  for (let now = 0; now < seconds * 1000; now += 100) {
    const part_age = (now % (PART * 1000)) / 1000;
    state = step(state, seen({ latency, buffered: latency - part_age, now, ...more }));
    latency -= (state.rate - 1) * 0.1;
    states.push({ ...state, latency });
  }
  return states;
}

test("at the target nothing changes", () => {
  for (const latency of [0.51, 0.6, 0.69]) {
    const next = step(START, seen({ latency }));
    assert.equal(next.rate, 1);
    assert.equal(next.jump, false);
  }
});

test("what is late catches up, never faster than 1.1, and then is steady", () => {
  const states = play(START, 1.25, 20);
  assert.ok(states.every((s) => s.rate >= 1 && s.rate <= 1.1));
  const there = states.findIndex((s) => s.latency < 0.7);
  assert.ok(there > 0 && there < 90, `${there}`);
  const changes = states.filter((s, i) => i > 0 && s.rate !== states[i - 1].rate).length;
  assert.ok(changes <= 3, `${changes} changes of the rate`);
  assert.ok(states.slice(-20).every((s) => s.rate === 1 && Math.abs(s.latency - 0.6) < 0.1));
});

test("with little in the buffer nothing is played faster", () => {
  assert.equal(step(START, seen({ latency: 1.5, buffered: 0.29 })).rate, 1);
  assert.equal(step({ ...START, rate: 1.1 }, seen({ latency: 1.5, buffered: 0.1 })).rate, 1);
  assert.ok(step(START, seen({ latency: 1.5, buffered: 0.31 })).rate > 1);
});

test("each stall moves the target by a part, up to ten", () => {
  let state = step(START, seen({ stalls: 1 }));
  assert.ok(Math.abs(state.target - 0.8) < 1e-9);
  state = step(state, seen({ stalls: 1 }));
  assert.ok(Math.abs(state.target - 0.8) < 1e-9);
  state = step(state, seen({ stalls: 3 }));
  assert.ok(Math.abs(state.target - 1.2) < 1e-9);
  state = step(state, seen({ stalls: 50 }));
  assert.ok(Math.abs(state.target - 2.6) < 1e-9);
});

test("after a stall it falls back to the further target slowly", () => {
  const states = play({ ...START, stalls: 0 }, 0.6, 10, { stalls: 1 });
  assert.ok(states.every((s) => s.rate >= 0.95 && s.rate <= 1));
  assert.ok(Math.abs(states.at(-1).latency - 0.8) < 0.1);
  assert.equal(states.at(-1).rate, 1);
});

test("without a stall the target comes back, a part each half minute", () => {
  let state = step(START, seen({ stalls: 2, now: 1000 }));
  const at = (now) => (state = step(state, seen({ stalls: 2, now }))).extra;
  assert.equal(at(30000), 2);
  assert.equal(at(31001), 1);
  assert.equal(at(31100), 1);
  assert.equal(at(62000), 0);
  assert.equal(at(999000), 0);
});

test("far behind it jumps", () => {
  assert.equal(step(START, seen({ latency: 3.5 })).jump, false);
  assert.equal(step(START, seen({ latency: 3.7 })).jump, true);
});

test("at the start it jumps over what is there already, and only over that", () => {
  assert.equal(step(START, seen({ fresh: true, latency: 1.6, buffered: 1.5 })).jump, true);
  assert.equal(step(START, seen({ fresh: true, latency: 1.6, buffered: 1.1 })).jump, false);
  assert.equal(step(START, seen({ fresh: true, latency: 0.85, buffered: 0.8 })).jump, false);
  assert.equal(step(START, seen({ latency: 1.6, buffered: 1.5 })).jump, false);
});

test("without parts it is safe with more", () => {
  const classic = { part: 0, target: 6 };
  assert.equal(step(START, seen({ ...classic, latency: 7, buffered: 1.4 })).rate, 1);
  assert.equal(step(START, seen({ ...classic, latency: 7, buffered: 1.6 })).rate, 1.1);
});

test("what is buffered counts from the picture on, and holes end it", () => {
  const video = (currentTime, ...ranges) => ({
    currentTime,
    buffered: { length: ranges.length, start: (i) => ranges[i][0], end: (i) => ranges[i][1] },
  });
  assert.equal(aheadOf(video(5, [1, 3], [4, 7], [8, 9])), 2);
  assert.equal(aheadOf(video(3.95, [4, 7])), 7 - 3.95);
  assert.equal(aheadOf(video(3.5, [1, 3], [4, 7])), 0);
  assert.equal(aheadOf(video(1)), 0);
});

// Five seconds behind, at a target of less than one.
function behind(held) {
  const video = Object.assign(new EventTarget(), {
    paused: false, seeking: false, readyState: 4, playbackRate: 1.1, currentTime: 10,
    buffered: { length: 1, start: () => 0, end: () => 15 },
  });
  const hls = {
    targetLatency: 0.6, lowLatencyMode: true,
    latestLevelDetails: { live: true, edge: 15, age: 0, partTarget: 0.2, targetduration: 2 },
  };
  return new Promise((resolve) => {
    let asked = 0;
    const sync = new LiveSync(hls, video, () => end("jumped"), () => {
      asked++;
      if (asked > 1) end("left there"); // a whole turn later
      return held;
    });
    const end = (what) => { sync.stop(); resolve(what); };
    video.dispatchEvent(new Event("playing"));
  });
}

test("who went back is left there from the moment he does, who fell back is not", async () => {
  assert.equal(await behind(true), "left there");
  assert.equal(await behind(false), "jumped");
});
