// Captions inside of the pictures (CEA-608), part by part. hls.js 1.7.4 forgets with each part that it asks
// for what it has read of a caption, has one only when the next one comes, which is late where half a
// second is buffered, and none where the master playlist was read before there were captions.

const SAME_S = 0.001;

/** Whether it comes directly behind what was loaded last: both {cc, sn, part}, part -1 for a whole
 * segment. How many parts a segment has is not known. */
export function follows(last, { cc, sn, part }) {
  const next = part > 0 ? sn === last?.sn && part === last.part + 1 : sn === last?.sn + 1;
  return next && cc === last.cc;
}

function grow(known, cues) {
  const before = cues.map((cue) => known.find((k) =>
    k.text === cue.text && k.line === cue.line && Math.abs(k.endTime - cue.startTime) < SAME_S));
  if (cues.length === 0 || !before.every(Boolean)) {
    return false;
  }
  before.forEach((cue, i) => {
    cue.endTime = cues[i].endTime;
  });
  return true;
}

/** hls.js's reader of captions (Hls.DefaultConfig.timelineController), for parts. */
export function partCaptions({ DefaultConfig, Events }) {
  return class extends DefaultConfig.timelineController {
    constructor(hls) {
      super(hls);
      this.onPart = (_, { frag, part }) => {
        if (frag.type === 'main' && frag.sn !== 'initSegment') {
          this.loaded = { cc: frag.cc, sn: frag.sn, part: part?.index ?? -1 };
        }
      };
      hls.on(Events.FRAG_LOADED, this.onPart);
    }

    destroy() {
      this.hls?.off(Events.FRAG_LOADED, this.onPart);
      super.destroy();
    }

    onFragLoading(name, data) {
      const { frag: { type, cc, sn }, part } = data;
      if (type === 'main') {
        const next = follows(this.loaded, { cc, sn, part: part?.index ?? -1 });
        this.lastCc = cc;
        this.lastSn = next ? sn - 1 : NaN; // what it takes for no break, and for one
      }
      super.onFragLoading(name, data);
    }

    closedCaptionsForLevel() {
      return undefined; // what is there is shown
    }

    /** What is on the screen becomes a cue up to here, which grows with the next part. */
    onFragParsingUserdata(name, data) {
      super.onFragParsingUserdata(name, data);
      const now = Math.max(...data.samples.map(({ pts }) => pts));
      const parsers = [this.cea608Parser1, this.cea608Parser2];
      for (const channel of parsers.flatMap((parser) => parser?.channels ?? [])) {
        if (channel && channel.cueStartTime !== null && channel.cueStartTime < now) {
          channel.cueSplitAtTime(now);
          channel.outputFilter.dispatchCue();
        }
      }
    }

    addCues(track, start, end, screen, ranges) {
      const known = this.cueCache[track] ?? this.captionsTracks[track]?.track.cues ?? [];
      if (!grow([...known], this.Cues.newCue(null, start, end, screen))) {
        super.addCues(track, start, end, screen, ranges);
      }
    }
  };
}
