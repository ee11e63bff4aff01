#include "broadcaster/rtmp/media.h"

#include "broadcaster/rtmp/colorinfo.h"
#include "broadcaster/rtmp/flv.h"

#define HALF_CLOCK_MS  ((int64_t)1 << 31)
#define ROUND_31_MS    60000 /* how far audio and video may be apart at that moment */
#define NS_PER_9_TICKS 100000
#define CHANNELS_AT    1 /* byte, behind the order of the channels */

/* A clock that wandered so far, 34 years, was sent to break sums: it begins anew. */
#define CLOCK_MAX_MS ((int64_t)1 << 40)

/* What a packet may keep alive beside its own bytes and as many more. */
#define WASTE_BYTES_MAX 1024

/* One message on its way. */
struct feeding {
    struct media *m;
    const struct media_message *message;
    bool live;
    rtmp_event_fn *fn;
    void *arg;
    int64_t dts_ms; /* valid once clocked */
    bool clocked;
};

void media_init(struct media *m)
{
    *m = (struct media){0};
}

void media_fini(struct media *m)
{
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < TRACKS_PER_KIND_MAX; i++) {
            media_track_fini(&m->tracks[kind][i]);
        }
    }
    media_init(m);
}

/* The 32-bit clock of all messages goes round every 49.7 days and may step back a little. Encoders
 * that write FLV's signed times go round after 31 bits, 24.8 days: steps of about that size are
 * nothing else. */
static int64_t unroll(struct media *m, uint32_t timestamp)
{
    if (!m->clocked) {
        m->clocked = true;
        m->now_ms = timestamp;
    } else {
        int64_t step = (int32_t)(timestamp - m->last_timestamp);
        if (step < ROUND_31_MS - HALF_CLOCK_MS) {
            step += HALF_CLOCK_MS;
        } else if (step > HALF_CLOCK_MS - ROUND_31_MS) {
            step -= HALF_CLOCK_MS;
        }
        m->now_ms += step;
        if (m->now_ms > CLOCK_MAX_MS || m->now_ms < -CLOCK_MAX_MS) {
            m->now_ms = timestamp;
        }
    }
    m->last_timestamp = timestamp;
    return m->now_ms;
}

/* --- what cannot go on --- */

static void say_skipped(const struct feeding *f, enum track_kind kind, enum rtmp_skip skip)
{
    struct media_skips *s = &f->m->skips[kind][skip];
    struct rtmp_event e = {
        .type = RTMP_EVENT_SKIPPED, .skip = skip, .text = s->why, .first = !s->said};
    s->said = true;
    s->pending = false;
    f->fn(f->arg, &e);
}

static void skipped(const struct feeding *f, enum rtmp_skip skip, const char *why)
{
    enum track_kind kind = f->message->kind;
    f->m->skips[kind][skip].why = why;
    if (f->live) {
        say_skipped(f, kind, skip);
    } else {
        f->m->skips[kind][skip].pending = true;
    }
}

static bool has_track(const struct media *m)
{
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < TRACKS_PER_KIND_MAX; i++) {
            if (m->tracks[kind][i].track != NULL) {
                return true;
            }
        }
    }
    return false;
}

/* Something was skipped that a track would have been made of. While there is no other track, nobody
 * would ever see anything of this publish. */
static enum err lose(struct feeding *f, enum rtmp_skip skip, const char *why)
{
    struct media *m = f->m;
    skipped(f, skip, why);
    if (!f->live || has_track(m)) {
        m->lost = 0;
        return ERR_OK;
    }
    if (m->lost++ == 0) {
        m->lost_since = f->message->timestamp;
    }
    int32_t since_ms = (int32_t)(f->message->timestamp - m->lost_since);
    return since_ms >= MEDIA_HOPELESS_MS || m->lost >= MEDIA_HOPELESS ? ERR_UNSUPPORTED : ERR_OK;
}

/* --- which track --- */

static struct media_track *use(struct media *m, enum track_kind kind, unsigned id, unsigned index)
{
    struct media_track *t = &m->tracks[kind][index];
    media_track_init(t, kind, id, index);
    return t;
}

