/* The multipart/mixed answer to a push: one rendition's segment per part. Any thread. */
#ifndef BROADCASTER_PUSH_PUSH_PARTS_H
#define BROADCASTER_PUSH_PUSH_PARTS_H

#include "base/buf.h"
#include "base/err.h"
#include "broadcaster/push/push.h"

#define PUSH_PARTS_MAX      (512u * 1024 * 1024) /* bytes of an answer */
#define PUSH_PARTS_TYPE_MAX 80

/* Writes the body (gives: buf_fini) and its Content-Type into ret_type (of PUSH_PARTS_TYPE_MAX
 * bytes): the parts in the order of the ladder, each with Content-Disposition, Content-Length,
 * Content-Type and Rendition-Name. ERR_LIMIT, ERR_NOMEM and what the packager says. */
enum err push_parts_write(const struct push_answer *a, struct buf *ret_body,
                          char *ret_type) CHECKED;

#endif
