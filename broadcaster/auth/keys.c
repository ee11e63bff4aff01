#include "broadcaster/auth/keys.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/span.h"
#include "broadcaster/jobs/rung_form.h"
#include "run/config_words.h"

#define QUERY_KEY "key="
#define GENERATED "custom" /* before the name of a rung that has none */

struct reader {
    struct keys *keys;
    struct config_fault *fault;
    unsigned char salt[KEY_HASH_SALT_BYTES]; /* of the keys that stand there as they are */
};

static enum err wrong(struct reader *r, const struct config_node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static enum err wrong(struct reader *r, const struct config_node *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->fault->line = n->line;
    vsnprintf(r->fault->text, sizeof r->fault->text, format, args);
    va_end(args);
    return ERR_PROTO;
}

bool keys_is_key(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7F || strchr("/?&#%", text[i]) != NULL) {
            return false;
        }
    }
    return n > 0 && n <= PUBLISH_KEY_MAX;
}

/* --- values; each is given its node and the entry --- */

static enum err take_key(struct reader *r, const struct config_node *n, struct key_entry *e)
{
    if (n->kind != CONFIG_TEXT || !keys_is_key(n->text)) {
        return wrong(r, n,
                     "key: takes one text of up to %d visible characters, without blanks and "
                     "/ ? & # %%",
                     PUBLISH_KEY_MAX);
    }
    r->keys->weak += strlen(n->text) < KEY_HASH_GOOD;
    memcpy(e->hash.salt, r->salt, sizeof e->hash.salt);
    key_hash_make(&e->hash, span_cstr(n->text));
    return ERR_OK;
}

static enum err take_hash(struct reader *r, const struct config_node *n, struct key_entry *e)
{
    if (n->kind != CONFIG_TEXT || key_hash_parse(n->text, &e->hash) != ERR_OK) {
        return wrong(r, n, "hash: takes what broadcaster -hashKey prints: blake2b:SALT:HASH");
    }
    return ERR_OK;
}

static enum err take_id(struct reader *r, const struct config_node *n, struct key_entry *e)
{
    if (n->kind != CONFIG_TEXT || !id_valid(span_cstr(n->text))) {
        return wrong(r, n, "id: takes a stream's name: letters, digits and . _ - ~, up to %d bytes",
                     ID_MAX);
    }
    snprintf(e->id, sizeof e->id, "%s", n->text);
    return ERR_OK;
}

static enum err take_number(struct reader *r, const struct config_node *n, long min, long max,
                            int *ret_value)
{
    long v;
    char space[CONFIG_SHOWN_SIZE];
    if (!config_tree_int(n, min, max, &v)) {
        return wrong(r, n, "%s: takes a number from %ld to %ld",
                     config_shown(n->key != NULL ? n->key : "", space), min, max);
    }
    *ret_value = (int)v;
    return ERR_OK;
}

static enum err unknown(struct reader *r, const struct config_node *n, const char *known)
{
    char space[CONFIG_SHOWN_SIZE];
    return wrong(r, n, "%s: there is no such word here; known are %s", config_shown(n->key, space),
                 known);
}

static enum err take_rung_map(struct reader *r, const struct config_node *map, struct profile *p)
{
    char why[RUNG_FORM_WHY_MAX] = "";
    rung_form_init(p);
    for (const struct config_node *n = map->first; n != NULL; n = n->next) {
        long number = 0;
        struct rung_value v = {.text = n->kind == CONFIG_TEXT ? n->text : NULL};
        v.is_number = config_tree_int(n, LONG_MIN, LONG_MAX, &number);
        v.number = number;
        enum err e = rung_form_set(p, n->key, &v, why);
        if (e != ERR_OK) {
            return e == ERR_NOENT ? unknown(r, n, RUNG_FORM_FIELDS) : wrong(r, n, "%s", why);
        }
    }
    return rung_form_end(p, GENERATED, why) == ERR_OK ? ERR_OK : wrong(r, map, "ladder: %s", why);
}