/* NULL: there are too many. */
static struct media_track *find_track(struct media *m, enum track_kind kind, unsigned id)
{
    struct media_track *tracks = m->tracks[kind];
    for (unsigned i = 0; i < TRACKS_PER_KIND_MAX; i++) {
        if (tracks[i].used && tracks[i].id == id) {
            return &tracks[i];
        }
    }
    for (unsigned i = id == 0 ? 0 : 1; i < TRACKS_PER_KIND_MAX; i++) {
        if (!tracks[i].used) {
            return use(m, kind, id, i);
        }
    }
    return NULL;
}

/* Pictures or sound come and index 0 is not taken: this track is the main one. */
static enum err settle(struct media *m, struct media_track **t)
{
    struct media_track *main_track = &m->tracks[(*t)->kind][0];
    if (main_track->used) {
        return ERR_OK;
    }
    *main_track = **t;
    **t = (struct media_track){0};
    *t = main_track;
    return media_track_move(main_track, 0);
}

static void announce_track(const struct feeding *f, struct media_track *t)
{
    if (t->track != NULL && !t->announced) {
        t->announced = true;
        f->fn(f->arg, &(struct rtmp_event){.type = RTMP_EVENT_TRACK, .track = t->track});
    }
}

/* Others wait for the main one, so that their indices stand. */
static void announce(const struct feeding *f)
{
    for (int kind = 0; kind < 2; kind++) {
        struct media_track *tracks = f->m->tracks[kind];
        for (int i = 0; i < TRACKS_PER_KIND_MAX && tracks[0].used; i++) {
            announce_track(f, &tracks[i]);
        }
        for (int skip = 0; skip < RTMP_SKIPS_; skip++) {
            if (f->m->skips[kind][skip].pending) {
                say_skipped(f, (enum track_kind)kind, (enum rtmp_skip)skip);
            }
        }
    }
}

/* --- parts of a message --- */

/* A packet keeps the whole of its blob alive. What is a small part of its message only gets a blob
 * of its own: a message may have megabytes beside it that nobody counts. */
static enum err keep_apart(const struct feeding *f, struct media_frame *frame)
{
    size_t whole = blob_span(f->message->blob).len;
    if (frame->blob != NULL || whole <= 2 * frame->data.len + WASTE_BYTES_MAX) {
        return ERR_OK;
    }
    frame->blob = blob_copy(frame->data);
    if (frame->blob == NULL) {
        return ERR_NOMEM;
    }
    frame->data = blob_span(frame->blob);
    return ERR_OK;
}

static void give_packet(struct feeding *f, const struct media_track *t, const struct av_part *part,
                        const struct media_frame *frame)
{
    if (!f->clocked) {
        f->clocked = true;
        f->dts_ms = unroll(f->m, f->message->timestamp);
    }
    int64_t offset = ((int64_t)part->offset_ns * 9 + NS_PER_9_TICKS / 2) / NS_PER_9_TICKS;
    int64_t dts = f->dts_ms * TICKS_PER_MS + offset;
    struct packet p = {.kind = t->kind,
                       .index = t->index,
                       .flags = (frame->key ? PACKET_KEY : 0) | (frame->open ? PACKET_OPEN : 0),
                       .dts = dts,
                       .pts = dts + (int64_t)part->composition_ms * TICKS_PER_MS,
                       .duration = frame->duration,
                       .data = frame->data,
                       .blob = frame->blob != NULL ? frame->blob : f->message->blob};
    f->fn(f->arg, &(struct rtmp_event){.type = RTMP_EVENT_PACKET, .packet = &p});
}

