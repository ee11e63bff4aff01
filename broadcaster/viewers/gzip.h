/* A body by gzip (RFC 1952, by zlib): the same input gives the same bytes, with no time and no name
 * in them. Any thread. */
#ifndef BROADCASTER_VIEWERS_GZIP_H
#define BROADCASTER_VIEWERS_GZIP_H

#include "base/blob.h"
#include "base/err.h"
#include "base/span.h"

#define GZIP_WORTH_BYTES 200               /* shorter bodies are not worth a second form */
#define GZIP_BYTES_MAX   (4 * 1024 * 1024) /* longer ones neither: it would hold up the thread */

/* The form of plain by gzip. ERR_NOENT: plain is too short or too long for it, or would not become
 * shorter: give it as it is; ERR_NOMEM. Gives. */
enum err gzip_blob(const struct blob *plain, struct blob **ret_gzip) CHECKED;
enum err gzip_span(struct span plain, struct blob **ret_gzip) CHECKED;

#endif
