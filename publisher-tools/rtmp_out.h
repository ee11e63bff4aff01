/* One RTMP connection that publishes: libavformat's FLV muxer over its RTMP client. Used by one
 * thread; every call blocks, but no longer than its deadline. */
#ifndef PUBLISHER_TOOLS_RTMP_OUT_H
#define PUBLISHER_TOOLS_RTMP_OUT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "publisher-tools/source.h"

#define RTMP_OUT_WHY_MAX 512

struct rtmp_out;

/* Connects, publishes and sends the headers. abort: becomes true when nothing is worth waiting for
 * any more (any thread; borrowed for the connection's life). On failure ret_why is a sentence
 * without the URL. ERR_IO, ERR_TIMEOUT, ERR_CLOSED (refused or lost), ERR_STATE (aborted). */
enum err rtmp_out_open(const char *url, const struct source *source, const atomic_bool *abort,
                       struct rtmp_out **ret_out, char *ret_why) CHECKED;

/* Sends; the packet's times are in ticks of SOURCE_RATE and become relative to base. Leaves the
 * packet blank. Errors as above. */
enum err rtmp_out_send(struct rtmp_out *o, AVPacket *packet, int64_t base, char *ret_why) CHECKED;

/* orderly: says goodbye (FCUnpublish, deleteStream) first. Takes NULL. */
void rtmp_out_close(struct rtmp_out *o, bool orderly);

/* Makes libavformat's complaints part of the reasons above instead of printing them. Call once,
 * before any thread starts. */
void rtmp_out_init(void);

#endif