static enum err on_frame(struct feeding *f, struct media_track *t, const struct av_part *part)
{
    struct media_frame frame;
    if (!f->live) {
        return ERR_OK;
    }
    enum err e = settle(f->m, &t);
    if (e == ERR_OK) {
        e = media_track_frame(t, part->codec, part->data, &frame);
    }
    if (e == ERR_AGAIN) {
        skipped(f, RTMP_SKIP_NO_HEADER,
                "pictures or sound came before the codec header: they are left out");
        return ERR_OK; /* it may still come */
    }
    if (e == ERR_NOMEM) {
        return e;
    }
    if (e != ERR_OK) {
        return lose(f, RTMP_SKIP_BROKEN, "a picture or sound frame is broken: it is left out");
    }
    announce(f);
    if (frame.leading) {
        skipped(f, RTMP_SKIP_LEADING,
                "pictures at the start need others from before it: they are left out");
    } else {
        e = keep_apart(f, &frame);
        if (e == ERR_OK) {
            give_packet(f, t, part, &frame);
        }
    }
    blob_unref(frame.blob);
    return e;
}

static enum err on_header(struct feeding *f, struct media_track *t, const struct av_part *part)
{
    const char *why = "";
    enum err e = part->payload == AV_TS_CONFIG
                     ? media_track_ts_header(t, part->data)
                     : media_track_header(t, part->codec, part->data, &why);
    if (e == ERR_OK || e == ERR_NOMEM) {
        return e;
    }
    return lose(f, RTMP_SKIP_HEADER, why[0] != '\0' ? why : "the AV1 descriptor cannot be read");
}

static enum err on_color(struct feeding *f, struct media_track *t, struct span data)
{
    bool told;
    struct track_color color;
    enum err e = colorinfo_read(data, &told, &color);
    if (e == ERR_OK) {
        return media_track_color(t, told, &color);
    }
    if (e != ERR_NOENT) {
        skipped(f, RTMP_SKIP_BROKEN, "metadata beside the video cannot be read: it is left out");
    }
    return ERR_OK;
}

static enum err on_part(struct feeding *f, const struct av_part *part)
{
    if (part->payload == AV_NOTHING) {
        return ERR_OK;
    }
    if (part->payload == AV_UNKNOWN) {
        skipped(f, RTMP_SKIP_UNKNOWN, "a kind of packet came that is not known: it is left out");
        return ERR_OK;
    }
    if (!part->carried) {
        return lose(f, RTMP_SKIP_CODEC, part->why);
    }
    unsigned id = part->track_id != 0 ? part->track_id : f->message->track_id;
    struct media_track *t = find_track(f->m, f->message->kind, id);
    if (t == NULL) {
        skipped(f, RTMP_SKIP_TRACK, "there are too many tracks of a kind: the others are left out");
        return ERR_OK;
    }
    switch (part->payload) {
    case AV_CONFIG:
    case AV_TS_CONFIG:
        return on_header(f, t, part);
    case AV_COLOR_INFO:
        return on_color(f, t, part->data);
    case AV_CHANNELS:
        if (part->data.len > CHANNELS_AT) {
            media_track_channels(t, part->data.data[CHANNELS_AT]);
        }
        return ERR_OK;
    default:
        return on_frame(f, t, part);
    }
}

static enum err on_body(struct feeding *f)
{
    struct flv_body body;
    flv_body_init(&body, f->message->kind, f->message->body);
    for (;;) {
        struct av_part part;
        enum err e = flv_body_next(&body, &part);
        if (e == ERR_NOENT) {
            return ERR_OK;
        }
        e = e == ERR_OK ? on_part(f, &part)
                        : lose(f, RTMP_SKIP_BROKEN, "an audio or video message is cut short");
        if (e != ERR_OK) {
            return e;
        }
    }
}

enum err media_feed(struct media *m, const struct media_message *message, bool live,
                    rtmp_event_fn *fn, void *arg, const char **ret_why)
{
    struct feeding f = {.m = m, .message = message, .live = live, .fn = fn, .arg = arg};
    enum err e = on_body(&f);
    if (e == ERR_OK && live) {
        announce(&f);
    }
    if (e == ERR_NOMEM) {
        *ret_why = "out of memory";
    } else if (e != ERR_OK) {
        const struct media_skips *s = m->skips[message->kind];
        const char *why = "nothing that came can be carried";
        for (int i = 0; i < RTMP_SKIPS_; i++) {
            why = s[i].said && i <= RTMP_SKIP_HEADER ? s[i].why : why;
        }
        *ret_why = why;
    }
    return e;
}
