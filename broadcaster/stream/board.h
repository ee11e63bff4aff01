/* The board: what viewers may see of all streams, as immutable snapshots. The loop publishes, the
 * viewers' threads look; one short lock. */
#ifndef BROADCASTER_STREAM_BOARD_H
#define BROADCASTER_STREAM_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/id.h"
#include "base/list.h"
#include "broadcaster/hls/variant.h"
#include "broadcaster/stream/interest.h"
#include "broadcaster/stream/part.h"
#include "broadcaster/stream/segment.h"

#define BOARD_SOURCE "source" /* the rendition that stands first */
#define BOARD_RENDITIONS_MAX                                                                       \
    40 /* the source, its further tracks, the ladder, light sounds, more                           \
        */

/* The parts of one kind of track: those of the newest segments and of the one that is being made,
 * in rising msn and index. */
struct window_lane {
    int64_t part_target; /* ticks, PART-TARGET; never changes; 0: there are no parts */
    int64_t part_lag;    /* ticks that parts come later than they could, at times; 0, or the creator
                            sets it */
    struct part **parts;
    size_t count;
    struct part_group *group; /* has the references of the first ones; NULL: of none */
};

/* One rendition's window at one moment. Immutable, reference-counted. Segments in rising msn; the
 * last `listed` of them stand in the classic playlist, the last `listed_live` in that of fMP4, the
 * older ones can still be fetched. */
struct window {
    unsigned refs; /* atomic; use the functions */
    struct segment **segments;
    size_t count;
    size_t listed;
    size_t listed_live;            /* as many as are listed, until the creator sets it */
    struct window_lane lanes[2];   /* by enum track_kind */
    bool open;                     /* a segment is being made: */
    struct segment_info open_info; /* its duration, made_at_ms and closed_ms are not known yet */
    uint64_t discontinuity_sequence_live; /* of the first of listed_live */
    uint64_t discontinuity_sequence;
    bool show_discontinuity_sequence;
    int target_duration_s;
    bool ended; /* EXT-X-ENDLIST */
    struct window_texts *texts;
};

/* Takes a reference of each segment; listed <= count. The creator sets the other fields before the
 * window is first published. Gives. */
struct window *window_create(struct segment *const *segments, size_t count, size_t listed);
/* Takes a reference of each part, but for the first ones that are in the group (may be NULL), of
 * which it takes one. Before the window is first published, once for each kind. */
void window_set_parts(struct window *w, enum track_kind kind, int64_t part_target,
                      struct part *const *parts, size_t count, struct part_group *group);
/* The part, borrowed; NULL: it is not here. */
struct part *window_find_part(const struct window *w, enum track_kind kind, uint64_t msn,
                              uint32_t index);

/* What is written from a window: one text for all who ask. */
enum window_text {
    WINDOW_TEXT_VIDEO, /* the playlist of fMP4, of pictures */
    WINDOW_TEXT_VIDEO_DELTA,
    WINDOW_TEXT_AUDIO, /* of sound */
    WINDOW_TEXT_AUDIO_DELTA,
    WINDOW_TEXT_CLASSIC, /* the playlist of MPEG-TS */
    WINDOW_TEXTS_
};

struct window_page {
    struct blob *plain;
    struct blob *gzip; /* NULL: it is not worth it */
    uint64_t tag;      /* of the plain one (http_tag.h) */
};

/* Another reference of each blob; drops both. */
struct window_page window_page_ref(const struct window_page *p);
void window_page_unref(struct window_page *p);

/* This text of it, made by `make` on the first call and kept as long as the window is; later
 * callers, on any thread, wait for the first. Gives a reference of each blob. Errors are make's,
 * and are tried again at the next call. */
typedef enum err window_make_fn(const struct window *w, void *arg, struct window_page *ret_page);
enum err window_text(const struct window *w, enum window_text which, window_make_fn *make,
                     void *arg, struct window_page *ret_page) CHECKED;

struct window *window_ref(struct window *w);
void window_unref(struct window *w);                               /* takes NULL */
struct segment *window_find(const struct window *w, uint64_t msn); /* borrowed; NULL */

/* What people want to know of a stream beside its renditions. */
#define BOARD_TITLE_MAX 200 /* bytes */

enum board_state {
    BOARD_LIVE,
    BOARD_WAITING, /* its publisher has gone, and may come back */
    BOARD_ENDED,   /* it can still be fetched */
};

