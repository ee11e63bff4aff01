// Changes the rung where a segment begins. hls.js alone changes with the next part, and begins the new
// rung at the newest key picture before it. That takes away what was buffered behind that key picture,
// and the picture then stands still up to the next one, without an event, while the sound goes on.

const LOW_PARTS = 1; // ahead in the buffer: with less, a freeze is the lesser evil
const NOTHING = -1; // no level: hls.js loads nothing until it asks again

/** Whether more of its segment comes behind what was loaded last: {frag, part}, part null for a whole
 * segment. details: hls.js's of the playlist that it is from. */
export function isWithin(loaded, details) {
  if (!loaded?.part || !details?.partList) {
    return false;
  }
  const { frag, part } = loaded;
  const follows = (p) => p.fragment.sn === frag.sn && p.index > part.index;
  return details.endSN < frag.sn || details.partList.some(follows);
}

/** Whether a playlist has a segment, or parts of one, behind what was loaded last. hls.js would begin
 * with the segment before it again. */
export function hasNext(loaded, details) {
  return details.endSN > loaded.frag.sn ||
    (details.partList ?? []).some((p) => p.fragment.sn > loaded.frag.sn);
}

/** Which level to load from now. current: the one whose playlist is loaded, details: of that one;
 * asked: the one to go to; loaded: see isWithin; whole: its segment was whole when the level changed;
 * ahead: seconds in the buffer. */
export function levelNow({ current, asked, details, loaded, whole, ahead }) {
  if (current < 0 || !details || !loaded?.part) {
    return asked;
  }
  const low = ahead <= (details.partTarget ?? 0) * LOW_PARTS;
  if (loaded.frag.level !== current) { // nothing of this level yet
    return whole && !low && !hasNext(loaded, details) ? NOTHING : current;
  }
  return isWithin(loaded, details) && !(low && asked < current) ? current : asked;
}

/** hls.js's choice of rungs (Hls.DefaultConfig.abrController), held back up to the next segment.
 * ahead(): seconds in the buffer. */
export function atSegments({ DefaultConfig, Events }, ahead) {
  return class extends DefaultConfig.abrController {
    constructor(hls) {
      super(hls);
      this.pinned = -1; // the level to go to, whatever the network carries; -1: none
      this.forced = false; // away from the current level: it is broken
      this.whole = false;
      this.loaded = null;
      this.onLoaded = (_, { frag, part }) => this.#came(frag, part);
      hls.on(Events.FRAG_LOADED, this.onLoaded);
    }

    destroy() {
      this.hls?.off(Events.FRAG_LOADED, this.onLoaded);
      super.destroy();
    }

    get nextAutoLevel() {
      const { hls, loaded, whole, pinned } = this;
      const best = super.nextAutoLevel;
      if (!hls || this.forced) {
        return best;
      }
      const current = hls.loadLevel;
      const details = hls.levels[current]?.details;
      const asked = pinned >= 0 ? pinned : best;
      const level = levelNow({ current, asked, details, loaded, whole, ahead: ahead() });
      if (level >= 0 && level !== current) {
        this.whole = !isWithin(loaded, details);
      }
      return level;
    }

    set nextAutoLevel(level) {
      this.forced = level !== this.hls?.loadLevel;
      this.whole &&= !this.forced;
      super.nextAutoLevel = level;
    }

    #came(frag, part) {
      if (frag.type !== 'main' || frag.sn === 'initSegment' || frag.bitrateTest) {
        return;
      }
      this.loaded = { frag, part };
      if (frag.level === this.pinned) {
        this.pinned = -1;
        this.hls.loadLevel = frag.level; // nor may it be left because of the network
      }
    }
  };
}
