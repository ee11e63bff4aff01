/* One track of a publish: from its codec headers and frames to a struct track and to packets. Pure.
 */
#ifndef BROADCASTER_RTMP_MEDIA_TRACK_H
#define BROADCASTER_RTMP_MEDIA_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"
#include "broadcaster/codec/vp9.h"
#include "media/track.h"

#define MEDIA_CONFIG_MAX 65536 /* bytes of a codec header */

struct media_track {
    bool used;
    unsigned id; /* the publisher's */
    enum track_kind kind;
    unsigned index;         /* ours */
    enum track_codec codec; /* by its header, or by its frames */
    bool ready;             /* frames can be read */
    struct track *track;    /* NULL until all is known of it */
    bool announced;         /* for the user */
    struct blob *heard;     /* the last codec header as it came; NULL: none */
    int nal_length_size;    /* H.264, HEVC */
    bool has_record;        /* VP9: what the publisher sent */
    uint8_t record[VP9_RECORD_BYTES];
    int channels; /* told beside the codec header; 0: not */
    bool color_told;
    struct track_color told; /* beside the video */
    struct track_color own;  /* in the codec header */
    struct track_turn turn;  /* as the newest key frame that spoke of it said */
    bool started;            /* HEVC: there was a picture to start from */
    bool skips_leading;      /* HEVC: until the next such picture */
    bool cra;                /* HEVC: the newest such picture may have leading ones */
    bool led;                /* HEVC: and has */
    bool closed;             /* HEVC: the last one that was past had none */
};

void media_track_init(struct media_track *t, enum track_kind kind, unsigned id, unsigned index);
void media_track_fini(struct media_track *t);

/* Another index, for a track that was not announced yet. ERR_NOMEM. */
enum err media_track_move(struct media_track *t, unsigned index) CHECKED;

/* A codec header. A new track->track that equals the last one is not made. codec: as declared;
 * H.264 and HEVC are told apart by the header itself, because some encoders declare the wrong one.
 * A header that says nothing changes nothing, nor does the last one again: what the frames said
 * since is newer. ERR_PROTO, ERR_LIMIT: it cannot be read, *ret_why is
 * a static sentence and all stays as it was; ERR_NOMEM. */
enum err media_track_header(struct media_track *t, enum track_codec codec, struct span header,
                            const char **ret_why) CHECKED;

/* AV1's descriptor of MPEG-2 TS in place of a header: the track follows from the first key frame.
 * ERR_PROTO. */
enum err media_track_ts_header(struct media_track *t, struct span descriptor) CHECKED;

/* What stands beside the video or the sound. told: false takes back what was told. ERR_NOMEM. */
enum err media_track_color(struct media_track *t, bool told,
                           const struct track_color *color) CHECKED;
void media_track_channels(struct media_track *t, int channels);

struct media_frame {
    bool key;          /* as PACKET_KEY */
    bool open;         /* as PACKET_OPEN */
    bool leading;      /* it cannot be decoded here: pictures before the start are missing */
    int64_t duration;  /* ticks; 0: not known */
    struct span data;  /* as in struct packet: inside the message, or inside */
    struct blob *blob; /* NULL, or its own, which is given */
};

/* An access unit or frames of sound, declared as that codec. It may make a new track, announced
 * being false then. ERR_AGAIN: what a decoder must know has not come yet; ERR_PROTO: not such a
 * frame; ERR_NOMEM. */
enum err media_track_frame(struct media_track *t, enum track_codec codec, struct span data,
                           struct media_frame *ret_frame) CHECKED;

#endif
