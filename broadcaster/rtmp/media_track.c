#include "broadcaster/rtmp/media_track.h"

#include <string.h>

#include "broadcaster/codec/ac3.h"
#include "broadcaster/codec/av1.h"
#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/flac.h"
#include "broadcaster/codec/hevc.h"
#include "broadcaster/codec/mp3.h"
#include "broadcaster/codec/opus.h"
#include "broadcaster/codec/orientation.h"
#include "broadcaster/codec/sets.h"
#include "broadcaster/rtmp/codec_header.h"

#define FRAME_TICKS_MAX   (10 * TICKS_PER_S)
#define UNIT_GROWTH_BYTES 4096 /* what AV1's sizes and sequence header may add to a unit */

void media_track_init(struct media_track *t, enum track_kind kind, unsigned id, unsigned index)
{
    *t = (struct media_track){.used = true, .id = id, .kind = kind, .index = index};
}

void media_track_fini(struct media_track *t)
{
    track_unref(t->track);
    blob_unref(t->heard);
    *t = (struct media_track){0};
}

/* --- making a track --- */

static struct track_color merged_color(const struct media_track *t)
{
    struct track_color c = t->own;
    if (t->color_told) {
        const struct track_color own = c;
        c = t->told;
        c.primaries = c.primaries != 0 ? c.primaries : own.primaries;
        c.transfer = c.transfer != 0 ? c.transfer : own.transfer;
        c.matrix = c.matrix != 0 ? c.matrix : own.matrix;
        c.full_range = own.full_range;
    }
    return c;
}

static enum err replace(struct media_track *t, const struct track_params *params)
{
    struct track_params p = *params;
    p.kind = t->kind;
    p.index = t->index;
    p.color = merged_color(t);
    p.turn = t->turn;
    p.sar_den = p.sar_den != 0 ? p.sar_den : 1;
    struct track *made = track_create(&p);
    if (made == NULL) {
        return ERR_NOMEM;
    }
    if (track_equal(t->track, made)) {
        track_unref(made);
        return ERR_OK;
    }
    track_unref(t->track);
    t->track = made;
    t->announced = false;
    return ERR_OK;
}

/* The same track with what the slot tells anew. */
static enum err remake(struct media_track *t)
{
    return t->track != NULL ? replace(t, track_params(t->track)) : ERR_OK;
}

enum err media_track_move(struct media_track *t, unsigned index)
{
    t->index = index;
    return remake(t);
}

enum err media_track_color(struct media_track *t, bool told, const struct track_color *color)
{
    t->color_told = told;
    t->told = *color;
    return remake(t);
}

void media_track_channels(struct media_track *t, int channels)
{
    t->channels = channels;
}

/* --- headers --- */

/* Codecs whose frames can be read without a header. */
static bool starts_without_header(enum track_codec codec)
{
    return codec == CODEC_AV1 || codec == CODEC_VP9 || codec == CODEC_MP3 || codec == CODEC_AC3 ||
           codec == CODEC_EAC3;
}

/* The track is another one from here on, when it is another codec. */
static void become(struct media_track *t, enum track_codec codec)
{
    if (t->ready && t->codec != codec) {
        track_unref(t->track);
        t->track = NULL;
        t->has_record = t->has_record && codec == CODEC_VP9;
    }
    t->codec = codec;
    t->ready = true;
}

/* Some encoders leave the version at 0, where readers of the record want 1. */
static enum err replace_by_header(struct media_track *t, const struct codec_header *h)
{
    struct track_params p = h->params;
    struct buf mended;
    buf_init(&mended, MEDIA_CONFIG_MAX);
    enum err e = ERR_OK;
    if (p.codec == CODEC_HEVC && p.config.data[0] == 0) {
        e = buf_put(&mended, p.config);
        if (e == ERR_OK) {
            mended.data[0] = 1;
            p.config = buf_span(&mended);
        }
    }
    e = e == ERR_OK ? replace(t, &p) : e;
    buf_fini(&mended);
    return e;
}

static enum err keep_header(struct media_track *t, struct span header)
{
    struct blob *copy = blob_copy(header);
    if (copy == NULL) {
        return ERR_NOMEM;
    }
    blob_unref(t->heard);
    t->heard = copy;
    return ERR_OK;
}

