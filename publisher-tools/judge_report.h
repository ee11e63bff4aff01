/* What the judge prints: each finding once, at most a few of a kind, then a summary; or the same as
 * JSON objects, one a line. Any thread. */
#ifndef PUBLISHER_TOOLS_JUDGE_REPORT_H
#define PUBLISHER_TOOLS_JUDGE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publisher-tools/judge_rule.h"

struct judge_report_to;

/* progress: a line on stderr that is written over. */
struct judge_report_to *judge_report_create(bool json, bool progress);
void judge_report_destroy(struct judge_report_to *r); /* takes NULL */

/* The sink of every thread's findings. Borrowed from r. */
const struct judge_sink *judge_report_sink(struct judge_report_to *r);

struct judge_totals {
    size_t reloads, segments, parts, bytes;
    int64_t latency_p50_ms, latency_p95_ms; /* INT64_MIN: no dates */
};

void judge_report_playlist(struct judge_report_to *r, const char *url,
                           const struct judge_totals *t);

/* Writes the progress line over; nothing without one. */
void judge_report_progress(struct judge_report_to *r, size_t playlists, int64_t at_s, int64_t of_s);
void judge_report_count(struct judge_report_to *r, size_t segments, size_t parts);

/* url: of what was judged. Findings that were counted and not printed are told of. */
void judge_report_summary(struct judge_report_to *r, const char *url);

size_t judge_report_errors(struct judge_report_to *r);
size_t judge_report_warnings(struct judge_report_to *r);

#endif
