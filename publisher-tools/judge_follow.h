/* Follows one media playlist for the judge: reloads it (blocking where the server can), fetches
 * each map, part and segment, looks inside. Blocks; one thread per playlist. */
#ifndef PUBLISHER_TOOLS_JUDGE_FOLLOW_H
#define PUBLISHER_TOOLS_JUDGE_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "publisher-tools/fetch.h"
#include "publisher-tools/judge_http.h"
#include "publisher-tools/judge_report.h"
#include "publisher-tools/judge_state.h"

#define JUDGE_LATENCIES_MAX 4096
#define JUDGE_MAPS_MAX      16

struct judge_settings {
    long seconds;
    int timeout_ms;           /* of each request that is not held */
    const volatile int *stop; /* not 0: end now */
};

/* What was fetched from an address, to be asked for again. */
struct judge_kept {
    char *url;
    char *range; /* NULL: all */
    uint64_t number, hash;
    int64_t duration_us;
    int64_t left_ms; /* when it left the playlist; 0: listed */
    int64_t due_ms;  /* when it must still be there, at the latest */
    bool asked_again;
};

struct judge_map_bytes {
    char url[HLS_URL_MAX];
    struct judge_range range;
    uint64_t hash;
    struct buf bytes;
};

struct judge_follow {
    struct judge_state *state;
    const struct judge_settings *settings;
    struct judge_report_to *report;
    const struct judge_sink *sink;
    struct fetcher *fetcher;
    struct media_prober *prober;
    struct judge_totals totals;
    char base[HLS_URL_MAX]; /* where the playlist really is */
    bool unreachable;       /* and said so */
    bool lived;             /* it was seen before its end */
    bool ended_before;
    bool probed, checked_segment, checked_part, checked_map;
    size_t blocked;               /* reloads */
    char refused[JUDGE_TEXT_MAX]; /* URI of a hinted part that was refused; empty: none */
    int refused_status;
    size_t done;           /* of state->seen: looked at */
    uint64_t parts_number; /* the segment whose parts were last fetched */
    size_t parts_done;
    bool parts_whole;     /* from its first part on */
    uint64_t parts_media; /* part_facts of all of them */
    unsigned parts_packets;
    struct judge_map_bytes *maps[JUDGE_MAPS_MAX];
    size_t n_maps;
    struct judge_kept *kept;
    size_t n_kept;
    int32_t latencies[JUDGE_LATENCIES_MAX];
    size_t n_latencies;
};

/* The state is borrowed; it holds what was found until the caller is done with it. */
void judge_follow(struct judge_state *state, const struct judge_settings *settings,
                  struct judge_report_to *report);

/* --- judge_follow_media.c --- */

/* Fetches and looks into whatever the last playlist lists and was not looked at. */
void judge_follow_media(struct judge_follow *f, int64_t deadline_ms);

/* Asks again for what has left the playlist; at the end also for some that it still lists. */
void judge_follow_again(struct judge_follow *f, bool at_the_end);
void judge_follow_media_fini(struct judge_follow *f);

/* An address seen from the playlist; false: it leads nowhere (said elsewhere). */
bool judge_follow_url(const struct judge_follow *f, struct span uri, char *ret_url);

/* What judge_http_check looks at; borrowed from a. */
struct judge_answer judge_follow_answer(const struct fetched *a);

/* As in judge_http_check. */
void judge_follow_headers(const struct judge_follow *f, const struct fetched *a,
                          enum judge_thing thing);

/* --- judge_follow_probe.c: requests that no player needs --- */

void judge_follow_probe(struct judge_follow *f);

/* Asks for the hinted part, which must wait until it is there. */
void judge_follow_hint(struct judge_follow *f);

/* Behind a reload: a part that was refused and has come all the same should have been waited for;
 * one that never comes was rightly refused. */
void judge_follow_hinted(struct judge_follow *f);

#endif