static bool is_either(enum track_codec c)
{
    return c == CODEC_H264 || c == CODEC_HEVC;
}

static bool is_heard(const struct media_track *t, enum track_codec codec, struct span header)
{
    bool same = t->codec == codec || (is_either(t->codec) && is_either(codec));
    return t->track != NULL && same && header.len > 0 && t->heard != NULL &&
           span_equal(blob_span(t->heard), header);
}

enum err media_track_header(struct media_track *t, enum track_codec codec, struct span header,
                            const char **ret_why)
{
    uint8_t made[OPUS_HEAD_BYTES];
    struct codec_header h = {.codec = codec};
    if (header.len > MEDIA_CONFIG_MAX) {
        *ret_why = "a codec header is too large";
        return ERR_LIMIT;
    }
    if (header.len == 0 && codec == CODEC_OPUS) {
        opus_head_make(t->channels == 1 ? 1 : 2, made);
        header = span_of(made, sizeof made);
    }
    if (header.len == 0 && !starts_without_header(codec)) {
        return ERR_OK;
    }
    if (is_heard(t, codec, header)) {
        return ERR_OK;
    }
    enum err e = header.len > 0 ? codec_header_read(codec, header, &h) : ERR_OK;
    if (e == ERR_NOENT) {
        return ERR_OK;
    }
    if (e != ERR_OK) {
        *ret_why = codec_header_unreadable(codec);
        return e;
    }
    become(t, h.codec);
    if (h.has_record) {
        memcpy(t->record, h.record, sizeof t->record);
        t->has_record = true;
    }
    if (t->kind == TRACK_VIDEO && header.len > 0) {
        t->own = h.color;
    }
    if (h.params.config.len == 0) {
        return ERR_OK;
    }
    t->nal_length_size = h.nal_length_size;
    const struct track *before = t->track;
    e = replace_by_header(t, &h);
    e = e == ERR_OK ? keep_header(t, header) : e;
    t->started = t->started && t->track == before;
    if (e != ERR_OK) {
        *ret_why = "out of memory";
    }
    return e;
}

enum err media_track_ts_header(struct media_track *t, struct span descriptor)
{
    if (!av1_is_descriptor(descriptor)) {
        return ERR_PROTO;
    }
    become(t, CODEC_AV1);
    return ERR_OK;
}

/* --- frames --- */

/* Parameter sets that come with a key frame are the truth, whatever the codec header said. Those
 * that cannot be made a header of stay where they are. */
static enum err follow_sets(struct media_track *t, struct span unit)
{
    struct codec_header h = {.codec = t->codec};
    struct buf record;
    buf_init(&record, MEDIA_CONFIG_MAX);
    enum err e = sets_follow(t->codec, track_params(t->track)->config, unit, &record);
    if (e == ERR_OK) {
        e = codec_header_read(t->codec, buf_span(&record), &h);
    }
    if (e == ERR_OK && h.codec == t->codec) {
        t->own = h.color;
        t->started = false;
        e = replace(t, &h.params);
    }
    buf_fini(&record);
    return e == ERR_NOMEM ? e : ERR_OK;
}

/* By the letter what a key frame says of how to show it ends with the next one; but some encoders
 * say it once, and none is known to mean by silence that the camera was turned back. */
static enum err follow_turn(struct media_track *t, struct span unit)
{
    struct track_turn turn;
    if (!orientation_in(t->codec, t->nal_length_size, unit, &turn) ||
        (turn.quarters == t->turn.quarters && turn.mirrored == t->turn.mirrored)) {
        return ERR_OK;
    }
    t->turn = turn;
    t->started = false; /* as with other parameter sets */
    return remake(t);
}

static enum err follow(struct media_track *t, struct span unit)
{
    enum err e = follow_sets(t, unit);
    return e == ERR_OK ? follow_turn(t, unit) : e;
}

static enum err read_avc_frame(struct media_track *t, struct media_frame *f)
{
    f->key = avc_has_idr(f->data, t->nal_length_size);
    return f->key ? follow(t, f->data) : ERR_OK;
}

