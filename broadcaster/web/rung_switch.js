// Changes the rung where a segment begins. hls.js alone changes with the next part, and begins the new
// rung at the newest key picture before it. That takes away what was buffered behind that key picture,
// and the picture then stands still up to the next one, without an event, while the sound goes on.

const LOW_PARTS = 1; // ahead in the buffer: with less, a smaller rung at once is the lesser evil

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

/** Which rung to load now: the asked one, or for as long as it would be within a segment the current
 * one. ahead: seconds in the buffer; part: PART-TARGET. */
export function mayLoad(current, asked, { within, ahead, part }) {
  const starves = asked < current && ahead < part * LOW_PARTS;
  return asked === current || current < 0 || !within || starves ? asked : current;
}

/** hls.js's choice of rungs (Hls.DefaultConfig.abrController), held back up to the next segment.
 * ahead(): seconds in the buffer. */
export function atSegments({ DefaultConfig, Events }, ahead) {
  return class extends DefaultConfig.abrController {
    constructor(hls) {
      super(hls);
      this.pinned = -1; // the level to go to, whatever the network carries; -1: none
      this.forced = false; // away from the current level: it is broken
      this.loaded = null;
      this.onLoaded = (_, { frag, part }) => {
        if (frag.type === 'main' && frag.sn !== 'initSegment') {
          this.loaded = { frag, part };
        }
      };
      hls.on(Events.FRAG_LOADED, this.onLoaded);
    }

    destroy() {
      this.hls?.off(Events.FRAG_LOADED, this.onLoaded);
      super.destroy();
    }

    get nextAutoLevel() {
      const details = this.hls?.latestLevelDetails;
      if (!details || this.forced) {
        return super.nextAutoLevel;
      }
      return mayLoad(this.hls.loadLevel, this.pinned >= 0 ? this.pinned : super.nextAutoLevel, {
        within: isWithin(this.loaded, details),
        ahead: ahead(),
        part: details.partTarget ?? 0,
      });
    }

    set nextAutoLevel(level) {
      this.forced = level !== this.hls?.loadLevel;
      super.nextAutoLevel = level;
    }
  };
}
