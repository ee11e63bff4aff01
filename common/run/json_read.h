/* Reading JSON documents that others made (jansson behind it, RFC 8259). One thread per document;
 * what is found in one is borrowed until json_destroy. */
#ifndef RUN_JSON_READ_H
#define RUN_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "run/json.h"

#define JSON_READ_BYTES_MAX (256 * 1024)
#define JSON_READ_WHY_MAX   160

/* Gives the value, of any kind (json_destroy). ERR_LIMIT: more than JSON_READ_BYTES_MAX; ERR_PROTO:
 * no JSON, or something stands behind it. ret_why (JSON_READ_WHY_MAX bytes): "line 1: ...", without
 * any of the text. */
enum err json_read(struct span text, struct json **ret_json, char *ret_why) CHECKED;

/* The member of an object; NULL: there is none, it is null, or j is no object (or NULL). */
const struct json *json_member(const struct json *j, const char *name);

/* Calls fn for the members of an object, those that are null left out, until it returns false.
 * Nothing when j is no object (or NULL). name and value are borrowed while j lives. */
typedef bool json_member_fn(void *arg, const char *name, const struct json *value);
void json_each(const struct json *j, json_member_fn *fn, void *arg);

/* An object; an array. */
bool json_has_members(const struct json *j);
bool json_has_items(const struct json *j);

/* Of an array; 0 and NULL for all else. */
size_t json_count(const struct json *j);
const struct json *json_item(const struct json *j, size_t i);

/* The text of a string, which holds no NUL; NULL: it is none. */
const char *json_string_of(const struct json *j);

/* The value of a true or false; false for all else. */
bool json_bool_of(const struct json *j);

/* False: no number, not a whole one, or beyond what an int64_t holds exactly (30.0 is 30). */
bool json_int_of(const struct json *j, int64_t *ret_value);

#endif