static enum err take_rung(struct reader *r, const struct config_node *n, struct ladder *l)
{
    struct profile p;
    char space[CONFIG_SHOWN_SIZE];
    enum err e = ERR_OK;
    if (n->kind == CONFIG_LIST) {
        return wrong(r, n, "ladder: takes rungs, not lists of them");
    }
    if (n->kind == CONFIG_MAP) {
        e = take_rung_map(r, n, &p);
    } else {
        const struct profile *known = profile_find(span_cstr(n->text));
        if (known == NULL) {
            return wrong(r, n, "ladder: there is no rung \"%s\"", config_shown(n->text, space));
        }
        p = *known;
    }
    if (e != ERR_OK) {
        return e;
    }
    e = ladder_add(l, &p);
    return e == ERR_OK      ? ERR_OK
           : e == ERR_STATE ? wrong(r, n, "ladder: the rung \"%s\" stands there twice", p.name)
                            : wrong(r, n, "ladder: more than %d rungs", PROFILE_LADDER_MAX);
}

static enum err take_ladder(struct reader *r, const struct config_node *n, struct key_entry *e)
{
    if (n->kind != CONFIG_LIST) {
        return wrong(r, n, "ladder: takes a list of rungs: [P240p30fps16x9]; [] is none");
    }
    enum err done = ERR_OK;
    e->has_ladder = true;
    for (const struct config_node *i = n->first; i != NULL && done == ERR_OK; i = i->next) {
        done = take_rung(r, i, &e->ladder);
    }
    return done;
}

static enum err take_limits(struct reader *r, const struct config_node *map, struct key_entry *e)
{
    if (map->kind != CONFIG_MAP) {
        return wrong(r, map, "limits: takes words and numbers: {bitrateKbps: 6000}");
    }
    enum err done = ERR_OK;
    int kbps = 0;
    for (const struct config_node *n = map->first; n != NULL && done == ERR_OK; n = n->next) {
        if (strcmp(n->key, "bitrateKbps") == 0) {
            done = take_number(r, n, 1, LIMITS_BITRATE_MAX_KBPS, &kbps);
        } else if (strcmp(n->key, "maxWidth") == 0) {
            done = take_number(r, n, 1, LIMITS_SIDE_MAX, &e->limits.width);
        } else if (strcmp(n->key, "maxHeight") == 0) {
            done = take_number(r, n, 1, LIMITS_SIDE_MAX, &e->limits.height);
        } else {
            done = unknown(r, n, "bitrateKbps, maxWidth, maxHeight");
        }
    }
    e->limits.bitrate_kbps = kbps;
    return done;
}

/* --- entries --- */

static const struct {
    const char *name;
    enum err (*take)(struct reader *r, const struct config_node *n, struct key_entry *e);
} members[] = {{"key", take_key},
               {"hash", take_hash},
               {"id", take_id},
               {"ladder", take_ladder},
               {"limits", take_limits}};

static enum err take_member(struct reader *r, const struct config_node *n, struct key_entry *e)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(n->key, members[i].name) == 0) {
            return members[i].take(r, n, e);
        }
    }
    return unknown(r, n, "key, hash, id, ladder, limits");
}

static enum err take_entry(struct reader *r, const struct config_node *map)
{
    struct keys *k = r->keys;
    if (map->kind != CONFIG_MAP) {
        return wrong(r, map, "each key is a map: {key: SECRET, id: movie}");
    }
    struct key_entry *e = &k->entries[k->count];
    e->line = map->line;
    enum err done = ERR_OK;
    for (const struct config_node *n = map->first; n != NULL && done == ERR_OK; n = n->next) {
        done = take_member(r, n, e);
    }
    if (done != ERR_OK) {
        return done;
    }
    bool has_key = config_tree_member(map, "key") != NULL;
    if (has_key == (config_tree_member(map, "hash") != NULL)) {
        return wrong(r, map, "an entry has a key or a hash, one of the two");
    }
    if (e->id[0] == '\0') {
        return wrong(r, map, "id: is missing; it is the stream's public name");
    }
    for (size_t i = 0; i < k->count; i++) {
        if (key_hash_equal(&k->entries[i].hash, &e->hash)) {
            return wrong(r, map, "this key stands in line %u already", k->entries[i].line);
        }
    }
    k->count++;
    return ERR_OK;
}

