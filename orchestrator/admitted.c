#include "orchestrator/admitted.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "run/sealed.h"

#define KIND      "admitted credentials"
#define VERSION   1
#define NO_SERVER "none"
#define HEX_SIZE  (2 * LINK_KEY_BYTES + 1)
#define GROWTH    64 /* entries at a time */

struct admitted {
    unsigned char server_key[LINK_KEY_BYTES];
    struct admitted_entry *entries; /* oldest first */
    uint16_t *by_name, *by_key;     /* places in entries, in order */
    size_t n, room;
};

_Static_assert(ADMITTED_MAX <= UINT16_MAX, "a place in the list fits the indexes");

struct admitted *admitted_create(void)
{
    return mem_alloc(sizeof(struct admitted));
}

void admitted_destroy(struct admitted *list)
{
    if (list != NULL) {
        mem_free(list->entries);
        mem_free(list->by_name);
        mem_free(list->by_key);
        mem_free(list);
    }
}

static bool is_zero(const unsigned char *key)
{
    static const unsigned char zero[LINK_KEY_BYTES];
    return memcmp(key, zero, sizeof zero) == 0;
}

/* --- looking up --- */

static int compare_names(const void *a, const void *b, void *entries)
{
    const struct admitted_entry *all = entries;
    return strcmp(all[*(const uint16_t *)a].name, all[*(const uint16_t *)b].name);
}

static int compare_keys(const void *a, const void *b, void *entries)
{
    const struct admitted_entry *all = entries;
    return memcmp(all[*(const uint16_t *)a].key, all[*(const uint16_t *)b].key, LINK_KEY_BYTES);
}

static void sort(struct admitted *list)
{
    for (size_t i = 0; i < list->n; i++) {
        list->by_name[i] = list->by_key[i] = (uint16_t)i;
    }
    if (list->n > 1) {
        qsort_r(list->by_name, list->n, sizeof *list->by_name, compare_names, list->entries);
        qsort_r(list->by_key, list->n, sizeof *list->by_key, compare_keys, list->entries);
    }
}

size_t admitted_count(const struct admitted *list)
{
    return list->n;
}

const struct admitted_entry *admitted_at(const struct admitted *list, size_t i)
{
    return &list->entries[i];
}

/* Half by half. */
static struct admitted_entry *find_name(const struct admitted *list, const char *name)
{
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        struct admitted_entry *e = &list->entries[list->by_name[mid]];
        int order = strcmp(name, e->name);
        if (order == 0) {
            return e;
        }
        low = order > 0 ? mid + 1 : low;
        high = order > 0 ? high : mid;
    }
    return NULL;
}

const struct admitted_entry *admitted_by_name(const struct admitted *list, const char *name)
{
    return find_name(list, name);
}

const struct admitted_entry *admitted_by_key(const struct admitted *list, const unsigned char *key)
{
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct admitted_entry *e = &list->entries[list->by_key[mid]];
        int order = memcmp(key, e->key, LINK_KEY_BYTES);
        if (order == 0) {
            return e;
        }
        low = order > 0 ? mid + 1 : low;
        high = order > 0 ? high : mid;
    }
    return NULL;
}

const unsigned char *admitted_server_key(const struct admitted *list)
{
    return list->server_key;
}

void admitted_set_server_key(struct admitted *list, const unsigned char *key)
{
    memcpy(list->server_key, key, LINK_KEY_BYTES);
}

/* --- changing --- */

static enum err make_room(struct admitted *list)
{
    if (list->n < list->room) {
        return ERR_OK;
    }
    size_t room = list->room + GROWTH + list->room / 2;
    struct admitted_entry *entries = mem_try_realloc(list->entries, room * sizeof *entries);
    list->entries = entries != NULL ? entries : list->entries;
    uint16_t *by_name = mem_try_realloc(list->by_name, room * sizeof *by_name);
    list->by_name = by_name != NULL ? by_name : list->by_name;
    uint16_t *by_key = mem_try_realloc(list->by_key, room * sizeof *by_key);
    list->by_key = by_key != NULL ? by_key : list->by_key;
    if (entries == NULL || by_name == NULL || by_key == NULL) {
        return ERR_NOMEM;
    }
    list->room = room;
    return ERR_OK;
}

