/* The streams' posters: each made when it is first asked for, and kept until a newer segment's is
 * there or nobody has asked for long. One thread of its own makes them, one at a time; who asks
 * never waits in here: he gets the stream's previous poster, or is held until the first one is
 * made. Any thread. */
#ifndef BROADCASTER_VIEWERS_POSTERS_H
#define BROADCASTER_VIEWERS_POSTERS_H

#include "broadcaster/pack/poster.h"

#define POSTERS_MAX     256   /* streams; past this the one that nobody asked for longest goes */
#define POSTERS_KEPT_MS 60000 /* that nobody has asked for: then it goes anyhow */
#define POSTERS_STALE                                                                              \
    16 /* segments: an older poster is not given while there is a newer one to make */
#define POSTERS_HELD_MAX 1000 /* of those who wait, all streams together */

struct posters;

/* Both get the waiter that was given to posters_get: hold inside of that call, under a lock; resume
 * later, on the thread that makes posters or the one that stops it, without a lock. */
struct posters_callbacks {
    void (*hold)(void *waiter);
    void (*resume)(void *waiter);
};

/* kept_ms: POSTERS_KEPT_MS. NULL: the thread could not be started. */
struct posters *posters_create(const struct posters_callbacks *callbacks, int64_t kept_ms);

/* Ends the thread and resumes all who are held; nobody is held from now on. */
void posters_stop(struct posters *p);
void posters_destroy(struct posters *p); /* takes NULL; stops it first */

/* The poster of the stream's newest segment that has one, s (takes a reference while it needs it),
 * or of an earlier one while that one is made. ret_msn: its segment's number. ERR_AGAIN: waiter is
 * on hold; when it is resumed, ask again. ERR_STATE: too many wait;
 * ERR_CLOSED: it is stopped; other errors are poster_make's, and stay for that segment. Gives. */
enum err posters_get(struct posters *p, const char *id, struct segment *s, void *waiter,
                     struct blob **ret_jpeg, uint64_t *ret_msn) CHECKED;

#endif
