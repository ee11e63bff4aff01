/* What this host can make, in luma samples of rungs a second: measured at the start, corrected by
 * the jobs that are done, or said by hand. Pure; one thread. */
#ifndef TRANSCODER_SPEED_H
#define TRANSCODER_SPEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum speed_source {
    SPEED_UNKNOWN,  /* not measured yet */
    SPEED_MEASURED, /* by the self-benchmark */
    SPEED_SEEN,     /* jobs have a say in it */
    SPEED_FIXED,    /* said by hand */
    SPEED_OFF,      /* not to be known */
};

struct speed {
    enum speed_source source;
    uint32_t cores_permille;
    uint64_t fixed;          /* SPEED_FIXED */
    uint64_t pixels, cpu_us; /* what the estimate rests on; old work fades */
    uint64_t announced;
};

/* What -speed asks for. */
struct speed_setting {
    enum speed_source source; /* SPEED_UNKNOWN: measure it; SPEED_FIXED; SPEED_OFF */
    uint64_t fixed;           /* SPEED_FIXED: luma samples a second */
};

#define SPEED_SETTING_TAKES "takes auto, off, or millions of pixels a second, like 150 or 37.5"

/* "auto" (and ""), "off", or millions of luma samples a second, with up to six decimals. ERR_PROTO:
 * none of these. */
enum err speed_read_setting(const char *text, struct speed_setting *ret_setting) CHECKED;

/* Begins anew as the setting says. What was announced stays known. */
void speed_set(struct speed *s, const struct speed_setting *setting, uint32_t cores_permille);

/* The self-benchmark's result: that many luma samples took that much processor time. Nothing when
 * either is 0, or the speed is fixed or off. */
void speed_measured(struct speed *s, uint64_t pixels, uint64_t cpu_us);

/* A job that was done. Nothing when the speed is fixed or off, or either is 0. */
void speed_observe(struct speed *s, uint64_t pixels, uint64_t cpu_us);

/* Luma samples of rungs a second by all cores; 0: not known. */
uint64_t speed_now(const struct speed *s);

/* True when it differs from what was announced by more than a tenth, or from nothing at all. */
bool speed_is_news(const struct speed *s);

/* speed_now, which counts as announced from here on. */
uint64_t speed_announce(struct speed *s);

/* "unknown", "benchmark", "jobs", "flag", "off". */
const char *speed_source_name(enum speed_source source);

#endif