static enum err take_root(struct reader *r, const struct config_node *root)
{
    const struct config_node *list = root->kind == CONFIG_MAP ? root->first : NULL;
    if (list == NULL || strcmp(list->key, "keys") != 0 || list->next != NULL ||
        list->kind != CONFIG_LIST) {
        return wrong(r, list != NULL && list->next != NULL ? list->next : root,
                     "the file has one word, \"keys:\", and below it a list of maps");
    }
    if (list->count > KEYS_MAX) {
        (void)wrong(r, list, "there are %zu keys; up to %d can be checked fast enough", list->count,
                    KEYS_MAX);
        return ERR_LIMIT;
    }
    r->keys->entries = mem_try_alloc((list->count + 1) * sizeof *r->keys->entries);
    if (r->keys->entries == NULL) {
        (void)wrong(r, list, "there is not enough memory for the keys");
        return ERR_NOMEM;
    }
    enum err e = ERR_OK;
    for (const struct config_node *n = list->first; n != NULL && e == ERR_OK; n = n->next) {
        e = take_entry(r, n);
    }
    return e;
}

enum err keys_read(const struct config_node *root, struct keys **ret_keys,
                   struct config_fault *ret_fault)
{
    struct reader r = {.keys = mem_alloc(sizeof *r.keys), .fault = ret_fault};
    key_hash_salt(r.salt);
    enum err e = root != NULL ? take_root(&r, root) : ERR_OK;
    if (e != ERR_OK) {
        keys_destroy(r.keys);
        return e;
    }
    *ret_keys = r.keys;
    return ERR_OK;
}

void keys_destroy(struct keys *k)
{
    if (k != NULL) {
        mem_free(k->entries);
        mem_free(k);
    }
}

/* --- asking --- */

/* All plain keys have one salt: their hash is made once. */
const struct key_entry *keys_find(const struct keys *k, struct span key)
{
    struct key_hash h = {{0}, {0}};
    bool made = false;
    for (size_t i = 0; i < k->count; i++) {
        const struct key_entry *e = &k->entries[i];
        if (!made || memcmp(h.salt, e->hash.salt, sizeof h.salt) != 0) {
            memcpy(h.salt, e->hash.salt, sizeof h.salt);
            key_hash_make(&h, key);
            made = true;
        }
        if (key_hash_equal(&h, &e->hash)) {
            return e;
        }
    }
    return NULL;
}

static struct span key_of_query(const char *query)
{
    for (const char *at = query; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (strncmp(at, QUERY_KEY, strlen(QUERY_KEY)) == 0) {
            return span_of(at + strlen(QUERY_KEY), len - strlen(QUERY_KEY));
        }
        at += len + (at[len] == '&');
    }
    return span_of(NULL, 0);
}

enum err keys_match(const struct keys *k, const char *path, const char *query,
                    const struct key_entry **ret_entry, struct publish_name *ret_name)
{
    struct span id = {0}, key = publish_name_rest(path), asked = key_of_query(query);
    const uint8_t *slash = key.len > 0 ? memchr(key.data, '/', key.len) : NULL;
    if (slash != NULL) {
        id = span_of(key.data, (size_t)(slash - key.data));
        key = span_of(slash + 1, key.len - id.len - 1);
    } else if (asked.len > 0) {
        id = key;
        key = asked;
    }
    if (key.len == 0 || key.len > PUBLISH_KEY_MAX) {
        return ERR_AUTH;
    }
    const struct key_entry *e = keys_find(k, key);
    if (e == NULL || (id.len > 0 && !span_equal(id, span_cstr(e->id)))) {
        return ERR_AUTH;
    }
    *ret_entry = e;
    snprintf(ret_name->id, sizeof ret_name->id, "%s", e->id);
    memcpy(ret_name->key, key.data, key.len);
    ret_name->key[key.len] = '\0';
    return ERR_OK;
}
