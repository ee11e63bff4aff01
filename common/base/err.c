#include "base/err.h"

#include <stddef.h>

static const char *const texts[ERR_COUNT_] = {
    [ERR_OK] = "no error",
    [ERR_AGAIN] = "not possible right now",
    [ERR_PROTO] = "the peer broke the protocol",
    [ERR_LIMIT] = "a limit was exceeded",
    [ERR_AUTH] = "not permitted",
    [ERR_NOMEM] = "out of memory",
    [ERR_NOENT] = "not found",
    [ERR_STATE] = "not possible in this state",
    [ERR_CLOSED] = "the other side has closed",
    [ERR_TIMEOUT] = "it took too long",
    [ERR_IO] = "input or output failed",
    [ERR_UNSUPPORTED] = "not supported",
    [ERR_FUNDS] = "the account has no funds left",
};

const char *err_text(enum err e)
{
    if ((int)e < 0 || e >= ERR_COUNT_ || texts[e] == NULL) {
        return "unknown error";
    }
    return texts[e];
}
