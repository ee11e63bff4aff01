#include "broadcaster/jobs/ladder_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "broadcaster/jobs/rung_form.h"

#define FILE_SUFFIX ".json"
#define PREFIX      "custom"
#define FIELD_SHOWN 32

struct reader {
    struct profile rung;
    bool strict;
    enum err e;
    char why[RUNG_FORM_WHY_MAX];
};

/* A field's name as it may stand in a sentence. */
static void show_field(const char *name, char out[FIELD_SHOWN + 1])
{
    size_t n = 0;
    for (; n < FIELD_SHOWN && name[n] != '\0'; n++) {
        out[n] = (char)(name[n] > ' ' && name[n] < 0x7F && name[n] != '"' ? name[n] : '?');
    }
    out[n] = '\0';
}

static bool take_field(void *arg, const char *name, const struct json *value)
{
    struct reader *r = arg;
    struct rung_value v = {.text = json_string_of(value)};
    v.is_number = json_int_of(value, &v.number);
    r->e = rung_form_set(&r->rung, name, &v, r->why);
    if (r->e == ERR_NOENT && !r->strict) {
        r->e = ERR_OK;
    } else if (r->e == ERR_NOENT) {
        char shown[FIELD_SHOWN + 1];
        show_field(name, shown);
        snprintf(r->why, sizeof r->why, "%s: there is no such field; known are " RUNG_FORM_FIELDS,
                 shown);
    }
    return r->e == ERR_OK;
}

enum err ladder_json_rung(const struct json *object, const char *prefix, bool strict,
                          struct profile *ret_rung, char *ret_why)
{
    struct reader r = {.strict = strict, .e = ERR_OK};
    rung_form_init(&r.rung);
    if (!json_has_members(object)) {
        snprintf(ret_why, RUNG_FORM_WHY_MAX, "it is no object of fields");
        return ERR_PROTO;
    }
    json_each(object, take_field, &r);
    if (r.e == ERR_OK) {
        r.e = rung_form_end(&r.rung, prefix, r.why);
    }
    if (r.e != ERR_OK) {
        snprintf(ret_why, RUNG_FORM_WHY_MAX, "%s", r.why);
        return r.e;
    }
    *ret_rung = r.rung;
    return ERR_OK;
}

/* "rung 2" or "rung 2 ("mine")". */
static enum err wrong(size_t i, const struct json *item, enum err e, const char *why, char *ret_why)
{
    const char *name = json_string_of(json_member(item, "name"));
    name = name != NULL ? name : json_string_of(item);
    bool shown = name != NULL && id_valid(span_cstr(name));
    snprintf(ret_why, LADDER_WHY_MAX, "rung %zu%s%s%s: %s", i + 1, shown ? " (\"" : "",
             shown ? name : "", shown ? "\")" : "", why);
    return e;
}

static enum err take_item(size_t i, const struct json *item, struct ladder *l, char *ret_why)
{
    char why[RUNG_FORM_WHY_MAX] = "";
    struct profile p;
    const char *name = json_string_of(item);
    if (name != NULL) {
        const struct profile *known = profile_find(span_cstr(name));
        if (known == NULL) {
            return wrong(i, item, ERR_NOENT, "no known rung has this name", ret_why);
        }
        p = *known;
    } else {
        enum err e = ladder_json_rung(item, PREFIX, true, &p, why);
        if (e != ERR_OK) {
            return wrong(i, item, e, why, ret_why);
        }
    }
    enum err e = ladder_add(l, &p);
    if (e == ERR_OK) {
        return ERR_OK;
    }
    snprintf(why, sizeof why,
             e == ERR_STATE ? "name: a rung before it has the same; give it another"
                            : "there are more than %d rungs; leave some out",
             PROFILE_LADDER_MAX);
    return wrong(i, item, e, why, ret_why);
}

enum err ladder_json_read(struct span text, struct ladder *ret_ladder, char *ret_why)
{
    char why[JSON_READ_WHY_MAX] = "";
    struct json *list = NULL;
    struct ladder l = {.n = 0};
    enum err e = json_read(text, &list, why);
    if (e != ERR_OK) {
        snprintf(ret_why, LADDER_WHY_MAX, "%s", why);
        return e;
    }
    if (!json_has_items(list) || json_count(list) == 0) {
        snprintf(
            ret_why, LADDER_WHY_MAX,
            "it is no list of rungs: [{\"width\": 640, \"height\": 360, \"bitrate\": 800000}]");
        e = ERR_PROTO;
    }
    for (size_t i = 0; e == ERR_OK && i < json_count(list); i++) {
        e = take_item(i, json_item(list, i), &l, ret_why);
    }
    json_destroy(list);
    if (e == ERR_OK) {
        *ret_ladder = l;
    }
    return e;
}

static bool is_file(const char *options)
{
    size_t len = strlen(options), suffix = strlen(FILE_SUFFIX);
    return strchr(options, '/') != NULL ||
           (len > suffix && strcmp(options + len - suffix, FILE_SUFFIX) == 0);
}

static enum err load_file(const char *path, struct ladder *ret_ladder, char *ret_why)
{
    char why[LADDER_WHY_MAX] = "";
    const size_t size = JSON_READ_BYTES_MAX + 1;
    char *bytes = mem_alloc(size);
    size_t len = 0;
    errno = 0;
    FILE *f = fopen(path, "re");
    bool good = f != NULL;
    if (good) {
        len = fread(bytes, 1, size, f);
        good = ferror(f) == 0;
    }
    enum err e = ERR_IO;
    if (good) {
        e = ladder_json_read(span_of((const uint8_t *)bytes, len), ret_ladder, why);
    } else {
        snprintf(why, sizeof why, "it cannot be read: %s", strerror(errno));
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    mem_free(bytes);
    if (e != ERR_OK) {
        snprintf(ret_why, LADDER_WHY_MAX, "%.*s: %s", LADDER_WHY_MAX / 2, path, why);
    }
    return e;
}

enum err ladder_load(const char *options, struct ladder *ret_ladder, char *ret_why)
{
    return is_file(options) ? load_file(options, ret_ladder, ret_why)
                            : ladder_parse(options, ret_ladder, ret_why);
}