static void take_out(struct admitted *list, size_t i)
{
    list->n--;
    memmove(&list->entries[i], &list->entries[i + 1], (list->n - i) * sizeof *list->entries);
}

/* The place of the oldest revoked one, or n. */
static size_t oldest_revoked(const struct admitted *list)
{
    size_t i = 0;
    while (i < list->n && list->entries[i].revoked_s == 0) {
        i++;
    }
    return i;
}

enum err admitted_put(struct admitted *list, const struct admitted_entry *entry)
{
    const struct admitted_entry *former = admitted_by_name(list, entry->name);
    const struct admitted_entry *same_key = admitted_by_key(list, entry->key);
    if (same_key != NULL && same_key != former) {
        return ERR_STATE;
    }
    size_t out = former != NULL            ? (size_t)(former - list->entries)
                 : list->n == ADMITTED_MAX ? oldest_revoked(list)
                                           : list->n;
    if (former == NULL && list->n == ADMITTED_MAX && out == list->n) {
        return ERR_LIMIT;
    }
    enum err e = make_room(list);
    if (e != ERR_OK) {
        return e;
    }
    if (out < list->n) {
        take_out(list, out);
    }
    list->entries[list->n++] = *entry;
    sort(list);
    return ERR_OK;
}

enum err admitted_revoke(struct admitted *list, const char *name, int64_t now_s)
{
    struct admitted_entry *e = find_name(list, name);
    if (e == NULL) {
        return ERR_NOENT;
    }
    e->revoked_s = e->revoked_s != 0 ? e->revoked_s : now_s;
    return ERR_OK;
}

/* --- the text --- */

static enum err print_entry(const struct admitted_entry *e, struct buf *out)
{
    char key[HEX_SIZE], server[HEX_SIZE];
    sealed_write_key(e->key, LINK_KEY_BYTES, key);
    sealed_write_key(e->server_key, LINK_KEY_BYTES, server);
    enum err err =
        buf_printf(out, "%s %s %s %s %s %" PRId64, e->revoked_s == 0 ? "admitted" : "revoked",
                   link_role_name(e->role), e->name, key, server, e->minted_s);
    if (err == ERR_OK && e->revoked_s != 0) {
        err = buf_printf(out, " %" PRId64, e->revoked_s);
    }
    return err == ERR_OK ? buf_put_u8(out, '\n') : err;
}

enum err admitted_print(const struct admitted *list, struct buf *out)
{
    char server[HEX_SIZE] = NO_SERVER, seal[SEALED_LINE_BYTES + 1];
    size_t from = out->len;
    if (!is_zero(list->server_key)) {
        sealed_write_key(list->server_key, LINK_KEY_BYTES, server);
    }
    enum err e = buf_printf(out, SEALED_PREFIX KIND " %d\nserver %s\n", VERSION, server);
    for (size_t i = 0; i < list->n && e == ERR_OK; i++) {
        e = print_entry(&list->entries[i], out);
    }
    if (e != ERR_OK) {
        return e;
    }
    sealed_line(span_of(out->data + from, out->len - from), seal);
    return buf_put(out, span_cstr(seal));
}

static enum err read_server(struct span *body, struct admitted *list)
{
    struct span line, word;
    enum err e = sealed_take_line(body, &line);
    e = e == ERR_OK ? sealed_take_word(&line, &word) : e;
    bool right = e == ERR_OK && span_equal(word, span_cstr("server"));
    e = right ? sealed_take_word(&line, &word) : ERR_PROTO;
    if (e != ERR_OK || line.len > 0) {
        return ERR_PROTO;
    }
    if (span_equal(word, span_cstr(NO_SERVER))) {
        return ERR_OK;
    }
    e = sealed_read_key(word, list->server_key, LINK_KEY_BYTES);
    return e == ERR_OK && is_zero(list->server_key) ? ERR_PROTO : e;
}

static bool read_role(struct span word, struct admitted_entry *e)
{
    e->role =
        span_equal(word, span_cstr("transcoder")) ? LINK_ROLE_TRANSCODER : LINK_ROLE_BROADCASTER;
    return span_equal(word, span_cstr(link_role_name(e->role)));
}

