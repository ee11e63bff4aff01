#include "publisher-tools/judge_delta.h"

#include <inttypes.h>

#include "base/buf.h"
#include "publisher-tools/judge_state.h"
#include "publisher-tools/judge_text.h"

#define SECOND INT64_C(1000000)

static bool is_of_segment(struct span line)
{
    static const char *const tags[] = {
        "#EXTINF:",          "#EXT-X-PART:",         "#EXT-X-PROGRAM-DATE-TIME:",
        "#EXT-X-BYTERANGE:", "#EXT-X-DISCONTINUITY", "#EXT-X-GAP",
        "#EXT-X-MAP:",       "#EXT-X-KEY:",          "#EXT-X-BITRATE:"};
    if (judge_text_starts(line, "#EXT-X-DISCONTINUITY-SEQUENCE")) {
        return false;
    }
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (judge_text_starts(line, tags[i])) {
            return true;
        }
    }
    return line.len > 0 && line.data[0] != '#';
}

static enum err put_line(struct buf *b, struct span line)
{
    enum err e = buf_put(b, line);
    return e == ERR_OK ? buf_put_u8(b, '\n') : e;
}

/* The lines of a run of segments of old. */
static enum err put_segments(struct buf *b, const struct judge_list *old,
                             const struct judge_segment *first, const struct judge_segment *last)
{
    unsigned from = first > old->segments ? (first - 1)->line + 1 : 1;
    enum err e = ERR_OK;
    if (first->map < old->n_maps && old->maps[first->map].line < from) {
        e = put_line(b, judge_list_line(old, old->maps[first->map].line));
    }
    for (unsigned i = from; i <= last->line && e == ERR_OK; i++) {
        struct span line = judge_list_line(old, i);
        e = is_of_segment(line) ? put_line(b, line) : ERR_OK;
    }
    return e;
}

enum err judge_delta_merge(const struct judge_list *old, const struct judge_list *delta,
                           struct judge_list **ret_whole)
{
    const struct judge_segment *first = judge_list_segment(old, delta->media_sequence);
    const struct judge_segment *last =
        delta->skipped > 0 ? judge_list_segment(old, delta->media_sequence + delta->skipped - 1)
                           : NULL;
    if (first == NULL || last == NULL || first->uri.len == 0 || last->uri.len == 0) {
        return ERR_NOENT;
    }
    struct buf b;
    buf_init(&b, JUDGE_LIST_MAX_BYTES);
    enum err e = ERR_OK;
    for (unsigned i = 1; i <= delta->n_lines && e == ERR_OK; i++) {
        struct span line = judge_list_line(delta, i);
        e = i == delta->skip_line ? put_segments(&b, old, first, last) : put_line(&b, line);
    }
    if (e == ERR_OK) {
        e = judge_list_read(buf_span(&b), ret_whole);
    }
    buf_fini(&b);
    return e;
}

void judge_delta_check(const struct judge_list *d, const char *url, const struct judge_sink *sink)
{
    if (d->skip_line == 0) {
        return;
    }
    if (d->skip_until_us == JUDGE_NONE) {
        judge_list_say(d, url, sink, JUDGE_RULE_SKIP_WINDOW, d->skip_line,
                       "segments are skipped and there is no CAN-SKIP-UNTIL");
        return;
    }
    int64_t left = judge_list_duration_us(d);
    for (size_t i = 0; i < d->open.n_parts; i++) {
        left += d->parts[d->open.first_part + i].duration_us;
    }
    if (left < d->skip_until_us) {
        judge_list_say(d, url, sink, JUDGE_RULE_SKIP_WINDOW, d->skip_line,
                       "%" PRIu64 " segments are skipped and only %.3f s are left, less than "
                       "CAN-SKIP-UNTIL %.3f",
                       d->skipped, (double)left / SECOND, (double)d->skip_until_us / SECOND);
    }
}

void judge_delta_compare(const struct judge_list *merged, const struct judge_list *whole,
                         const char *url, const struct judge_sink *sink)
{
    for (size_t i = 0; i < whole->n_segments; i++) {
        const struct judge_segment *a = &whole->segments[i];
        const struct judge_segment *b = judge_list_segment(merged, a->number);
        if (b == NULL || b->uri.len == 0) {
            continue; /* older or newer than the other */
        }
        if (!span_equal(a->uri, b->uri) || a->duration_us != b->duration_us ||
            a->timeline != b->timeline || a->discontinuity != b->discontinuity) {
            judge_list_say(whole, url, sink, JUDGE_RULE_DELTA_DIFFERS, a->line,
                           "segment %" PRIu64 " is %.*s (%.3f s) by delta updates", a->number,
                           (int)b->uri.len, (const char *)b->uri.data,
                           (double)b->duration_us / SECOND);
            return;
        }
    }
}
