/* Why a job cannot go on, in words that travel to the broadcaster. Pure; one thread. */
#ifndef TRANSCODER_FAULT_H
#define TRANSCODER_FAULT_H

#include <stdbool.h>

#include "base/err.h"

#define FAULT_TEXT_MAX 256 /* bytes with the NUL; below LINK_STRING_MAX */

struct fault {
    char text[FAULT_TEXT_MAX]; /* empty: there is none */
    bool final;                /* the input or the request is at fault: no other host does better */
};

/* Writes the words, unless there are some already: the first fault is the cause. Returns e, so that
 * a caller can `return fault_set(...)`. */
enum err fault_set(struct fault *f, bool final, enum err e, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a libav error code: "doing what: libav's words". */
enum err fault_set_av(struct fault *f, bool final, const char *what, int av_error);

#endif
