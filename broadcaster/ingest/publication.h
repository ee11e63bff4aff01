/* Between the RTMP door and the streams: asks whether a publisher may, gives it its stream, hands
 * on what it sends. Loop's thread. */
#ifndef BROADCASTER_INGEST_PUBLICATION_H
#define BROADCASTER_INGEST_PUBLICATION_H

#include <stdbool.h>

#include "broadcaster/auth/admission.h"
#include "broadcaster/ingest/ingest.h"
#include "broadcaster/stream/stream.h"
#include "run/loop.h"

/* All borrowed; the arg of the handler. */
struct publications {
    struct admission *admission;
    struct streams *streams;
    struct loop *loop;
    bool (*costs)(const void *arg, const char *stream); /* NULL: none does. Paid streams are not
                                                           played over RTMP: nobody pays there */
    const void *costs_arg;
};

/* For struct admission_config; its argument is the struct streams. */
enum err publication_is_free(void *streams, const struct publish_name *name,
                             const char **ret_why) CHECKED;

extern const struct ingest_handler publication_handler;

#endif