static enum err read_hevc_frame(struct media_track *t, struct media_frame *f)
{
    struct hevc_picture p = hevc_picture_of(f->data, t->nal_length_size);
    f->key = p.irap;
    if (p.irap) {
        enum err e = follow(t, f->data);
        if (e != ERR_OK) {
            return e;
        }
        t->closed = t->cra ? !t->led : t->closed;
        t->cra = !p.clean && !p.broken_link;
        t->led = false;
        t->skips_leading = p.broken_link || (!p.clean && !t->started);
        t->started = true;
        f->open = t->cra && !t->closed && !t->skips_leading;
    }
    t->led = t->led || p.rasl;
    f->leading = p.rasl && t->skips_leading;
    return ERR_OK;
}

/* The payload of the sequence header in a track's record; empty without a track. */
static struct span sequence_of(const struct track *t)
{
    struct span payload = {0};
    if (t != NULL && av1_config_parse(track_params(t)->config, &payload) != ERR_OK) {
        payload = span_of(NULL, 0);
    }
    return payload;
}

/* A sequence header that came with a key frame is the truth, whatever the codec header said. */
static enum err follow_sequence(struct media_track *t, struct span payload)
{
    struct av1_sequence s;
    struct buf record;
    if (payload.len == 0 || span_equal(payload, sequence_of(t->track))) {
        return ERR_OK;
    }
    enum err e = av1_sequence_parse(payload, &s);
    if (e != ERR_OK) {
        return e;
    }
    buf_init(&record, MEDIA_CONFIG_MAX);
    e = av1_config_make(payload, &record);
    if (e == ERR_OK) {
        t->own = s.color;
        e = replace(t, &(struct track_params){.codec = CODEC_AV1,
                                              .config = buf_span(&record),
                                              .width = s.width,
                                              .height = s.height});
    }
    buf_fini(&record);
    return e;
}

/* The unit anew, in a blob of its own. */
static enum err rewrite(struct span unit, struct span sequence, struct media_frame *f)
{
    struct buf out;
    buf_init(&out, 2 * unit.len + sequence.len + UNIT_GROWTH_BYTES);
    enum err e = av1_unit_write(unit, sequence, &out);
    if (e == ERR_OK) {
        f->blob = blob_copy(buf_span(&out));
        f->data = blob_span(f->blob);
        e = f->blob != NULL ? ERR_OK : ERR_NOMEM;
    }
    buf_fini(&out);
    return e;
}

static enum err read_obus(struct media_track *t, struct span unit, struct media_frame *f)
{
    struct av1_unit u;
    struct av1_sequence s = {0};
    struct span known = sequence_of(t->track);
    bool reduced_still =
        known.len > 0 && av1_sequence_parse(known, &s) == ERR_OK && s.reduced_still;
    enum err e = av1_unit_parse(unit, reduced_still, &u);
    if (e == ERR_OK && u.key) {
        e = follow_sequence(t, u.sequence);
    }
    if (e != ERR_OK) {
        return e;
    }
    if (t->track == NULL) {
        return ERR_AGAIN;
    }
    f->key = u.key;
    f->data = u.body;
    /* Who starts to read at a key frame must find the sequence header there (2.4). */
    bool wants_sequence = u.key && u.sequence.len == 0;
    if (u.plain && !wants_sequence) {
        return ERR_OK;
    }
    return rewrite(unit, wants_sequence ? sequence_of(t->track) : span_of(NULL, 0), f);
}

static enum err read_av1_frame(struct media_track *t, struct media_frame *f)
{
    if (!av1_is_ts_unit(f->data)) {
        return read_obus(t, f->data, f);
    }
    struct buf obus;
    buf_init(&obus, 2 * f->data.len + UNIT_GROWTH_BYTES);
    enum err e = av1_ts_unit_write(f->data, &obus);
    if (e == ERR_OK) {
        e = read_obus(t, buf_span(&obus), f);
    }
    if (e == ERR_OK && f->blob == NULL) {
        f->blob = blob_copy(f->data);
        f->data = blob_span(f->blob);
        e = f->blob != NULL ? ERR_OK : ERR_NOMEM;
    }
    buf_fini(&obus);
    return e;
}

