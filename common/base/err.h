/* The one closed list of outcomes. Every fallible function of this project returns it.
 * A bug of ours is an assert; a peer's fault, a full queue or a missing thing is an enum err. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

enum err {
    ERR_OK = 0,
    ERR_AGAIN,       /* not now: more bytes, or room in a queue, are needed first */
    ERR_PROTO,       /* the peer broke the protocol or the format */
    ERR_LIMIT,       /* a named limit would be exceeded */
    ERR_AUTH,        /* the peer may not do this */
    ERR_NOMEM,       /* a peer-sized allocation failed */
    ERR_NOENT,       /* there is no such thing */
    ERR_STATE,       /* not possible in this state */
    ERR_CLOSED,      /* the other side has gone */
    ERR_TIMEOUT,     /* it took too long */
    ERR_IO,          /* the operating system refused */
    ERR_UNSUPPORTED, /* known, but not done here */
    ERR_FUNDS,       /* the account is empty */
    ERR_COUNT_
};

#define CHECKED __attribute__((warn_unused_result))

/* Words for a person, e.g. "the peer broke the protocol". Never NULL; static storage; any thread.
 */
const char *err_text(enum err e);

#endif
