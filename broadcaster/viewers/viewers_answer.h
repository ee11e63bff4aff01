/* What a viewer gets for a request: the board's snapshots in, status, headers and body out. No
 * sockets; any thread. */
#ifndef BROADCASTER_VIEWERS_VIEWERS_ANSWER_H
#define BROADCASTER_VIEWERS_VIEWERS_ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/span.h"
#include "broadcaster/hls/hls.h"
#include "broadcaster/hls/hls_wait.h"
#include "broadcaster/stream/board.h"
#include "broadcaster/viewers/http_tag.h"

struct media_file;

#define ANSWER_COOKIE_MAX 192
#define ANSWER_TEXT_MAX   (1024 * 1024) /* bytes of a playlist */

enum answer_kind { ANSWER_OTHER, ANSWER_PLAYLIST, ANSWER_SEGMENT };

/* What is to be done with a request for what is not there yet. */
enum viewer_wait {
    VIEWER_MAY_WAIT, /* says so: answer.waits */
    VIEWER_LATE,     /* it has waited as long as it may */
    VIEWER_TOO_MANY, /* too many wait */
    VIEWER_STOPPING, /* the server ends */
};

/* One request, as it was sent; all borrowed. Headers that did not come are NULL. */
struct viewer_request {
    const char *method;
    struct span target;
    const struct hls_ask *ask; /* the target, read (hls_parse) */
    enum viewer_wait wait;
    bool dated; /* classic playlists have EXT-X-PROGRAM-DATE-TIME */
    const char *range;
    const char *if_range;
    const char *if_match;
    const char *if_none_match;
    const char *if_modified_since;
    const char *if_unmodified_since;
    const char *accept;
    const char *accept_encoding;
    const char *origin; /* whose page asks */
    const char *cookie;
};

/* Until when: board_wait with hls_ready. */
struct answer_hold {
    struct hls_want want;
    char id[ID_MAX + 1];
    char rendition[RENDITION_NAME_MAX + 1]; /* of the board */
    int64_t max_ms;
};

/* What a viewer pays for with an answer, where segments cost something. */
struct answer_media {
    char id[ID_MAX + 1]; /* of the stream; "": nothing */
    uint64_t msn;
    int64_t until; /* ticks of the segment that are fetched with it, from its start */
};

/* A body that is not there at once: libmicrohttpd's content reader, n bytes in all. */
struct answer_reader {
    ssize_t (*read)(void *arg, uint64_t at, char *bytes, size_t max);
    void *arg;
    size_t block; /* bytes asked for at once */
    uint64_t n;
};

struct answer {
    bool waits; /* there is nothing to send yet, but hold */
    struct answer_hold hold;
    enum answer_kind kind; /* of what is found, whatever of it is sent */
    int status;
    const char *content_type;  /* static storage; NULL when there is no body */
    const char *cache_control; /* static storage, or the answer's own: */
    char cache_text[32];
    struct buf location;     /* text; empty: none */
    struct blob *blob;       /* the body; or, when NULL, */
    struct buf text;         /* this; or, when there is one, */
    struct media_file *file; /* this. The answer's own */
    struct blob *gzip;       /* the same by gzip, where somebody keeps it; NULL: it is made of a
                                text when it is asked for, and a blob has none */
    uint64_t tag;            /* stands for the body (http_tag.h); 0: made of a text's bytes */
    bool page_too;           /* a browser gets a page there instead */
    bool ranges;             /* the body can be had in parts */
    uint64_t part_max;       /* bytes of a part that is to go to the end; 0: any number */
    int64_t modified_s;      /* when the body was last changed, since 1970; 0: nothing says so */
    bool modified_surely;    /* no other body can have that time */
    struct answer_media media;
    struct answer_reader reader;    /* read is not NULL: the body, in place of all others */
    char cookie[ANSWER_COOKIE_MAX]; /* to be set; "": none */
    bool takes_posts;
    unsigned retry_s; /* 429, 503: after so many seconds it may be asked again; 0: one */

    /* Set by answer_select: */
    bool varies;             /* there is a form by gzip too, or may be */
    bool gzipped;            /* the body is that of `gzip` */
    char etag[HTTP_TAG_MAX]; /* "": none */
    uint64_t first, n;       /* 206: this part of the body */
    uint64_t whole;          /* 206, 416: how long the body is */
};

void answer_init(struct answer *a, struct board *board, const struct viewer_request *request);
void answer_fini(struct answer *a);

/* What answer_init ends with: from what was found (status 200) to what is sent of it: the form by
 * gzip, a part (206), nothing (304, 412, 416). Other statuses stay as they are. */
void answer_select(struct answer *a, const struct viewer_request *request);

/* The body that is sent, whole; the caller cuts it. Borrowed from the answer. Not that of a file.
 */
struct span answer_body(const struct answer *a);

/* How long the body is, whole. */
uint64_t answer_len(const struct answer *a);

#endif
