/* From a request's path to what is asked. Pure, total: every run of bytes has an answer. */
#ifndef BROADCASTER_HLS_H
#define BROADCASTER_HLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/span.h"
#include "broadcaster/board.h"

#define HLS_TARGET_MAX 2048 /* bytes of a request target, with the query */

enum hls_what {
    HLS_FRONT,    /* "/": what this server is */
    HLS_HEALTH,   /* "/healthz" */
    HLS_MASTER,   /* "/stream/ID.m3u8" */
    HLS_REDIRECT, /* "/stream/ID": to the master, when the stream is there */
    HLS_MEDIA,    /* "/stream/ID/RENDITION.m3u8" */
    HLS_SEGMENT,  /* "/stream/ID/RENDITION/N.ts" */
    HLS_UNKNOWN,  /* nothing is or can be there (404): why */
    HLS_BAD,      /* not a path (400): why */
};

struct hls_ask {
    enum hls_what what;
    bool current;                           /* MASTER, REDIRECT: "current" in any case */
    char id[ID_MAX + 1];                    /* MASTER, REDIRECT, MEDIA, SEGMENT */
    char rendition[RENDITION_NAME_MAX + 1]; /* MEDIA, SEGMENT */
    uint64_t msn;                           /* SEGMENT */
    const char *why;                        /* UNKNOWN, BAD: a sentence; static storage */
};

/* Reads a request target in origin form or absolute form (RFC 9112, 3.2.1 and 3.2.2), as it was
 * sent. Percent signs are decoded once, after the path was cut at its slashes (RFC 3986, 2.4). The
 * query may hold anything. */
struct hls_ask hls_parse(struct span target);

#endif
