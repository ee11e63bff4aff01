/* A request under /live/ (role-layout, section 5): PUT or POST /live/NAME/N.ts or .mp4. Pure. */
#ifndef BROADCASTER_PUSH_PUSH_REQUEST_H
#define BROADCASTER_PUSH_PUSH_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/span.h"
#include "broadcaster/ingest/publish_name.h"

#define PUSH_TARGET_MAX  2048 /* bytes of a request target, with the query */
#define PUSH_TEXT_MAX    320  /* of an answer's line, with the NUL */
#define PUSH_SIDE_MAX    16384
#define PUSH_DURATION_MS 2000 /* where Content-Duration is missing or not a number */
#define PUSH_PATH_MAX    (ID_MAX + PUBLISH_KEY_MAX + 8)

/* What a client sent; NULL: that header was not sent. */
struct push_headers {
    const char *method;
    const char *target;
    const char *content_resolution;
    const char *content_duration;
    const char *accept;
};

struct push_request {
    int status;                    /* 0: a segment follows; else the answer to give, with text */
    char text[PUSH_TEXT_MAX];      /* without a line end */
    char name[ID_MAX + 1];         /* which stream, as the path says it */
    char key[PUBLISH_KEY_MAX + 1]; /* what stands between the name and the file; may be "" */
    bool numbered;                 /* the file's name ends in digits: */
    uint64_t number;               /* these */
    bool mp4;
    bool wants_parts;  /* Accept: multipart/mixed */
    int width, height; /* Content-Resolution; 0: not told */
    bool has_duration; /* Content-Duration was a number of ms from 1 to PUSH_DURATION_TOLD_MAX */
    int64_t duration_ms;
    const char *query; /* of the target, borrowed from it; "" */
};

#define PUSH_DURATION_TOLD_MAX 300000

/* True when the target lies below /live/. */
bool push_request_is(const char *target);

/* Reads a request of which push_request_is holds. Every run of bytes has an answer. */
void push_request_parse(const struct push_headers *h, struct push_request *ret_request);

/* The path that admission is asked for: "NAME/KEY.ts"; out holds PUSH_PATH_MAX. */
void push_request_path(const struct push_request *r, char *out);

#endif
