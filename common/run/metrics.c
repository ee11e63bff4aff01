#include "run/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX     40
#define LABELS_MAX     16                 /* names and values, with the NULL */
#define EXACT_INTEGERS 9007199254740992.0 /* 2^53 */

/* Adds text with the characters escaped that the format gives a meaning to. Quotes have one in
 * label values only. */
static enum err put_text(struct buf *out, const char *text, bool in_label)
{
    enum err e = ERR_OK;
    for (const char *p = text; *p != '\0' && e == ERR_OK; p++) {
        if (*p == '\n') {
            e = buf_printf(out, "\\n");
        } else if (*p == '\\' || (*p == '"' && in_label)) {
            e = buf_printf(out, "\\%c", *p);
        } else {
            e = buf_put_u8(out, (uint8_t)*p);
        }
    }
    return e;
}

/* The shortest text that reads back as the same number. */
static void format_number(double v, char *out)
{
    if (isnan(v)) {
        snprintf(out, NUMBER_MAX, "NaN");
    } else if (isinf(v)) {
        snprintf(out, NUMBER_MAX, "%sInf", v > 0 ? "+" : "-");
    } else if (v == trunc(v) && fabs(v) < EXACT_INTEGERS) {
        snprintf(out, NUMBER_MAX, "%" PRId64, (int64_t)v);
    } else {
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(out, NUMBER_MAX, "%.*g", digits, v);
            if (strtod(out, NULL) == v) {
                return;
            }
        }
    }
}

static enum err put_name(const struct metrics *m, const char *name, const char *suffix)
{
    size_t len = strlen(METRICS_FIELD_PREFIX);
    if (m->prefix != NULL && strncmp(name, METRICS_FIELD_PREFIX, len) == 0) {
        return buf_printf(m->out, "%s%s%s", m->prefix, name + len, suffix);
    }
    return buf_printf(m->out, "%s%s", name, suffix);
}

static enum err put_label(struct buf *out, bool first, const char *name, const char *value)
{
    enum err e = buf_printf(out, "%s%s=\"", first ? "{" : ",", name);
    if (e == ERR_OK) {
        e = put_text(out, value, true);
    }
    return e == ERR_OK ? buf_put_u8(out, '"') : e;
}

/* The field's labels first, where they belong, then the sample's own. */
static enum err put_labels(const struct metrics *m, const char *name, const char *const *labels)
{
    bool first = true;
    enum err e = ERR_OK;
    bool is_field = strncmp(name, METRICS_FIELD_PREFIX, strlen(METRICS_FIELD_PREFIX)) == 0;
    if (is_field && m->node_id != NULL) {
        e = put_label(m->out, true, "node_id", m->node_id);
        if (e == ERR_OK) {
            e = put_label(m->out, false, "node_type", m->node_type);
        }
        first = false;
    }
    for (size_t i = 0; labels != NULL && labels[i] != NULL && e == ERR_OK; i += 2) {
        e = put_label(m->out, first, labels[i], labels[i + 1]);
        first = false;
    }
    return e == ERR_OK && !first ? buf_put_u8(m->out, '}') : e;
}

/* A scrape that is too long ends with its last whole line. */
void metrics_family(struct metrics *m, const char *name, enum metric_type type, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    size_t before = m->out->len;
    enum err e = buf_printf(m->out, "# HELP ");
    if (e == ERR_OK) {
        e = put_name(m, name, " ");
    }
    if (e == ERR_OK) {
        e = put_text(m->out, help, false);
    }
    if (e == ERR_OK) {
        e = buf_printf(m->out, "\n# TYPE ");
    }
    if (e == ERR_OK) {
        e = put_name(m, name, " ");
    }
    if (e == ERR_OK) {
        e = buf_printf(m->out, "%s\n", types[type]);
    }
    if (e != ERR_OK) {
        m->out->len = before;
    }
}

static void put_sample(struct metrics *m, const char *name, const char *suffix,
                       const char *const *labels, double value)
{
    char number[NUMBER_MAX];
    format_number(value, number);
    size_t before = m->out->len;
    enum err e = put_name(m, name, suffix);
    if (e == ERR_OK) {
        e = put_labels(m, name, labels);
    }
    if (e == ERR_OK) {
        e = buf_printf(m->out, " %s\n", number);
    }
    if (e != ERR_OK) {
        m->out->len = before;
    }
}

void metrics_sample(struct metrics *m, const char *name, const char *const *labels, double value)
{
    put_sample(m, name, "", labels, value);
}

void metrics_one(struct metrics *m, enum metric_type type, const char *name, const char *help,
                 double value)
{
    metrics_family(m, name, type, help);
    metrics_sample(m, name, NULL, value);
}

/* --- histograms --- */

#define MS 1000
#define S  1000000

static const struct {
    size_t n;
    int64_t bounds_us[HISTOGRAM_BOUNDS_MAX];
} kinds[] = {
    [HISTOGRAM_SHORT] = {12,
                         {500, 1 * MS, 2 * MS, 5 * MS, 10 * MS, 20 * MS, 50 * MS, 100 * MS,
                          250 * MS, 500 * MS, 1 * S, 2500 * MS}},
    [HISTOGRAM_QUICK] = {14,
                         {1 * MS, 2 * MS, 5 * MS, 8 * MS, 10 * MS, 12 * MS, 15 * MS, 20 * MS,
                          25 * MS, 30 * MS, 50 * MS, 100 * MS, 250 * MS, 1 * S}},
    [HISTOGRAM_LONG] = {14,
                        {50 * MS, 100 * MS, 250 * MS, 500 * MS, 750 * MS, 1 * S, 1500 * MS, 2 * S,
                         3 * S, 5 * S, 8 * S, 12 * S, 30 * S, 60 * S}},
};

void histogram_init(struct histogram *h, enum histogram_kind kind)
{
    *h = (struct histogram){.kind = kind};
}

void histogram_observe(struct histogram *h, int64_t us)
{
    if (us < 0) {
        us = 0;
    }
    size_t i = 0;
    while (i < kinds[h->kind].n && us > kinds[h->kind].bounds_us[i]) {
        i++;
    }
    h->counts[i]++;
    h->sum_us += us;
}

void metrics_histogram(struct metrics *m, const char *name, const char *const *labels,
                       const struct histogram *h)
{
    const char *with_le[LABELS_MAX] = {NULL};
    char bound[NUMBER_MAX];
    size_t n = 0;
    while (labels != NULL && labels[n] != NULL && n + 3 < LABELS_MAX) {
        with_le[n] = labels[n];
        n++;
    }
    with_le[n] = "le";
    with_le[n + 1] = bound;
    uint64_t total = 0;
    for (size_t i = 0; i <= kinds[h->kind].n; i++) {
        bool last = i == kinds[h->kind].n;
        total += h->counts[i];
        format_number(last ? INFINITY : (double)kinds[h->kind].bounds_us[i] / 1e6, bound);
        put_sample(m, name, "_bucket", with_le, (double)total);
    }
    put_sample(m, name, "_sum", labels, (double)h->sum_us / 1e6);
    put_sample(m, name, "_count", labels, (double)total);
}
