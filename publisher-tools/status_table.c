#include "publisher-tools/status_table.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NAME_COLUMNS   24 /* of a stream */
#define MONEY_DIGITS   24 /* an int64_t, and a scale of 18 */
#define DOCUMENT_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY)

struct status_table {
    json_t *roles; /* array of the documents */
    json_t *shown; /* the same for people */
};

struct status_table *status_table_create(void)
{
    struct status_table *t = mem_alloc(sizeof *t);
    t->roles = json_array();
    t->shown = json_array();
    return t;
}

void status_table_destroy(struct status_table *t)
{
    if (t != NULL) {
        json_decref(t->roles);
        json_decref(t->shown);
        mem_free(t);
    }
}

/* A terminal obeys control characters, and others may send any: each becomes a question mark. Those
 * of Latin-1 have two bytes, of which the first is always the same. */
static char *shown_text(const char *text, size_t len)
{
    char *copy = mem_try_alloc(len + 1);
    size_t n = 0;
    for (size_t i = 0; copy != NULL && i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool wide = c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0;
        copy[n++] = wide || c < 0x20 || c == 0x7f ? '?' : text[i];
        i += wide;
    }
    return copy;
}

static json_t *shown_string(const json_t *j)
{
    char *copy = shown_text(json_string_value(j), json_string_length(j));
    json_t *s = copy != NULL ? json_string(copy) : NULL;
    mem_free(copy);
    return s;
}

static json_t *shown(const json_t *j);

static json_t *shown_object(const json_t *j)
{
    json_t *copy = json_object();
    for (void *it = json_object_iter((json_t *)j); it != NULL;
         it = json_object_iter_next((json_t *)j, it)) {
        const char *key = json_object_iter_key(it);
        char *name = shown_text(key, strlen(key));
        if (name != NULL) {
            json_object_set_new(copy, name, shown(json_object_iter_value(it)));
        }
        mem_free(name);
    }
    return copy;
}

/* As deep as the library parses. What there is no memory for is left out. */
static json_t *shown(const json_t *j)
{
    if (json_is_string(j)) {
        return shown_string(j);
    }
    if (json_is_object(j)) {
        return shown_object(j);
    }
    if (!json_is_array(j)) {
        return json_copy((json_t *)j);
    }
    json_t *copy = json_array();
    for (size_t i = 0; i < json_array_size(j); i++) {
        json_array_append_new(copy, shown(json_array_get(j, i)));
    }
    return copy;
}

static const char *text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s != NULL ? s : "-";
}

static long long number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

enum err status_table_add(struct status_table *t, struct span document)
{
    json_t *j = json_loadb((const char *)document.data, document.len, DOCUMENT_FLAGS, NULL);
    if (!json_is_object(j) || !json_is_string(json_object_get(j, "role"))) {
        json_decref(j);
        return ERR_PROTO;
    }
    if (json_array_size(t->roles) >= STATUS_ROLES_MAX) {
        json_decref(j);
        return ERR_LIMIT;
    }
    json_array_append_new(t->roles, j);
    json_array_append_new(t->shown, shown(j));
    return ERR_OK;
}

static enum err write_duration(struct buf *out, long long s)
{
    if (s < 120) {
        return buf_printf(out, "%9llds", s);
    }
    if (s < 7200) {
        return buf_printf(out, "%9lldm", s / 60);
    }
    return s < 172800 ? buf_printf(out, "%9lldh", s / 3600) : buf_printf(out, "%9lldd", s / 86400);
}

static size_t connected_of(const json_t *orchestrators)
{
    size_t n = 0, i;
    json_t *one;
    json_array_foreach(orchestrators, i, one)
    {
        n += json_is_true(json_object_get(one, "connected"));
    }
    return n;
}

/* What a role is busy with, in a few words. */
static enum err write_state(struct buf *out, const json_t *role)
{
    const json_t *orchestrator = json_object_get(role, "orchestrator");
    const json_t *jobs = json_object_get(role, "jobs");
    if (json_is_true(json_object_get(role, "stopping"))) {
        return buf_printf(out, "stopping\n");
    }
    if (strcmp(text(role, "role"), "orchestrator") == 0) {
        return buf_printf(out, "%s, %lld jobs active, %lld queued\n", text(role, "service_addr"),
                          number(jobs, "active"), number(jobs, "queued"));
    }
    if (strcmp(text(role, "role"), "transcoder") == 0) {
        return buf_printf(out, "%s: %s, load %lld of %lld\n", text(role, "orchestrator"),
                          text(role, "state"), number(role, "load"), number(role, "capacity"));
    }
    const json_t *all = json_object_get(role, "orchestrators");
    if (all != NULL && json_array_size(all) != 1) {
        return buf_printf(out, "%zu of %zu orchestrators connected\n", connected_of(all),
                          json_array_size(all));
    }
    if (!json_is_object(orchestrator)) {
        return buf_printf(out, "source only\n");
    }
    bool connected = json_is_true(json_object_get(orchestrator, "connected"));
    return buf_printf(out, "%s: %s\n", text(orchestrator, "address"),
                      connected ? "connected" : "not connected");
}