static bool read_name(struct span word, struct admitted_entry *e)
{
    if (!credential_name_is_valid(word)) {
        return false;
    }
    memcpy(e->name, word.data, word.len);
    return true;
}

/* The state and what follows it. */
#define WORDS_MAX 7
enum { WORD_STATE, WORD_ROLE, WORD_NAME, WORD_KEY, WORD_SERVER, WORD_MINTED, WORD_REVOKED };

static enum err read_entry(struct span line, struct admitted_entry *ret_entry)
{
    struct admitted_entry e = {0};
    struct span w[WORDS_MAX];
    size_t n = 0;
    while (n < WORDS_MAX && line.len > 0) {
        if (sealed_take_word(&line, &w[n++]) != ERR_OK) {
            return ERR_PROTO;
        }
    }
    bool revoked = n == WORDS_MAX && span_equal(w[WORD_STATE], span_cstr("revoked"));
    bool whole =
        revoked || (n == WORDS_MAX - 1 && span_equal(w[WORD_STATE], span_cstr("admitted")));
    bool ok = whole && line.len == 0 && read_role(w[WORD_ROLE], &e) &&
              read_name(w[WORD_NAME], &e) &&
              sealed_read_key(w[WORD_KEY], e.key, sizeof e.key) == ERR_OK &&
              sealed_read_key(w[WORD_SERVER], e.server_key, sizeof e.server_key) == ERR_OK &&
              sealed_read_number(w[WORD_MINTED], &e.minted_s) == ERR_OK &&
              (!revoked ||
               (sealed_read_number(w[WORD_REVOKED], &e.revoked_s) == ERR_OK && e.revoked_s != 0)) &&
              !is_zero(e.key);
    if (!ok) {
        return ERR_PROTO;
    }
    *ret_entry = e;
    return ERR_OK;
}

/* The line (counted from 1) of an entry whose name or key an earlier one has; 0: none. */
static size_t find_twin(const struct admitted *list)
{
    for (size_t i = 1; i < list->n; i++) {
        const uint16_t *names = &list->by_name[i - 1], *keys = &list->by_key[i - 1];
        if (compare_names(names, names + 1, list->entries) == 0) {
            return 3u + (names[0] > names[1] ? names[0] : names[1]);
        }
        if (compare_keys(keys, keys + 1, list->entries) == 0) {
            return 3u + (keys[0] > keys[1] ? keys[0] : keys[1]);
        }
    }
    return 0;
}

static enum err read_entries(struct span body, struct admitted *list, char *ret_why)
{
    struct span line;
    while (sealed_take_line(&body, &line) == ERR_OK) {
        if (list->n == ADMITTED_MAX) {
            snprintf(ret_why, ADMITTED_WHY_MAX, "it has more than %d credentials", ADMITTED_MAX);
            return ERR_LIMIT;
        }
        enum err e = make_room(list);
        if (e != ERR_OK) {
            snprintf(ret_why, ADMITTED_WHY_MAX, "there is no memory for it");
            return e;
        }
        if (read_entry(line, &list->entries[list->n]) != ERR_OK) {
            snprintf(ret_why, ADMITTED_WHY_MAX, "its line %zu is not that of a credential",
                     list->n + 3);
            return ERR_PROTO;
        }
        list->n++;
    }
    sort(list);
    size_t twin = find_twin(list);
    if (twin != 0) {
        snprintf(ret_why, ADMITTED_WHY_MAX, "its line %zu has the name or key of another line",
                 twin);
        return ERR_PROTO;
    }
    return ERR_OK;
}

enum err admitted_parse(struct span text, struct admitted **ret_list, char *ret_why)
{
    struct span body;
    const char *why = "";
    enum err e = sealed_open(text, KIND, VERSION, &body, &why);
    if (e != ERR_OK) {
        snprintf(ret_why, ADMITTED_WHY_MAX, "%s", why);
        return e;
    }
    struct admitted *list = admitted_create();
    e = read_server(&body, list);
    if (e != ERR_OK) {
        snprintf(ret_why, ADMITTED_WHY_MAX, "its line 2 is not that of the orchestrator's key");
    } else {
        e = read_entries(body, list, ret_why);
    }
    if (e != ERR_OK) {
        admitted_destroy(list);
        return e;
    }
    *ret_list = list;
    return ERR_OK;
}
