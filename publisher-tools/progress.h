/* What a publisher tells about its work: a line on a terminal that is rewritten each second, or a
 * JSON object per second and one at the end. */
#ifndef PUBLISHER_TOOLS_PROGRESS_H
#define PUBLISHER_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "publisher-tools/outputs.h"

enum progress_form { PROGRESS_NONE, PROGRESS_LINE, PROGRESS_JSON };

struct progress {
    enum progress_form form;
    int64_t started_us; /* monotonic */
    int64_t told_us;
    uint64_t told_frames;
    uint64_t told_bytes;
    bool line_open;
};

void progress_init(struct progress *p, enum progress_form form, int64_t now_us);

/* When the next report is due, monotonic. */
int64_t progress_due_us(const struct progress *p);

/* Reports; frames: pictures made so far. */
void progress_tell(struct progress *p, struct outputs *o, uint64_t frames, int64_t now_us);

/* The last report: with JSON one more object, which says "end":true and the exit status. */
void progress_end(struct progress *p, struct outputs *o, uint64_t frames, int64_t now_us,
                  int status);

#endif
