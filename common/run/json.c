#include "run/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* struct json is jansson's json_t under a name of ours; it is never looked into here. */
static json_t *theirs(const struct json *j)
{
    return (json_t *)j;
}

/* Documents are small and made by us: no memory for one is the end, as for every small struct. */
static void must(bool done)
{
    if (!done) {
        fprintf(stderr, "out of memory: a JSON document could not be made\n");
        abort();
    }
}

static struct json *ours(json_t *j)
{
    must(j != NULL);
    return (struct json *)j;
}

struct json *json_new_object(void)
{
    return ours(json_object());
}

struct json *json_new_array(void)
{
    return ours(json_array());
}

static json_t *text_value(const char *value)
{
    if (value == NULL) {
        return json_null();
    }
    char *clean = mem_strdup(value);
    const char *end = clean + strlen(clean);
    for (char *p = clean; p < end;) {
        uint32_t code;
        size_t n = utf8_read(span_of(p, (size_t)(end - p)), &code);
        if (n == 0) {
            *p = '?';
            n = 1;
        }
        p += n;
    }
    json_t *j = json_string(clean);
    mem_free(clean);
    return j;
}

static void set(struct json *object, const char *key, json_t *value)
{
    must(value != NULL && json_object_set_new(theirs(object), key, value) == 0);
}

void json_set_str(struct json *object, const char *key, const char *value)
{
    set(object, key, text_value(value));
}

void json_set_int(struct json *object, const char *key, int64_t value)
{
    set(object, key, json_integer(value));
}

void json_set_real(struct json *object, const char *key, double value)
{
    /* JSON has no NaN and no infinity, and jansson makes none. */
    json_t *j = json_real(value);
    set(object, key, j != NULL ? j : json_null());
}

void json_set_bool(struct json *object, const char *key, bool value)
{
    set(object, key, json_boolean(value));
}

void json_set(struct json *object, const char *key, struct json *child)
{
    set(object, key, theirs(child));
}

void json_append(struct json *array, struct json *child)
{
    must(json_array_append_new(theirs(array), theirs(child)) == 0);
}

void json_append_str(struct json *array, const char *value)
{
    must(json_array_append_new(theirs(array), text_value(value)) == 0);
}

static char *dump(const struct json *j, size_t flags)
{
    char *dumped = json_dumps(theirs(j), flags);
    must(dumped != NULL);
    size_t len = strlen(dumped);
    char *text = mem_alloc(len + 2);
    snprintf(text, len + 2, "%s\n", dumped);
    free(dumped);
    return text;
}

char *json_text(const struct json *j)
{
    return dump(j, JSON_INDENT(2));
}

char *json_line(const struct json *j)
{
    return dump(j, JSON_COMPACT | JSON_REAL_PRECISION(6));
}

void json_destroy(struct json *j)
{
    json_decref(theirs(j));
}
