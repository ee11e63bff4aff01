#include "publisher-tools/packet_queue.h"

#include "publisher-tools/source.h"

void packet_queue_init(struct packet_queue *q)
{
    *q = (struct packet_queue){0};
}

static bool is_picture(const AVPacket *p)
{
    return p->stream_index == SOURCE_VIDEO;
}

unsigned packet_queue_clear(struct packet_queue *q)
{
    unsigned pictures = 0;
    for (AVPacket *p = packet_queue_pop(q); p != NULL; p = packet_queue_pop(q)) {
        pictures += is_picture(p);
        av_packet_free(&p);
    }
    q->needs_key = true;
    return pictures;
}

unsigned packet_queue_push(struct packet_queue *q, const AVPacket *p, bool has_video)
{
    unsigned dropped = 0;
    if (q->count == PACKET_QUEUE_MAX || q->bytes + (size_t)p->size > PACKET_QUEUE_MAX_BYTES) {
        dropped = packet_queue_clear(q);
    }
    bool can_begin = !has_video || (is_picture(p) && (p->flags & AV_PKT_FLAG_KEY));
    if (q->needs_key && !can_begin) {
        return dropped + is_picture(p);
    }
    AVPacket *copy = av_packet_clone(p);
    if (copy == NULL) {
        return dropped + packet_queue_clear(q) + is_picture(p);
    }
    q->needs_key = false;
    q->items[(q->first + q->count++) % PACKET_QUEUE_MAX] = copy;
    q->bytes += (size_t)copy->size;
    return dropped;
}

AVPacket *packet_queue_pop(struct packet_queue *q)
{
    if (q->count == 0) {
        return NULL;
    }
    AVPacket *p = q->items[q->first];
    q->first = (q->first + 1) % PACKET_QUEUE_MAX;
    q->count--;
    q->bytes -= (size_t)p->size;
    return p;
}
