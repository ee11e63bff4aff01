/* The order of the segments that are pushed into one stream: who pushes numbers them, and may push
 * several at once, so that they arrive in any order. What comes out is in order; what does not come
 * is a hole after a while. Pure; times are monotonic ms. */
#ifndef BROADCASTER_PUSH_PUSH_SEQUENCE_H
#define BROADCASTER_PUSH_PUSH_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUSH_WINDOW         8    /* numbers: a step further than this is no hole to be waited for */
#define PUSH_WAITING_MAX    32   /* segments and uploads of one stream at once */
#define PUSH_RECENT_MAX     16   /* numbers whose repetition is known */
#define PUSH_START_WAIT_MS  500  /* a first number other than 0 waits so long for lower ones */
#define PUSH_HOLE_WAIT_MS   3000 /* for a number of which nothing was seen */
#define PUSH_UPLOAD_WAIT_MS 10000 /* for one that is being uploaded */

struct push_item {
    uint64_t number;
    uint64_t hash; /* of its bytes: a repetition has the same */
    void *what;
    int64_t at_ms; /* when it was added */
    unsigned generation;
};

struct push_sequence {
    bool started;
    uint64_t next;                            /* the number expected next, of `generation` */
    unsigned generation;                      /* of what was given out last */
    unsigned newest;                          /* of what was added last */
    struct push_item recent[PUSH_RECENT_MAX]; /* a ring of what was given out */
    size_t n_recent;
    struct push_item waiting[PUSH_WAITING_MAX]; /* in order */
    size_t n_waiting;
    uint64_t uploads[PUSH_WAITING_MAX];
    size_t n_uploads;
};

void push_sequence_init(struct push_sequence *s);

/* A number's upload begins; has ended, added or not. False: too many at once. */
bool push_sequence_upload(struct push_sequence *s, uint64_t number);
void push_sequence_upload_ends(struct push_sequence *s, uint64_t number);

/* The number for a file whose name has none. */
uint64_t push_sequence_free_number(const struct push_sequence *s);

enum push_fate {
    PUSH_TAKEN,
    PUSH_DUPLICATE, /* the same number with the same bytes was here already */
    PUSH_LATE,      /* its place was given up */
    PUSH_FULL,      /* PUSH_WAITING_MAX wait already */
};

/* A whole segment has come. A number that was here with other bytes, or that lies far below what is
 * expected, says that the pusher began anew. */
enum push_fate push_sequence_add(struct push_sequence *s, uint64_t number, uint64_t hash,
                                 void *what, int64_t now_ms);

struct push_turn {
    struct push_item item;
    unsigned holes; /* numbers that are missing in front of it: at most PUSH_WINDOW */
    bool restarted; /* the pusher began anew with this one */
};

/* Takes out the one whose turn it is. False: none, for now. */
bool push_sequence_next(struct push_sequence *s, int64_t now_ms, struct push_turn *ret_turn);

/* Takes out any, to empty it. */
bool push_sequence_drop(struct push_sequence *s, struct push_item *ret_item);

#endif
