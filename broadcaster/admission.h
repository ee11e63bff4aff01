/* Who may publish, push and play. One question has one answer, now or later. Loop's thread. */
#ifndef BROADCASTER_ADMISSION_H
#define BROADCASTER_ADMISSION_H

#include "base/err.h"
#include "broadcaster/publish_name.h"

#define ADMISSION_TEXT_MAX 256

enum admission_kind {
    ADMISSION_PUBLISH, /* RTMP */
    ADMISSION_PUSH,    /* HTTP */
    ADMISSION_PLAY,    /* RTMP */
};

/* All borrowed for the call. */
struct admission_request {
    enum admission_kind kind;
    const char *path;             /* "live/movie/key", without the query */
    const char *query;            /* what stood behind "?"; "" */
    const char *tc_url;           /* RTMP: as sent; "" */
    const char *peer;             /* "127.0.0.1:40112" */
    const unsigned char *address; /* its 16 bytes, IPv4 in mapped form */
};

struct admission_verdict {
    enum err err; /* ERR_OK: admitted, as name; anything else: refused, with code and text */
    struct publish_name name;
    const char *code; /* "NetStream.Publish.BadName"; static */
    char text[ADMISSION_TEXT_MAX];
};

typedef void admission_fn(void *arg, const struct admission_verdict *v);

struct admission;
struct admission_ask; /* a question that is still open */

struct admission *admission_create(void);
void admission_destroy(struct admission *a); /* takes NULL; no question may be open */

/* Calls fn once, from inside (then NULL is returned) or later. Gives the open question, which is
 * over once fn has been called or it was cancelled. */
struct admission_ask *admission_ask(struct admission *a, const struct admission_request *r,
                                    admission_fn *fn, void *arg);

/* The asker has gone: fn is not called any more. */
void admission_cancel(struct admission_ask *ask);

#endif
