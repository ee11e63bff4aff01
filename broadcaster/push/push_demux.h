/* From the bytes of a pushed file to tracks and packets, by libavformat. Any thread; takes hostile
 * bytes: nothing but these is opened, and memory, packets and time are bounded. */
#ifndef BROADCASTER_PUSH_PUSH_DEMUX_H
#define BROADCASTER_PUSH_PUSH_DEMUX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "broadcaster/push/push_media.h"

#define PUSH_BODY_MAX       (64u * 1024 * 1024)  /* bytes of one pushed file */
#define PUSH_PACKETS_MAX    40000                /* of both kinds */
#define PUSH_DURATION_TICKS (300 * TICKS_PER_S)  /* longest file */
#define PUSH_DEMUX_MS       5000                 /* of wall clock */
#define PUSH_LIBRARY_ALLOC  (256u * 1024 * 1024) /* one allocation of libavformat */
#define PUSH_DEMUX_STREAMS  16
#define PUSH_DEMUX_WHY_MAX  160

struct push_demux_options {
    bool mp4;                  /* or MPEG-TS: it must be what its name says */
    int64_t told_ticks;        /* duration of a file that does not say its own */
    const atomic_bool *cancel; /* true: give up; may be NULL */
};

/* Once, before the first push_demux: bounds what libav may allocate in this process. */
void push_demux_init(void);

/* ERR_PROTO: this cannot be read as such a file, or holds nothing that can be played; ERR_LIMIT:
 * longer than PUSH_DURATION_TICKS or more packets than PUSH_PACKETS_MAX; ERR_TIMEOUT: it took
 * longer than PUSH_DEMUX_MS, or was cancelled; ERR_NOMEM. ret_why (of size PUSH_DEMUX_WHY_MAX)
 * says what is wrong. Gives the media (push_media_fini). */
enum err push_demux(struct span bytes, const struct push_demux_options *options,
                    struct push_media *ret_media, char *ret_why) CHECKED;

#endif
