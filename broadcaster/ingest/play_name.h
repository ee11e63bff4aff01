/* From the path of a play URL to the stream's public id and the rung that is asked for. Pure. */
#ifndef BROADCASTER_INGEST_PLAY_NAME_H
#define BROADCASTER_INGEST_PLAY_NAME_H

#include "base/err.h"
#include "base/id.h"
#include "broadcaster/stream/board.h"

struct play_name {
    char id[ID_MAX + 1];
    char rung[RENDITION_NAME_MAX + 1]; /* "": the source */
};

/* path: "movie", "movie/P240p30fps16x9", "live/movie", "stream/movie/source.flv": as publish_name
 * takes them, but that behind the id is a rung, not a key. ERR_PROTO: it names no stream;
 * ERR_LIMIT: too long. */
enum err play_name_parse(const char *path, struct play_name *ret_name) CHECKED;

#endif