static enum err write_roles(const struct status_table *t, struct buf *out)
{
    enum err e = buf_printf(out, "%-13s %-24s %10s  STATE\n", "ROLE", "NAME", "UP");
    size_t i;
    json_t *role;
    json_array_foreach(t->shown, i, role)
    {
        if (e == ERR_OK) {
            e = buf_printf(out, "%-13s %-24s ", text(role, "role"), text(role, "name"));
        }
        if (e == ERR_OK) {
            e = write_duration(out, number(role, "uptime_s"));
        }
        if (e == ERR_OK) {
            e = buf_printf(out, "  ");
        }
        if (e == ERR_OK) {
            e = write_state(out, role);
        }
    }
    return e;
}

/* In its column, or on a line of its own where it is too long for that. */
static enum err write_name(struct buf *out, const char *name)
{
    return strlen(name) <= NAME_COLUMNS ? buf_printf(out, "%-*s ", NAME_COLUMNS, name)
                                        : buf_printf(out, "%s\n%-*s ", name, NAME_COLUMNS, "");
}

static enum err write_stream(struct buf *out, const json_t *stream)
{
    enum err e = ERR_OK;
    size_t i;
    json_t *rung;
    json_array_foreach(json_object_get(stream, "rungs"), i, rung)
    {
        long long lag = number(rung, "lag_segments");
        if (e == ERR_OK) {
            e = write_name(out, i == 0 ? text(stream, "id") : "");
        }
        if (e == ERR_OK) {
            e = buf_printf(out, "%-8s ", i == 0 ? text(stream, "state") : "");
        }
        if (e == ERR_OK) {
            e = buf_printf(out, "%-18s %12lld ", text(rung, "name"), number(rung, "last"));
        }
        if (e == ERR_OK) {
            e = lag < 0 ? buf_printf(out, "%5s", "-") : buf_printf(out, "%5lld", lag);
        }
        if (e == ERR_OK) {
            e = buf_printf(out, " %5lld\n", number(rung, "gaps"));
        }
    }
    return e;
}

/* What a publisher can do better, below all streams: the texts are long. */
static enum err write_warnings(const struct status_table *t, struct buf *out)
{
    enum err e = ERR_OK;
    size_t i, k, n, shown = 0;
    json_t *role, *stream, *warning;
    json_array_foreach(t->shown, i, role)
    {
        json_array_foreach(json_object_get(role, "streams"), k, stream)
        {
            json_array_foreach(json_object_get(stream, "warnings"), n, warning)
            {
                if (e == ERR_OK && shown++ == 0) {
                    e = buf_printf(out, "\n%-24s WARNING\n", "STREAM");
                }
                if (e == ERR_OK) {
                    e = write_name(out, text(stream, "id"));
                }
                if (e == ERR_OK) {
                    e = buf_printf(out, "%s\n", text(warning, "text"));
                }
            }
        }
    }
    return e;
}

static enum err write_streams(const struct status_table *t, struct buf *out)
{
    enum err e = ERR_OK;
    size_t i, k, shown = 0;
    json_t *role, *stream;
    json_array_foreach(t->shown, i, role)
    {
        json_array_foreach(json_object_get(role, "streams"), k, stream)
        {
            if (e == ERR_OK && shown++ == 0) {
                e = buf_printf(out, "\n%-24s %-8s %-18s %12s %5s %5s\n", "STREAM", "STATE", "RUNG",
                               "LAST", "LAG", "GAPS");
            }
            if (e == ERR_OK) {
                e = write_stream(out, stream);
            }
        }
    }
    return e;
}

static enum err write_transcoders(const struct status_table *t, struct buf *out)
{
    enum err e = ERR_OK;
    size_t i, k, shown = 0;
    json_t *role, *peer;
    json_array_foreach(t->shown, i, role)
    {
        json_array_foreach(json_object_get(role, "transcoders"), k, peer)
        {
            if (e == ERR_OK && shown++ == 0) {
                e = buf_printf(out, "\n%-24s %-18s %6s %8s %8s %8s\n", "TRANSCODER", "ADDRESS",
                               "LOAD", "CAPACITY", "DONE", "FAILED");
            }
            if (e == ERR_OK) {
                e = buf_printf(out, "%-24s %-18s %6lld %8lld %8lld %8lld%s\n", text(peer, "name"),
                               text(peer, "address"), number(peer, "load"),
                               number(peer, "capacity"), number(peer, "done"),
                               number(peer, "failed"),
                               json_is_true(json_object_get(peer, "draining")) ? "  draining" : "");
            }
        }
    }
    return e;
}

