#include "run/json.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

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

static bool continues(const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

/* Bytes of the UTF-8 character at p (RFC 3629, section 4); 0 when it is none. A NUL continues
 * nothing, so this never reads past the end of a string. */
static size_t utf8_length(const unsigned char *p)
{
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        return continues(p + 1, 1) ? 2 : 0;
    }
    if (p[0] >= 0xe0 && p[0] <= 0xef && continues(p + 1, 2)) {
        bool overlong = p[0] == 0xe0 && p[1] < 0xa0;
        bool surrogate = p[0] == 0xed && p[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4 && continues(p + 1, 3)) {
        bool overlong = p[0] == 0xf0 && p[1] < 0x90;
        bool too_large = p[0] == 0xf4 && p[1] > 0x8f;
        return overlong || too_large ? 0 : 4;
    }
    return 0;
}

static json_t *text_value(const char *value)
{
    if (value == NULL) {
        return json_null();
    }
    char *clean = mem_strdup(value);
    for (char *p = clean; *p != '\0';) {
        size_t n = utf8_length((const unsigned char *)p);
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

char *json_text(const struct json *j)
{
    char *dumped = json_dumps(theirs(j), JSON_INDENT(2));
    must(dumped != NULL);
    size_t len = strlen(dumped);
    char *text = mem_alloc(len + 2);
    snprintf(text, len + 2, "%s\n", dumped);
    free(dumped);
    return text;
}

void json_destroy(struct json *j)
{
    json_decref(theirs(j));
}
