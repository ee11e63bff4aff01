/* The ladder that new streams get: reading and writing -transcodingOptions. Pure. */
#ifndef BROADCASTER_JOBS_LADDER_H
#define BROADCASTER_JOBS_LADDER_H

#include "base/buf.h"
#include "base/err.h"
#include "media/profile.h"

#define LADDER_WHY_MAX 1024

struct ladder {
    struct profile rungs[PROFILE_LADDER_MAX];
    size_t n;
};

/* "P240p30fps16x9,P144p30fps16x9". On failure ret_why (of LADDER_WHY_MAX bytes) is a sentence that
 * names what is wrong, and the known rungs. An empty text is no rung. */
enum err ladder_parse(const char *text, struct ladder *ret_ladder, char *ret_why) CHECKED;

/* Adds a rung at the end. ERR_STATE: there is one of that name; ERR_LIMIT: it is full. */
enum err ladder_add(struct ladder *l, const struct profile *p) CHECKED;

/* As profile_check, and that its name is none of those which the addresses of streams need
 * (hls_is_reserved). */
enum err ladder_check(struct profile *p, const char **ret_why) CHECKED;

/* The names, with commas; out holds LADDER_TEXT_MAX bytes. */
#define LADDER_TEXT_MAX 1024
void ladder_format(const struct ladder *l, char *out);

#endif
