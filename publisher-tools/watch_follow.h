/* Follows one media playlist for a while and judges it: fetches, looks inside, reports. Blocks;
 * one thread per playlist. */
#ifndef PUBLISHER_TOOLS_WATCH_FOLLOW_H
#define PUBLISHER_TOOLS_WATCH_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "publisher-tools/watch_report.h"

struct watch_settings {
    long seconds;      /* how long */
    long wait_seconds; /* for the first good playlist */
    int timeout_ms;    /* of each request */
    long away_seconds; /* what the server or the publisher may be away for; 0: nothing */
    bool allow_gaps;
    const volatile int *stop; /* not 0: end now */
};

/* Returns the number of faults. The last line it reports is its summary. */
size_t watch_follow(const char *url, const struct watch_settings *settings,
                    struct watch_report *report);

/* Fetches url; a master playlist gives the URLs of its variants (the first one, or all), a media
 * playlist its own. Waits as settings say. Gives ret_urls and each of them (mem_free). On failure
 * ret_why (HLS_FAULT_WORDS_MAX) is a sentence. */
enum err watch_find(const char *url, const struct watch_settings *settings, bool all,
                    char ***ret_urls, size_t *ret_n, char *ret_why) CHECKED;

#endif
