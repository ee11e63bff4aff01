/* From a request's path to what is asked. Pure, total: every run of bytes has an answer. */
#ifndef BROADCASTER_HLS_HLS_H
#define BROADCASTER_HLS_HLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/span.h"
#include "broadcaster/hls/hls_query.h"
#include "broadcaster/stream/board.h"

#define HLS_TARGET_MAX 2048 /* bytes of a request target, with the query */

/* Names that no rung may have: in fMP4 the sound is a rendition of its own, "audio", and further
 * tracks are "audio1", "audio2" ...; "live" is the master playlist beside the renditions'. */
#define HLS_AUDIO "audio"
#define HLS_AUDIO_LIGHT                                                                            \
    "audio-light" /* encoded anew for rungs: "audio-light", "audio-light2" ... */
#define HLS_LIVE        "live"
#define HLS_INIT_PREFIX "init-" /* before 16 hex digits, small letters */
#define HLS_ASSET_MAX   32      /* bytes of the name of a file that the pages are made of */
#define HLS_INDEX_NAME  "index" /* a stream of this name has no classic master playlist */
#define HLS_POSTER_FILE "poster.jpg"

enum hls_what {
    HLS_FRONT,        /* "/": what this server is */
    HLS_HEALTH,       /* "/healthz" */
    HLS_STREAMS,      /* "/streams.json": which streams there are */
    HLS_INDEX,        /* "/stream/index.m3u8": their variants */
    HLS_MASTER,       /* "/stream/ID.m3u8" */
    HLS_REDIRECT,     /* "/stream/ID": to the master, when the stream is there */
    HLS_POSTER,       /* "/stream/ID/poster.jpg" */
    HLS_MEDIA,        /* "/stream/ID/RENDITION.m3u8" */
    HLS_SEGMENT,      /* "/stream/ID/RENDITION/N.ts" */
    HLS_LIVE_MASTER,  /* "/stream/ID/live.m3u8" */
    HLS_LIVE_MEDIA,   /* "/stream/ID/RENDITION/live.m3u8" */
    HLS_LIVE_SEGMENT, /* "/stream/ID/RENDITION/N.m4s" */
    HLS_LIVE_PART,    /* "/stream/ID/RENDITION/N.P.m4s" */
    HLS_LIVE_INIT,    /* "/stream/ID/RENDITION/init-HASH.mp4" */
    HLS_MULTI,        /* "/multi": the page of several streams */
    HLS_EMBED,        /* "/embed/ID": the page of a player alone */
    HLS_PUBLISH,      /* "/publish": the page for publishers */
    HLS_DEMO,         /* "/demo": the page that shows what is paid for */
    HLS_ASSET,        /* "/assets/NAME": what the pages are made of */
    HLS_UNKNOWN,      /* nothing is or can be there (404): why */
    HLS_BAD,          /* not a path (400): why */
};

struct hls_ask {
    enum hls_what what;
    bool current;        /* both MASTER, REDIRECT, POSTER: "current" in any case */
    char id[ID_MAX + 1]; /* EMBED, and MASTER to LIVE_INIT */
    char rendition[RENDITION_NAME_MAX + 1]; /* both MEDIA, both SEGMENT, PART, INIT */
    uint64_t msn;                           /* both SEGMENT, PART */
    uint32_t part;                          /* PART */
    uint64_t hash;                          /* INIT */
    char asset[HLS_ASSET_MAX + 1];          /* ASSET: small letters, digits, ".", "-", "_" */
    struct hls_directives directives;       /* LIVE_MEDIA */
    char query[HLS_QUERY_MAX + 1]; /* what addresses in the answer carry on (hls_query_parse) */
    const char *why;               /* UNKNOWN, BAD: a sentence; static storage */
};

/* Whether this rendition is a track of sound by its name: "audio", "audio1" ... "audio7", and the
 * light ones, "audio-light", "audio-light2" ... "audio-light10". */
bool hls_is_audio(const char *rendition);
bool hls_is_light_audio(const char *rendition);

/* Whether "/stream/ID.m3u8" is the index and not this stream. */
bool hls_is_index(const char *id);

/* Whether a rung may not have this name: see above. */
bool hls_is_reserved(const char *rendition);

/* The path of a target, not decoded, from its first slash; empty when there is none. */
struct span hls_path(struct span target);

/* Reads a request target in origin form or absolute form (RFC 9112, 3.2.1 and 3.2.2), as it was
 * sent. Percent signs are decoded once, after the path was cut at its slashes (RFC 3986, 2.4). The
 * query of what is below /stream/ may hold anything that fits, but its delivery directives have to
 * be in order. */
struct hls_ask hls_parse(struct span target);

#endif
