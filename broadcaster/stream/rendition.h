/* One rendition of a stream as the loop sees it: settled segments in rising numbers, and the window
 * that viewers get. A segment is settled once: with content or as a gap; numbers are published in
 * order, so an unsettled one holds back those behind it. Loop's thread. */
#ifndef BROADCASTER_STREAM_RENDITION_H
#define BROADCASTER_STREAM_RENDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/board.h"
#include "broadcaster/stream/figures.h"
#include "broadcaster/stream/segment.h"

#define RENDITION_LISTED      6 /* segments in the classic playlist */
#define RENDITION_LISTED_LIVE 8 /* and in that of fMP4 */

/* Segments that can be fetched: one stays, when it has left the playlist of fMP4, for its own
 * duration and that of the longest playlist that had it (RFC 8216, 6.2.2). */
#define RENDITION_KEPT     (2 * RENDITION_LISTED_LIVE + 2) /* when all are equally long */
#define RENDITION_KEPT_MAX 128 /* when short ones follow on long ones: past this, and */

/* Target durations from the newest content in which parts are listed, and for which they can still
 * be fetched when they are not any more (draft-pantos-hls-rfc8216bis, 6.2.2). They share their
 * packets with their segments. */
#define RENDITION_PARTS_LISTED 3
#define RENDITION_PARTS_STAY   3
/* Segments that have parts, when all are as long as the target. */
#define RENDITION_PARTS_TARGETS (RENDITION_PARTS_LISTED + RENDITION_PARTS_STAY + 1)

/* Target durations from the newest content in which fragments of parts are kept; older ones are
 * made again for who asks. */
#define RENDITION_FRAGMENTS_TARGETS 4

#define RENDITION_PARTS_MAX 1024 /* of a lane; those that come then are left out */

/* past this, the segments that have left the classic playlist are given up early. */
#define RENDITION_BYTES_MAX (128 * 1024 * 1024)

struct rendition;

/* name at most RENDITION_NAME_MAX. The board is borrowed. */
struct rendition *rendition_create(struct board *board, const char *stream_id, const char *name);
void rendition_destroy(struct rendition *r); /* takes NULL; the board keeps its snapshot */

/* Counts there what is published from now on; borrowed. NULL, as at first: nowhere. */
void rendition_set_figures(struct rendition *r, struct rung_figures *figures);

/* The discontinuity number of the first segment, 0 unless this is called before it comes. Above 0
 * it is printed from the beginning. */
void rendition_set_first_discontinuity(struct rendition *r, uint64_t number);

/* See struct variant; 0 unless this is called before anything is shown. */
void rendition_set_rank(struct rendition *r, int rank);

/* See struct variant; the source's unless this is called before anything is shown. */
void rendition_set_sound(struct rendition *r, const char *name);

/* It is that late, on a monotonic clock: what comes faster than it lasts is kept for longer. Never
 * called: as if everything came in its time. */
void rendition_tick(struct rendition *r, int64_t now_ms);

/* While it is held, parts alone do not show it, only its first segment does: its tracks are not
 * all known. */
void rendition_hold(struct rendition *r, bool held);
bool rendition_is_held(const struct rendition *r);

const char *rendition_name(const struct rendition *r);

/* The number that must be settled next; 0 before the first. Later expects may only be higher. */
uint64_t rendition_next(const struct rendition *r);

/* Announced numbers that are not published yet. */
size_t rendition_waiting(const struct rendition *r);

/* Announces that msn will be settled; numbers are announced in rising order, and those left out are
 * not part of this rendition. */
void rendition_expect(struct rendition *r, uint64_t msn);

/* An expected number's segment is being made: what is known of it. It is shown when all numbers
 * before it are settled. Again, before its first part: that has changed. */
void rendition_open(struct rendition *r, const struct segment_info *info);

/* Whether somebody asks for its parts now. */
bool rendition_parts_wanted(const struct rendition *r);

/* EXT-X-PART-INF of a lane, in ticks. Only the first call counts. */
void rendition_set_part_target(struct rendition *r, enum track_kind kind, int64_t ticks);

/* That long a part of the lane may come behind its time where the ones before came at it: players
 * are told to stay back by so much more. Before the first part. */
void rendition_set_part_lag(struct rendition *r, enum track_kind kind, int64_t ticks);

/* The next part of a number that was opened and is not settled; takes a reference. The lane's
 * target is set. Shown at once when all numbers before it are settled, with them otherwise. */
void rendition_part(struct rendition *r, enum track_kind kind, struct part *p);

/* Counts how long after the source's own a part was there; negative: not known. */
void rendition_part_came(struct rendition *r, int64_t late_us);

/* What changes from begin to commit is published once, by commit: a viewer never sees what stands
 * only in between, such as the promise of a part behind the last one of a segment. May nest. */
void rendition_begin(struct rendition *r);
void rendition_commit(struct rendition *r);

/* Settles an expected number: takes a reference of s (which has that number; gap segments too).
 * Publishes what is complete in order. A gap before the first content is left out, with its parts;
 * those of a later one are not listed any more, and can be fetched for as long as others. */
void rendition_settle(struct rendition *r, struct segment *s);

/* EXT-X-TARGETDURATION is at least so much from now on: it never shrinks. */
void rendition_set_target(struct rendition *r, int seconds);

/* What the classic master playlist says of the picture's size, whatever the segments have; 0:
 * nothing. */
void rendition_set_size(struct rendition *r, int width, int height);

/* Prints EXT-X-ENDLIST once all that is expected has been settled, or takes it back when the
 * publisher returned. */
void rendition_set_ended(struct rendition *r, bool ended);

/* fn(arg, segment) gets each settled segment, gaps too, in rising numbers, when none is missing
 * before it. NULL, as at first: nobody. arg is borrowed. */
typedef void rendition_tap_fn(void *arg, struct segment *s);
void rendition_set_tap(struct rendition *r, rendition_tap_fn *fn, void *arg);

/* Highest published number with content; 0 when none. */
uint64_t rendition_last(const struct rendition *r);

/* What is kept: segments, the parts of those that are not complete, and all fragments. */
size_t rendition_bytes(const struct rendition *r);

/* How long what is listed is to be there behind the end: as long as a segment is when it leaves the
 * longer playlist. */
int64_t rendition_stays_ms(const struct rendition *r);

/* Published so far. */
uint64_t rendition_count(const struct rendition *r);
uint64_t rendition_gaps(const struct rendition *r);
uint64_t rendition_parts(const struct rendition *r);

#endif