struct board_facts {
    enum board_state state;
    int64_t since_ms; /* wall clock: since when it has been on, without an end in between */
    int64_t until_ms; /* wall clock: when its publisher left; 0 while it is live */
    char title[BOARD_TITLE_MAX + 1]; /* UTF-8 without control characters; "": none */
};

struct board_entry {
    char id[ID_MAX + 1];
    struct board_facts facts;
};

struct board;
struct lineup;

struct board *board_create(void);
void board_destroy(struct board *b); /* takes NULL */

/* Loop's thread. The first publish of a rendition adds it behind those of its rank or a lower one
 * (order of the master), the source before them, at most BOARD_RENDITIONS_MAX; takes a reference of
 * w. Nothing of a stream is shown as long as none of rank 0 is there: without the source its master
 * would be without the sound. id: at most ID_MAX bytes. */
void board_publish(struct board *b, const char *id, const struct variant *v, struct window *w);

/* Loop's thread. Copies f; the stream need not have a window yet, and is not there for viewers
 * until it has one. id: as in board_publish. */
void board_set_facts(struct board *b, const char *id, const struct board_facts *f);

/* Loop's thread. The whole stream; it also stops being the current one. Unknown: nothing. */
void board_remove(struct board *b, const char *id);

/* Loop's thread. NULL: none. The id is copied; it need not have a window yet. */
void board_set_current(struct board *b, const char *id);

/* Loop's thread. Who asks for parts of the stream, which need not have a window yet; the same for
 * all its renditions as long as it is not removed. Gives a reference. */
struct interest *board_interest(struct board *b, const char *id);

/* Any thread. Somebody asks for parts of that stream, or for what lists them. */
void board_ask_parts(struct board *b, const char *id);

/* Any thread. window: gives a reference, NULL when there is none. */
struct window *board_window(struct board *b, const char *id, const char *rendition);

/* All of a stream's at one moment: fills both lists (at most max) and returns how many; gives a
 * reference of each window. */
size_t board_windows(struct board *b, const char *id, struct variant *ret_list,
                     struct window **ret_windows, size_t max);

/* --- waiting for a rendition's next windows --- */

struct board_waiter;

/* Whether this window ends the wait. Called under the board's lock, on any thread; pure. */
typedef bool board_ready_fn(const struct board_waiter *waiter, const struct window *w);

enum board_woken { BOARD_READY, BOARD_LATE, BOARD_GONE };

/* Owned by who waits; from board_wait on it is the board's, until it is given back by wake. */
struct board_waiter {
    struct list node;
    board_ready_fn *ready;
    int64_t deadline_ms; /* monotonic; those of one rendition rise (near enough) as they come */
    enum board_woken why;
    int64_t
        ready_us; /* monotonic: since when what it waits for has been there; BOARD_READY alone */
    bool waits;   /* the board's own */
};

/* Gives back waiters (a list of their nodes, to be emptied), not under the lock: on the thread that
 * publishes, removes or calls board_wake_late. */
typedef void board_wake_fn(void *arg, struct list *waiters);

/* Loop's thread; while nobody waits. NULL, as at first: nobody can wait. Other threads that have
 * just taken waiters may still give them back to the one before. */
void board_set_wake(struct board *b, board_wake_fn *wake, void *arg);

/* Any thread. False: it need not wait, the window is ready, or is not there, or nobody can wait. */
bool board_wait(struct board *b, const char *id, const char *rendition,
                struct board_waiter *waiter);

/* Any thread. True: it waited, and is its owner's again; false: it is given back by wake, or did
 * not wait. The waiter must be there still. */
bool board_leave(struct board *b, struct board_waiter *waiter);

/* Any thread. Wakes those whose deadline has come (INT64_MAX: all) with BOARD_LATE. Returns the
 * next deadline at which to call again; INT64_MAX: nobody waits. */
int64_t board_wake_late(struct board *b, int64_t now_ms);

/* Copies the variants that have a window; returns how many (at most max); 0 when the stream is not
 * there. */
size_t board_variants(struct board *b, const char *id, struct variant *ret_list, size_t max);

/* The same, to be kept: until the variants change all get the same one. Gives a reference; NULL:
 * the stream is not there. */
struct lineup *board_lineup(struct board *b, const char *id);

/* Copies the streams that have a window, at most max; returns how many. Any thread. */
size_t board_streams(struct board *b, struct board_entry *ret_list, size_t max);

/* The id of the newest stream. ERR_NOENT: none, or not switched on; ERR_LIMIT: it does not fit. */
enum err board_current(struct board *b, char *ret_id, size_t size) CHECKED;

#endif
