/* Where published packets go: any number of RTMP servers at once, each with a thread, a queue and a
 * fate of its own, so that a slow or dead one does not touch the others. */
#ifndef PUBLISHER_TOOLS_OUTPUTS_H
#define PUBLISHER_TOOLS_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publisher-tools/source.h"

#define OUTPUT_WHY_MAX 512

enum output_state {
    OUTPUT_CONNECTING,
    OUTPUT_LIVE,
    OUTPUT_WAITING, /* with retry: lost or refused, trying again soon */
    OUTPUT_FAILED,
    OUTPUT_ENDED, /* said goodbye in order */
};

struct output_report {
    const char *url; /* as shown to people; borrowed from the outputs */
    enum output_state state;
    uint64_t frames;          /* pictures sent */
    uint64_t bytes;           /* payload sent */
    uint64_t dropped;         /* pictures not sent: not connected, or the queue was full */
    unsigned connects;        /* times that the server took the stream */
    char why[OUTPUT_WHY_MAX]; /* the last failure; "" when there was none */
};

struct outputs;

/* Connects to each of n urls (copied) and publishes what outputs_push gives. The parameters of
 * source are borrowed until outputs_destroy. retry: never gives up. Starts n threads. */
struct outputs *outputs_create(const char *const *urls, size_t n, const struct source *source,
                               bool retry);

/* Waits until each output is live or has failed or lost its first try; at most timeout_ms, and no
 * longer than *stop stays 0. */
void outputs_wait_settled(struct outputs *o, int timeout_ms, const volatile int *stop);

/* Gives every output a reference to the packet; never waits. */
void outputs_push(struct outputs *o, const AVPacket *packet);

/* How many are neither failed nor ended. */
size_t outputs_alive(struct outputs *o);
size_t outputs_count(const struct outputs *o);
void outputs_report(struct outputs *o, size_t i, struct output_report *ret_report);

/* Lets each send what is queued and say goodbye, and joins the threads; takes some seconds at most
 * whatever the servers do. */
void outputs_finish(struct outputs *o);
void outputs_destroy(struct outputs *o); /* after outputs_finish; takes NULL */

/* "live", "failed", ... */
const char *output_state_name(enum output_state s);

#endif
