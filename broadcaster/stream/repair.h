/* Mends the times of a publisher's packets: one rising timeline per stream, whatever the encoder
 * does. Pure. Every repair is counted.
 *
 * The timeline is the publisher's own clock moved by an offset. Each kind of packets has an offset
 * of its own, because sound and picture may have clocks of their own, and because a clock that
 * jumps does so for one of them first: the other one takes over the new offset when it jumps as
 * well, so that both stay together. */
#ifndef BROADCASTER_STREAM_REPAIR_H
#define BROADCASTER_STREAM_REPAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "broadcaster/stream/sound_frame.h"
#include "media/packet.h"

/* A timeline starts here, so that decoding times before the first picture stay positive. */
#define REPAIR_ORIGIN_TICKS (10 * TICKS_PER_S)

/* A step of the publisher's clock beyond this is taken for a jump, unless as much time has really
 * passed, the other kind's clock agrees, or packets come that far apart anyway. */
#define REPAIR_JUMP_TICKS (3 * TICKS_PER_S)

/* A step back beyond this, and beyond a few packets. */
#define REPAIR_BACK_TICKS (TICKS_PER_S / 2)

/* Longest step that is believed because the one before was as long. */
#define REPAIR_STEP_TICKS_MAX (30 * TICKS_PER_S)

/* How far the picture may be moved behind its decoding for negative composition offsets. */
#define REPAIR_DELAY_TICKS_MAX TICKS_PER_S

/* Everything that is counted as mended, what the stream mends beyond the times included. */
enum repair_kind {
    REPAIR_DTS_NOT_RISING, /* DTS equal to or below the one before */
    REPAIR_PTS_BELOW_DTS,  /* negative composition offset */
    REPAIR_PTS_FAR,        /* composition offset that cannot be */
    REPAIR_JUMP,           /* the clock jumped; the timeline goes on without one */
    REPAIR_APART,          /* sound and picture had clocks of their own */
    REPAIR_CLOCK_STOOD,    /* the clock stood still: times come from the frames' lengths */
    REPAIR_SOUND_DRIFT,    /* counted samples and clock had drifted apart */
    REPAIR_SOUND_OVERLAP,  /* sound that was there already, left out */
    REPAIR_NO_KEY,         /* a picture that nothing can be decoded from, left out */
    REPAIR_BEGUN_NO_KEY,   /* begun without a key picture, since none came */
    REPAIR_PICTURE_HELD,   /* the picture stood still: the last one was shown again */
    REPAIR_CUT_EARLY,      /* a segment that became too large was ended */
    REPAIR_TOO_FAST,       /* more segments than can be taken: packets left out */
    REPAIR_HOLE,           /* nothing came for a while: the timeline has a hole */
    REPAIR_TRACK_CHANGED,  /* a codec header changed, or a track came later */
    REPAIR_NO_HEADER,      /* came before its codec header, left out */
    REPAIR_NOT_CARRIED,    /* of a codec, header or kind that cannot be carried, left out */
    REPAIR_BROKEN,         /* a frame that cannot be read, left out */
    REPAIR_SOUND_MISSING,  /* a hole in the sound while the picture went on */
    REPAIR_SILENCE,        /* frames of silence in such holes */
    REPAIRS_
};

/* "dts_not_rising"; static. */
const char *repair_name(enum repair_kind kind);

struct repair_counters {
    uint64_t n[REPAIRS_];
};

struct repair_lane {
    bool started;
    bool catching;    /* sound that is behind after a jump: left out until it is not */
    bool free;        /* sound whose frames do not last as long as they say */
    int64_t offset;   /* output = input + offset */
    int64_t first_in; /* since the start */
    int64_t first_out;
    int64_t first_ms;
    int64_t last_in;
    int64_t last_out;
    int64_t last_step;  /* of the input, as it came */
    int64_t nominal;    /* usual step; 0: not known yet */
    int64_t arrival_ms; /* of the last packet */
    unsigned stuck;     /* packets in a row whose input did not rise */
    int64_t stuck_out;  /* where the clock was taken to stand still, and when */
    int64_t stuck_ms;
    int64_t remainder; /* of counted samples, in 1/rate of a tick */
    int64_t drift;     /* smallest of this window */
    unsigned window;   /* packets in it */
    int64_t slew;      /* still to be added, a little with each packet */
    unsigned relocks;  /* in a row, while the clock was going on */
};

struct repair {
    bool started;
    bool restarted; /* there was a publisher before: nothing may come before the origin */
    int64_t origin; /* where the next timeline piece starts */
    int64_t newest; /* highest DTS given out */
    int64_t
        delay; /* of showing behind decoding, for negative composition offsets; the sound's too */
    struct repair_lane lanes[2]; /* by enum track_kind */
    struct repair_counters counters;
};

struct repair_verdict {
    bool drop;   /* the packet has no place */
    bool jumped; /* the publisher's clock did; the timeline goes on */
};

void repair_init(struct repair *r);

/* to += from. */
void repair_counters_add(struct repair_counters *to, const struct repair_counters *from);

/* The publisher's clock starts anew (it came back): the next packet continues the timeline after
 * what was given out. */
void repair_restart(struct repair *r);

/* The sound's track changed: nothing is known of its frames any more. */
void repair_sound_changed(struct repair *r);

/* r is of one further sound track of the same publisher. Tells it where the first tracks are, to
 * whose clock it belongs; before each of its packets, which has the time `in`. Where theirs has
 * jumped, or it has strayed from them, it begins anew, so that its times may go back. False: they
 * have not begun. */
bool repair_follow(struct repair *r, const struct repair *first, int64_t in);

/* Sets dts and pts of p on the stream's timeline: per kind strictly rising DTS, PTS not below DTS.
 * frame: how long a sound packet lasts (rate 0: not known), which its times are counted from; of
 * pictures ignored. now_ms: monotonic, when it came. */
struct repair_verdict repair_packet(struct repair *r, struct packet *p, struct sound_frame frame,
                                    int64_t now_ms);

#endif
