#include "run/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX     40
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

static enum err put_labels(struct buf *out, const char *const *labels)
{
    enum err e = buf_put_u8(out, '{');
    for (size_t i = 0; labels[i] != NULL && e == ERR_OK; i += 2) {
        e = buf_printf(out, "%s%s=\"", i > 0 ? "," : "", labels[i]);
        if (e == ERR_OK) {
            e = put_text(out, labels[i + 1], true);
        }
        if (e == ERR_OK) {
            e = buf_put_u8(out, '"');
        }
    }
    return e == ERR_OK ? buf_put_u8(out, '}') : e;
}

/* A scrape that is too long ends with its last whole line. */
void metrics_family(struct buf *out, const char *name, enum metric_type type, const char *help)
{
    size_t before = out->len;
    enum err e = buf_printf(out, "# HELP %s ", name);
    if (e == ERR_OK) {
        e = put_text(out, help, false);
    }
    if (e == ERR_OK) {
        e = buf_printf(out, "\n# TYPE %s %s\n", name, type == METRIC_COUNTER ? "counter" : "gauge");
    }
    if (e != ERR_OK) {
        out->len = before;
    }
}

void metrics_sample(struct buf *out, const char *name, const char *const *labels, double value)
{
    char number[NUMBER_MAX];
    format_number(value, number);
    size_t before = out->len;
    enum err e = buf_printf(out, "%s", name);
    if (e == ERR_OK && labels != NULL && labels[0] != NULL) {
        e = put_labels(out, labels);
    }
    if (e == ERR_OK) {
        e = buf_printf(out, " %s\n", number);
    }
    if (e != ERR_OK) {
        out->len = before;
    }
}
