/* Ladders in JSON: rungs in the known form, an array of objects whose fields are those of
 * rung_form.h. Loop's thread or before it. */
#ifndef BROADCASTER_JOBS_LADDER_JSON_H
#define BROADCASTER_JOBS_LADDER_JSON_H

#include "base/err.h"
#include "base/span.h"
#include "broadcaster/jobs/ladder.h"
#include "media/profile.h"
#include "run/json_read.h"

/* One rung from an object. strict: other fields than the known ones are errors, else they are
 * ignored. Errors and ret_why (RUNG_FORM_WHY_MAX bytes) are those of rung_form_set and
 * rung_form_end. */
enum err ladder_json_rung(const struct json *object, const char *prefix, bool strict,
                          struct profile *ret_rung, char *ret_why) CHECKED;

/* A whole array, each item an object or the name of a known rung; at least one, at most
 * PROFILE_LADDER_MAX, no name twice. ret_why (LADDER_WHY_MAX bytes) says which rung, which field
 * and what was wrong: "rung 2 (\"mine\"): fps: takes a whole number from 0 to 240000000". */
enum err ladder_json_read(struct span text, struct ladder *ret_ladder, char *ret_why) CHECKED;

/* What -transcodingOptions says: a file of rungs where it ends in ".json" or has a '/' in it, else
 * names (ladder_parse). Words about a file begin with its name. ERR_IO: it cannot be read. */
enum err ladder_load(const char *options, struct ladder *ret_ladder, char *ret_why) CHECKED;

#endif
