/* Packets waiting for one output: a run of references, bounded in bytes and in number. When it
 * would overflow, everything up to the next key frame is dropped, so that what is sent can be
 * decoded. Not locked: its owner does that. */
#ifndef PUBLISHER_TOOLS_PACKET_QUEUE_H
#define PUBLISHER_TOOLS_PACKET_QUEUE_H

#include <libavcodec/packet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_QUEUE_MAX       2048
#define PACKET_QUEUE_MAX_BYTES (32 * 1024 * 1024)

struct packet_queue {
    AVPacket *items[PACKET_QUEUE_MAX];
    size_t first, count;
    size_t bytes;
    bool needs_key; /* after a drop: nothing is taken until a key frame comes */
};

void packet_queue_init(struct packet_queue *q);

/* Takes a reference of its own. Returns how many pictures were dropped, this one or earlier ones.
 * has_video: without video every packet is a place to begin. */
unsigned packet_queue_push(struct packet_queue *q, const AVPacket *p, bool has_video);

/* The oldest one, or NULL; gives. */
AVPacket *packet_queue_pop(struct packet_queue *q);

/* Drops all; returns how many were pictures. The next one taken will be a key frame. */
unsigned packet_queue_clear(struct packet_queue *q);

#endif