/* An amount in the ledger's smallest unit, with a point. */
static enum err write_money(struct buf *out, long long amount, long long scale, const char *asset)
{
    char digits[MONEY_DIGITS + 2];
    int width = scale >= 0 && scale < MONEY_DIGITS ? (int)scale + 1 : 1;
    snprintf(digits, sizeof digits, "%0*lld", width, amount);
    size_t whole = strlen(digits) - (size_t)(width - 1);
    return width > 1 ? buf_printf(out, "%.*s.%s %s", (int)whole, digits, digits + whole, asset)
                     : buf_printf(out, "%s %s", digits, asset);
}

static enum err write_sum(struct buf *out, const json_t *role, const json_t *peer, const char *does,
                          const char *sum, const char *state)
{
    const json_t *ledger = json_object_get(role, "ledger");
    enum err e = buf_printf(out, "%-32s %-7s ", text(peer, "name"), does);
    e = e == ERR_OK
            ? write_money(out, number(peer, sum), number(ledger, "scale"), text(ledger, "asset"))
            : e;
    return e == ERR_OK ? buf_printf(out, "%s%s\n", state[0] != '\0' ? "  funds " : "", state) : e;
}

/* Who has paid and earned what since the orchestrator began; nothing where rungs have no price. */
static enum err write_sums(const struct status_table *t, struct buf *out)
{
    enum err e = ERR_OK;
    size_t i, k, shown = 0;
    json_t *role, *peer;
    json_array_foreach(t->shown, i, role)
    {
        json_array_foreach(json_object_get(role, "broadcasters"), k, peer)
        {
            if (e == ERR_OK && json_object_get(peer, "account") != NULL) {
                e = shown++ == 0 ? buf_printf(out, "\n%-32s %-7s %s\n", "MONEY", "", "IN ALL") : e;
                e = e == ERR_OK ? write_sum(out, role, peer, "paid", "spent", text(peer, "funds"))
                                : e;
            }
        }
        json_array_foreach(json_object_get(role, "transcoders"), k, peer)
        {
            if (e == ERR_OK && json_object_get(peer, "earned") != NULL) {
                e = shown++ == 0 ? buf_printf(out, "\n%-32s %-7s %s\n", "MONEY", "", "IN ALL") : e;
                e = e == ERR_OK ? write_sum(out, role, peer, "earned", "earned", "") : e;
            }
        }
    }
    return e;
}

enum err status_table_write(const struct status_table *t, struct buf *out)
{
    enum err e = write_roles(t, out);
    if (e == ERR_OK) {
        e = write_streams(t, out);
    }
    if (e == ERR_OK) {
        e = write_warnings(t, out);
    }
    e = e == ERR_OK ? write_transcoders(t, out) : e;
    return e == ERR_OK ? write_sums(t, out) : e;
}

enum err status_table_write_json(const struct status_table *t, struct buf *out)
{
    json_t *whole = json_pack("{s:O}", "roles", t->roles);
    char *dumped = json_dumps(whole, JSON_COMPACT);
    enum err e = dumped != NULL ? buf_printf(out, "%s\n", dumped) : ERR_NOMEM;
    free(dumped);
    json_decref(whole);
    return e;
}

enum err status_event_write(struct span document, struct buf *out)
{
    json_t *raw = json_loadb((const char *)document.data, document.len, DOCUMENT_FLAGS, NULL);
    json_t *j = shown(raw);
    enum err e = ERR_PROTO;
    if (json_is_object(j) && json_is_string(json_object_get(j, "event"))) {
        e = buf_printf(out, "%s %-13s %s", text(j, "time"), text(j, "role"), text(j, "event"));
        const char *key;
        json_t *value;
        json_object_foreach(j, key, value)
        {
            if (e == ERR_OK && json_is_string(value) && strcmp(key, "time") != 0 &&
                strcmp(key, "role") != 0 && strcmp(key, "event") != 0) {
                e = buf_printf(out, " %s=\"%s\"", key, json_string_value(value));
            } else if (e == ERR_OK && json_is_integer(value)) {
                e = buf_printf(out, " %s=%lld", key, (long long)json_integer_value(value));
            }
        }
        if (e == ERR_OK) {
            e = buf_printf(out, "\n");
        }
    }
    json_decref(j);
    json_decref(raw);
    return e;
}
