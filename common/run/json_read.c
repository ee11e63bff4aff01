#include "run/json_read.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: what a double holds exactly */

static const json_t *theirs(const struct json *j)
{
    return (const json_t *)j;
}

static const struct json *ours(const json_t *j)
{
    return (const struct json *)j;
}

/* jansson's own sentences quote the text, in which a secret may stand. */
static const char *words_of(enum json_error_code code)
{
    switch (code) {
    case json_error_out_of_memory:
        return "there is no memory to read it";
    case json_error_stack_overflow:
        return "it is nested too deep";
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something stands behind its end";
    case json_error_invalid_utf8:
        return "it is not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "it has a NUL in it";
    default:
        return "it is not JSON";
    }
}

enum err json_read(struct span text, struct json **ret_json, char *ret_why)
{
    json_error_t fault;
    if (text.len > JSON_READ_BYTES_MAX) {
        snprintf(ret_why, JSON_READ_WHY_MAX, "it is longer than %d KiB",
                 JSON_READ_BYTES_MAX / 1024);
        return ERR_LIMIT;
    }
    json_t *j =
        json_loadb(text.len > 0 ? (const char *)text.data : "", text.len, JSON_DECODE_ANY, &fault);
    if (j == NULL) {
        snprintf(ret_why, JSON_READ_WHY_MAX, "line %d: %s", fault.line,
                 words_of(json_error_code(&fault)));
        return ERR_PROTO;
    }
    *ret_json = (struct json *)j;
    return ERR_OK;
}

const struct json *json_member(const struct json *j, const char *name)
{
    const json_t *found = json_object_get(theirs(j), name);
    return json_is_null(found) ? NULL : ours(found);
}

void json_each(const struct json *j, json_member_fn *fn, void *arg)
{
    json_t *object = (json_t *)j; /* jansson's iterators are for writing as well */
    bool more = true;
    for (void *at = json_object_iter(object); at != NULL && more;
         at = json_object_iter_next(object, at)) {
        if (!json_is_null(json_object_iter_value(at))) {
            more = fn(arg, json_object_iter_key(at), ours(json_object_iter_value(at)));
        }
    }
}

bool json_has_members(const struct json *j)
{
    return j != NULL && json_typeof(theirs(j)) == JSON_OBJECT;
}

bool json_has_items(const struct json *j)
{
    return j != NULL && json_typeof(theirs(j)) == JSON_ARRAY;
}

size_t json_count(const struct json *j)
{
    return json_array_size(theirs(j));
}

const struct json *json_item(const struct json *j, size_t i)
{
    return ours(json_array_get(theirs(j), i));
}

const char *json_string_of(const struct json *j)
{
    return json_string_value(theirs(j));
}

bool json_bool_of(const struct json *j)
{
    return json_is_true(theirs(j));
}

bool json_int_of(const struct json *j, int64_t *ret_value)
{
    if (json_is_integer(theirs(j))) {
        *ret_value = json_integer_value(theirs(j));
        return true;
    }
    double v = json_is_real(theirs(j)) ? json_real_value(theirs(j)) : NAN;
    if (!(v >= -EXACT_MAX && v <= EXACT_MAX) || v != (double)(int64_t)v) {
        return false;
    }
    *ret_value = (int64_t)v;
    return true;
}
