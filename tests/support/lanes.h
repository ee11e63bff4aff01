/* Windows with parts in them, for tests: segments of two seconds with four parts each, of real
 * H.264 (30 fps) and AAC; number n starts at (n - 100) * 2 s. */
#ifndef SUPPORT_LANES_H
#define SUPPORT_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcaster/stream/board.h"
#include "tests/support/clip.h"

#define LANES_PARTS       4
#define LANES_PART_TARGET 45000

struct lanes {
    struct clip video, audio;
};

struct lanes_shape {
    uint64_t first;
    size_t segments;        /* complete ones, all listed */
    bool open;              /* the next one is being made, and has */
    size_t open_parts;      /* so many parts */
    size_t with_parts;      /* complete ones that have parts, the newest; 0: all */
    uint64_t discontinuity; /* before this one; 0: nowhere */
    uint64_t gap;           /* this one is, whose parts are there all the same; 0: none */
    int64_t program_ms;     /* of number 100; 0: not known */
    bool ended;
};

struct lanes lanes_make(void);
void lanes_free(struct lanes *l);

/* Gives. */
struct window *lanes_window(const struct lanes *l, const struct lanes_shape *shape);

/* Publishes it as this rendition, with both kinds of tracks. */
void lanes_publish(struct board *b, const char *id, const char *name, const struct lanes *l,
                   const struct lanes_shape *shape);

#endif
