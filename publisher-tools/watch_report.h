/* What the judge prints: a line per segment, a line per fault, a summary; or the same as JSON
 * objects, one a line. Any thread. */
#ifndef PUBLISHER_TOOLS_WATCH_REPORT_H
#define PUBLISHER_TOOLS_WATCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publisher-tools/hls_check.h"

struct watch_report;

/* named: several playlists are followed; each line begins with its name. */
struct watch_report *watch_report_create(bool json, bool named);
void watch_report_destroy(struct watch_report *r);

struct watch_totals {
    size_t segments, frames, bytes, gaps, faults;
    size_t jumps;        /* over numbers, where they were allowed */
    size_t missed;       /* segments that went with their server, where it may be away */
    int64_t duration_us; /* of EXTINF */
};

void watch_report_segment(struct watch_report *r, const char *playlist, const struct hls_segment *s,
                          const struct segment_facts *f, size_t bytes, int64_t fetch_ms);
void watch_report_gap(struct watch_report *r, const char *playlist, const struct hls_segment *s);
void watch_report_fault(struct watch_report *r, const char *playlist, const char *rule,
                        const char *words);
void watch_report_summary(struct watch_report *r, const char *playlist,
                          const struct watch_totals *t);

#endif
