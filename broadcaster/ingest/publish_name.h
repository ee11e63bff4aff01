/* From the path of a publish URL to the stream's public id and its key. Pure, but for random ids.
 */
#ifndef BROADCASTER_INGEST_PUBLISH_NAME_H
#define BROADCASTER_INGEST_PUBLISH_NAME_H

#include "base/err.h"
#include "base/id.h"

#define PUBLISH_KEY_MAX 512

struct publish_name {
    char id[ID_MAX + 1];
    char key[PUBLISH_KEY_MAX + 1]; /* "": none was given */
};

/* path: "hello_world", "/stream/movie", "live/movie/Secret/Key", "abc.m3u8", ... An empty id is
 * filled with random hex (8 digits). ERR_PROTO: the id has characters that cannot stand
 * in an id; ERR_LIMIT: too long. */
enum err publish_name_parse(const char *path, struct publish_name *ret_name) CHECKED;

/* The path without the application in front ("live/", "stream/"), borrowed; "" when nothing else is
 * there. Nothing is taken from its end. */
struct span publish_name_rest(const char *path);

#endif
