/* What a viewer gets for a request: the board's snapshots in, status, headers and body out. No
 * sockets; any thread. */
#ifndef BROADCASTER_VIEWERS_ANSWER_H
#define BROADCASTER_VIEWERS_ANSWER_H

#include "base/blob.h"
#include "base/buf.h"
#include "base/span.h"
#include "broadcaster/board.h"

#define ANSWER_TEXT_MAX (1024 * 1024) /* bytes of a playlist */

enum answer_kind { ANSWER_OTHER, ANSWER_PLAYLIST, ANSWER_SEGMENT };

/* One request, as it was sent; all borrowed. */
struct viewer_request {
    const char *method;
    struct span target; /* see hls_parse */
};

struct answer {
    enum answer_kind kind; /* of a 200 */
    int status;
    const char *content_type;  /* static storage; NULL when there is no body */
    const char *cache_control; /* static storage */
    struct buf location;       /* text; empty: none */
    struct blob *blob;         /* the body; or, when NULL, */
    struct buf text;           /* this */
};

void answer_init(struct answer *a, struct board *board, const struct viewer_request *request);
void answer_fini(struct answer *a);

#endif