static enum err read_vp9_frame(struct media_track *t, struct media_frame *f)
{
    struct vp9_frame v;
    enum err e = vp9_frame_parse(f->data, &v);
    if (e != ERR_OK) {
        return e;
    }
    f->key = v.key;
    if (v.key) {
        uint8_t record[VP9_RECORD_BYTES];
        vp9_config_make(&v, record);
        if (t->has_record && vp9_config_fits(span_of(t->record, sizeof t->record), &v)) {
            memcpy(record, t->record, sizeof record);
        } else {
            t->own = v.color;
        }
        e = replace(t, &(struct track_params){.codec = CODEC_VP9,
                                              .config = span_of(record, sizeof record),
                                              .width = v.width,
                                              .height = v.height});
    }
    return e != ERR_OK ? e : t->track != NULL ? ERR_OK : ERR_AGAIN;
}

/* Sound whose frames each say it all: most say what the last one said. */
static enum err follow_sound(struct media_track *t, enum track_codec codec, int rate, int channels)
{
    const struct track_params *now = t->track != NULL ? track_params(t->track) : NULL;
    if (now != NULL && now->codec == codec && now->sample_rate == rate &&
        now->channels == channels) {
        return ERR_OK;
    }
    return replace(
        t, &(struct track_params){.codec = codec, .sample_rate = rate, .channels = channels});
}

/* The longest frame that a codec has, FLAC's of 65535 samples at 8 kHz, lasts 8.2 s; what says more
 * lies. */
static int64_t ticks(int samples, int rate)
{
    int64_t t = rate > 0 ? (int64_t)samples * TICKS_PER_S / rate : 0;
    return t < FRAME_TICKS_MAX ? t : FRAME_TICKS_MAX;
}

static enum err read_ac3_frame(struct media_track *t, struct media_frame *f)
{
    struct ac3_packet p;
    enum err e = ac3_packet_parse(f->data, &p);
    if (e != ERR_OK) {
        return e;
    }
    f->duration = ticks(p.samples, p.sample_rate);
    return follow_sound(t, p.enhanced ? CODEC_EAC3 : CODEC_AC3, p.sample_rate, p.channels);
}

static enum err read_mp3_frame(struct media_track *t, struct media_frame *f)
{
    struct mp3_packet p;
    enum err e = mp3_packet_parse(f->data, &p);
    if (e != ERR_OK) {
        return e;
    }
    f->duration = ticks(p.samples, p.sample_rate);
    return follow_sound(t, CODEC_MP3, p.sample_rate, p.channels);
}

static enum err read_frame(struct media_track *t, struct media_frame *f)
{
    f->key = t->kind == TRACK_AUDIO;
    switch (t->codec) {
    case CODEC_H264:
        return read_avc_frame(t, f);
    case CODEC_HEVC:
        return read_hevc_frame(t, f);
    case CODEC_AV1:
        return read_av1_frame(t, f);
    case CODEC_VP9:
        return read_vp9_frame(t, f);
    case CODEC_AC3:
    case CODEC_EAC3:
        return read_ac3_frame(t, f);
    case CODEC_MP3:
        return read_mp3_frame(t, f);
    case CODEC_OPUS:
        f->duration = ticks(opus_packet_samples(f->data), OPUS_RATE);
        return f->duration > 0 ? ERR_OK : ERR_PROTO;
    case CODEC_FLAC:
        f->duration = ticks(flac_frame_samples(f->data), track_params(t->track)->sample_rate);
        return f->duration > 0 ? ERR_OK : ERR_PROTO;
    default:
        return ERR_OK; /* AAC */
    }
}

enum err media_track_frame(struct media_track *t, enum track_codec codec, struct span data,
                           struct media_frame *ret_frame)
{
    bool same = t->ready && (t->codec == codec || (is_either(t->codec) && is_either(codec)));
    if (!same && !starts_without_header(codec)) {
        return ERR_AGAIN;
    }
    if (!same) {
        become(t, codec);
    }
    if (t->track == NULL && !starts_without_header(t->codec)) {
        return ERR_AGAIN;
    }
    struct media_frame f = {.data = data};
    enum err e = read_frame(t, &f);
    if (e != ERR_OK) {
        blob_unref(f.blob);
        return e;
    }
    *ret_frame = f;
    return ERR_OK;
}
