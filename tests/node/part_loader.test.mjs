// What the watch page mends in hls.js's loading of parts: node --test part_loader.test.mjs
import assert from "node:assert/strict";
import { test } from "node:test";
import Hls from "hls.js";
import { loadEachPart } from "../../broadcaster/web/part_loader.js";

globalThis.self = globalThis; // what hls.js has in a browser
const PART = 0.2;
const AUDIO_LATE = 0.06; // what a list of sound may be off

// A segment of three parts, whole in the playlist, and the first of the next one.
function window(type) {
  const frags = [7, 8].map((sn, n) => {
    const start = 10 + n * 3 * PART;
    return { sn, type, level: 0, cc: 0, start, end: start + 3 * PART, duration: 3 * PART,
      relurl: `${sn}.m4s`, url: `http://127.0.0.1/${sn}.m4s`, stats: {}, elementaryStreams: {} };
  });
  const part = (fragment, index) => ({ fragment, index, start: fragment.start + index * PART,
    end: fragment.start + (index + 1) * PART, duration: PART, independent: index === 0, loaded: false,
    byteRange: [] });
  const partList = [0, 1, 2].map((i) => part(frags[0], i)).concat(part(frags[1], 0));
  return { live: true, fragments: [frags[0]], fragmentHint: frags[1], partList, startSN: 7, endSN: 7,
    fragmentStart: frags[0].start, fragmentEnd: frags[0].end, partEnd: partList[3].end,
    encryptedFragments: [] };
}

// hls.js itself, with that playlist and so many parts loaded, of which it takes the segment for loaded.
function player({ name, loaded, mended }) {
  const hls = new Hls();
  if (mended) {
    loadEachPart(hls);
  }
  const controller = hls[name];
  const details = window(name === "streamController" ? "main" : "audio");
  const level = { details };
  const [frag] = details.fragments;
  details.partList.slice(0, loaded).forEach((part) => { part.loaded = true; });
  const asked = [];
  controller.fragmentLoader.loadPart = () => new Promise(() => {});
  hls.on(Hls.Events.FRAG_LOADING, (_, { frag: { sn }, part }) => asked.push(`${sn}.${part?.index}`));
  Object.assign(controller, { levels: [level], trackId: 0, levelLastLoaded: level, initPTS: [{}],
    loadingParts: true, startFragRequested: true, fragPrevious: { ...frag },
    nextLoadPosition: frag.start + loaded * PART });
  controller.fragmentTracker.fragBuffered(frag, true);
  assert.equal(controller.fragmentTracker.getState(frag), "OK");
  const next = (time) => {
    const wanted = controller.getNextFragment(time, details);
    if (wanted && !controller.isLoopLoading(wanted, time)) {
      controller.loadFragment(wanted, level, time);
    }
    return asked.splice(0);
  };
  return { hls, next, end: frag.start + loaded * PART };
}

for (const name of ["streamController", "audioStreamController"]) {
  for (const late of [0, 1e-6, AUDIO_LATE]) {
    test(`${name} loads the last part of a segment, buffered up to ${late} s before it`, () => {
      const bare = player({ name, loaded: 2, mended: false });
      assert.deepEqual(bare.next(bare.end - late), [],
        "hls.js does so itself: if not any more, the mending can go");
      const mended = player({ name, loaded: 2, mended: true });
      assert.deepEqual(mended.next(mended.end - late), ["7.2"]);
      [bare, mended].forEach(({ hls }) => hls.destroy());
    });
  }

  test(`${name} goes on with the next segment, and loads nothing twice`, () => {
    const whole = player({ name, loaded: 3, mended: true });
    assert.deepEqual(whole.next(whole.end - AUDIO_LATE), ["8.0"]);
    const all = player({ name, loaded: 4, mended: true });
    assert.deepEqual(all.next(all.end - AUDIO_LATE), []);
    [whole, all].forEach(({ hls }) => hls.destroy());
  });
}
