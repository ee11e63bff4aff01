#include "broadcaster/jobs/rung_probe.h"

#include <libavcodec/avcodec.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "broadcaster/push/push_workers.h"
#include "run/json.h"
#include "run/loop.h"

#define THREADS   1 /* pictures of a few milliseconds each */
#define ALIGN_MAX 128

struct probe {
    struct list node;       /* of the workers */
    struct list all;        /* loop's thread */
    struct link_rung asked; /* its texts are not used */
    uint64_t ticket;
    int64_t begun_us, busy_us;
    struct blob *payload;
    size_t picture_bytes;
    const char *why;
    size_t config_bytes;
    uint8_t config[];
};

struct rung_probe {
    struct push_workers *workers;
    struct mailbox *mailbox;
    rung_probe_done_fn *done;
    void *arg;
    struct list all; /* those under way; loop's thread */
    size_t under_way;
    uint64_t checked, bad, skipped;
    int64_t busy_us, longest_us; /* of decoding; from begin to done */
};

/* --- one picture --- */

static uint8_t *padded(struct span s)
{
    uint8_t *copy = av_mallocz(s.len + AV_INPUT_BUFFER_PADDING_SIZE);
    if (copy != NULL && s.len > 0) {
        memcpy(copy, s.data, s.len);
    }
    return copy;
}

static int open_decoder(AVCodecContext *ctx, const AVCodec *codec, struct span config,
                        const struct link_rung *asked)
{
    ctx->extradata = padded(config);
    if (ctx->extradata == NULL) {
        return AVERROR(ENOMEM);
    }
    ctx->extradata_size = (int)config.len;
    ctx->thread_count = 1;
    /* Nothing is made up for what is missing. */
    ctx->err_recognition = AV_EF_EXPLODE | AV_EF_BITSTREAM | AV_EF_BUFFER;
    ctx->error_concealment = 0;
    /* As libavcodec counts: with whole macroblocks, and lines as long as its vectors like them. */
    ctx->max_pixels = (int64_t)(asked->width + ALIGN_MAX) * (asked->height + ALIGN_MAX);
    return avcodec_open2(ctx, codec, NULL);
}

static int decode(AVCodecContext *ctx, AVPacket *packet, struct span picture, AVFrame *frame)
{
    int r = av_new_packet(packet, (int)picture.len);
    if (r < 0) {
        return r;
    }
    memcpy(packet->data, picture.data, picture.len);
    packet->flags |= AV_PKT_FLAG_KEY;
    r = avcodec_send_packet(ctx, packet);
    r = r < 0 ? r : avcodec_send_packet(ctx, NULL);
    return r < 0 ? r : avcodec_receive_frame(ctx, frame);
}

const char *rung_probe_picture(const struct link_rung *asked, struct span config,
                               struct span picture)
{
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    AVCodecContext *ctx = codec != NULL ? avcodec_alloc_context3(codec) : NULL;
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    const char *why = NULL;
    bool ready = ctx != NULL && packet != NULL && frame != NULL;
    int r = ready ? open_decoder(ctx, codec, config, asked) : AVERROR(ENOMEM);
    r = r < 0 ? r : decode(ctx, packet, picture, frame);
    if (r < 0 && r != AVERROR(ENOMEM)) {
        why = "its first frame cannot be decoded";
    } else if (r >= 0 && (frame->decode_error_flags != 0 || frame->flags & AV_FRAME_FLAG_CORRUPT)) {
        why = "its first frame is damaged";
    } else if (r >= 0 &&
               (frame->width != (int)asked->width || frame->height != (int)asked->height)) {
        why = "its first frame has another size than was asked for";
    }
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&ctx);
    return why;
}

/* --- many --- */

static void work(void *arg, struct list *item, const atomic_bool *cancel)
{
    struct rung_probe *p = arg;
    struct probe *it = LIST_ITEM(item, struct probe, node);
    (void)cancel;
    int64_t begun_us = clock_mono_us();
    it->why = rung_probe_picture(&it->asked, span_of(it->config, it->config_bytes),
                                 span_of(blob_span(it->payload).data, it->picture_bytes));
    it->busy_us = clock_mono_us() - begun_us;
    mailbox_post(p->mailbox, it);
}

static void forget(struct rung_probe *p, struct probe *it)
{
    list_remove(&it->all);
    p->under_way--;
    blob_unref(it->payload);
    mem_free(it);
}

static void on_done(void *arg, void *item)
{
    struct rung_probe *p = arg;
    struct probe *it = item;
    int64_t took_us = clock_mono_us() - it->begun_us;
    p->checked++;
    p->bad += it->why != NULL;
    p->busy_us += it->busy_us;
    p->longest_us = took_us > p->longest_us ? took_us : p->longest_us;
    uint64_t ticket = it->ticket;
    const char *why = it->why;
    forget(p, it);
    p->done(p->arg, ticket, why);
}

struct rung_probe *rung_probe_create(struct loop *l, rung_probe_done_fn *done, void *arg)
{
    struct rung_probe *p = mem_alloc(sizeof *p);
    p->done = done;
    p->arg = arg;
    list_init(&p->all);
    p->mailbox = mailbox_create(l, on_done, p);
    p->workers = push_workers_create(THREADS, work, p);
    if (p->workers == NULL) {
        rung_probe_destroy(p);
        return NULL;
    }
    return p;
}

/* All are in the list of those under way. */
static void drop(void *item)
{
    (void)item;
}

void rung_probe_destroy(struct rung_probe *p)
{
    if (p == NULL) {
        return;
    }
    push_workers_destroy(p->workers);
    mailbox_destroy(p->mailbox, drop);
    LIST_EACH (&p->all, n, next) {
        forget(p, LIST_ITEM(n, struct probe, all));
    }
    mem_free(p);
}

bool rung_probe_begin(void *probe, const struct link_rung *asked, const struct link_unit *u,
                      struct blob *payload, uint64_t ticket)
{
    struct rung_probe *p = probe;
    struct probe *it = p->under_way < RUNG_PROBES_MAX && u->n_packets > 0
                           ? mem_try_alloc(sizeof *it + u->config.len)
                           : NULL;
    if (it == NULL) {
        p->skipped++;
        return false;
    }
    it->asked = *asked;
    it->ticket = ticket;
    it->begun_us = clock_mono_us();
    it->payload = blob_ref(payload);
    it->picture_bytes = u->packets[0].length;
    it->config_bytes = u->config.len;
    memcpy(it->config, u->config.data, u->config.len);
    list_push_back(&p->all, &it->all);
    p->under_way++;
    push_workers_add(p->workers, &it->node);
    return true;
}

void rung_probe_status(const struct rung_probe *p, struct json *object)
{
    struct json *o = json_new_object();
    json_set_int(o, "checked", (int64_t)p->checked);
    json_set_int(o, "bad", (int64_t)p->bad);
    json_set_int(o, "skipped", (int64_t)p->skipped);
    json_set_int(o, "busy_us", p->busy_us);
    json_set_int(o, "longest_us", p->longest_us);
    json_set(object, "rung_probes", o);
}
