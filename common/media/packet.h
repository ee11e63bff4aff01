/* A packet: one coded access unit with its times. The bytes are a slice of a blob, so that many
 * packets can share one received message. Copying the struct does not take a reference. */
#ifndef MEDIA_PACKET_H
#define MEDIA_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"
#include "media/track.h"

enum packet_flags {
    PACKET_KEY = 1,     /* decoding can start here: an IDR or IRAP picture, an AV1 or VP9 key frame;
                           every audio packet */
    PACKET_PREROLL = 2, /* decode it, do not show or encode it */
    PACKET_OPEN = 4,    /* with PACKET_KEY: pictures may follow that are shown before this one and
                           need others from before it (HEVC: a CRA picture of an open GOP); what
                           starts to decode here does without them. Stays with who cuts. */
};

struct packet {
    enum track_kind kind;
    unsigned index; /* its track's */
    unsigned flags;
    int64_t dts; /* ticks (TICKS_PER_S) */
    int64_t pts;
    int64_t duration;  /* ticks; 0 when not known yet */
    struct span data;  /* H.264, HEVC: NAL units, each behind its length (size as the track's config
                          says); AV1: OBUs with sizes, no temporal delimiter; AAC: one raw access
                          unit, no ADTS; otherwise one frame as the codec defines it */
    struct blob *blob; /* owns data */
};

/* The same bytes with one more reference. */
struct packet packet_ref(const struct packet *p);
void packet_unref(struct packet *p);

/* A growing run of packets; it owns a reference to each. */
struct packets {
    struct packet *items;
    size_t count;
    size_t cap;
    size_t bytes; /* payload bytes held */
};

void packets_init(struct packets *ps);
void packets_fini(struct packets *ps);

/* Takes p on success. ERR_NOMEM. */
enum err packets_push(struct packets *ps, struct packet p) CHECKED;

/* Moves the first n (at most count) behind those of `to`. ERR_NOMEM: as many as was possible. */
enum err packets_move(struct packets *from, size_t n, struct packets *to) CHECKED;

/* Lets go of the first n (at most count). */
void packets_drop(struct packets *ps, size_t n);

#endif
