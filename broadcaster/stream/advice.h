/* What a publisher can do better, in words: from what is seen of its packets. Pure; times are
 * monotonic ms unless named otherwise. */
#ifndef BROADCASTER_STREAM_ADVICE_H
#define BROADCASTER_STREAM_ADVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/repair.h"
#include "media/packet.h"

enum advice_kind {
    ADVICE_KEY_INTERVAL,
    ADVICE_NO_KEY,
    ADVICE_NO_SOUND,
    ADVICE_NO_PICTURE,
    ADVICE_TIMESTAMPS,
    ADVICE_JUMPS,
    ADVICE_APART,
    ADVICE_FRAME_RATE,
    ADVICE_BITRATE,
    ADVICE_CLOCK,
    ADVICE_TOO_FAST,
    ADVICE_TOO_LARGE,
    ADVICE_HEADERS,
    ADVICE_NO_HEADER,
    ADVICE_NOT_CARRIED,
    ADVICE_BROKEN,
    ADVICE_SOUND_HOLES,
    ADVICES_
};

#define ADVICE_TEXT_MAX 200

/* How long a warning about what happened stays after the last time, and how often one kind is told
 * to the log at most. */
#define ADVICE_STAY_MS 60000

struct advice_warning {
    bool active;
    char text[ADVICE_TEXT_MAX];
    int64_t since_ms; /* wall clock */
    uint64_t count;   /* times that it was found, by looks or by packets */
    int64_t seen_ms;
    int64_t told_ms;
    bool told;
};

struct advice_lane {
    bool seen;
    int64_t arrival_ms;
    bool missed;       /* only the other kind has come since, */
    int64_t missed_ms; /* and did so first at this time */
};

struct advice {
    struct advice_warning warnings[ADVICES_];
    struct advice_lane lanes[2]; /* by enum track_kind */
    int64_t begun_ms;
    int64_t look_ms;
    bool started;
    /* pictures */
    int64_t key_dts, gop_ticks, last_dts;
    bool key_seen;
    bool recovers; /* one can begin without a key picture, since the last one of those */
    /* of this look */
    int64_t step_sum, step_max;
    unsigned steps, long_steps;
    int64_t slice_ms, slice_bytes, slice_least, slice_most;
    unsigned slices;
    int64_t clock_ms, clock_dts; /* where the comparison of both clocks began */
    unsigned clock_off;          /* looks in a row */
    struct repair_counters repairs;
};

void advice_init(struct advice *a);

/* A new publisher: what the last one did is forgotten. */
void advice_restart(struct advice *a, int64_t now_ms);

/* A packet on the mended timeline. */
void advice_packet(struct advice *a, const struct packet *p, int64_t now_ms);

/* The last picture was a recovery point. */
void advice_recovery_point(struct advice *a);

/* Something came that is no packet. */
void advice_left_out(struct advice *a, int64_t now_ms);

/* Judges what was seen, every few seconds; cheap when it is not time yet. repairs: the stream's
 * counters; newest_dts: the end of its timeline. Returns a bit for each kind that should be told to
 * the log now. */
unsigned advice_look(struct advice *a, const struct repair_counters *repairs, int64_t newest_dts,
                     int64_t now_ms, int64_t wall_ms);

/* "keyframe_interval"; static. */
const char *advice_name(enum advice_kind kind);

#endif
