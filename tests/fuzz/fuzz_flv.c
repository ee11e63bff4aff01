/* libFuzzer target: audio and video bodies with or without extended headers, aggregates, and the
 * codec headers and frames inside them. The first byte says what the rest is; bodies also go the
 * way from messages to tracks and packets. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/blob.h"
#include "broadcaster/codec/ac3.h"
#include "broadcaster/codec/av1.h"
#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/flac.h"
#include "broadcaster/codec/hevc.h"
#include "broadcaster/codec/mp3.h"
#include "broadcaster/codec/opus.h"
#include "broadcaster/codec/vp9.h"
#include "broadcaster/rtmp/asc.h"
#include "broadcaster/rtmp/colorinfo.h"
#include "broadcaster/rtmp/flv.h"
#include "broadcaster/rtmp/media.h"

enum kind {
    VIDEO,
    AUDIO,
    AGGREGATE,
    AVC_CONFIG,
    AAC_CONFIG,
    HEVC_CONFIG,
    AV1_CONFIG,
    AV1_UNIT,
    VP9,
    SOUND,
    COLOR_INFO,
    KINDS_
};

#define WRITTEN_MAX (1 << 20)

#define TYPE_AUDIO 8
#define TYPE_VIDEO 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned sum;

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* Every byte given is read, so that a sanitizer sees what lies outside. */
static void read_span(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        sum += s.data[i];
    }
}

static void check_body(struct span body, bool video)
{
    struct flv_body b;
    struct av_part p;
    size_t parts = 0;
    flv_body_init(&b, video ? TRACK_VIDEO : TRACK_AUDIO, body);
    for (;;) {
        enum err e = flv_body_next(&b, &p);
        if (e != ERR_OK) {
            check(e == ERR_PROTO || e == ERR_NOENT);
            return;
        }
        check(++parts <= body.len + 1);
        check(p.data.len <= body.len && p.track_id <= 255 && p.offset_ns <= 999999);
        check(p.payload != AV_CODED || p.data.len > 0 || !p.carried);
        check(p.carried || p.payload == AV_NOTHING || p.payload == AV_UNKNOWN || p.why != NULL);
        check(p.composition_ms >= -0x800000 && p.composition_ms <= 0x7fffff);
        read_span(p.data);
    }
}

static void check_hevc(struct span record)
{
    struct hevc_config c;
    struct hevc_sps sps;
    (void)hevc_picture_of(record, 4);
    if (hevc_config_parse(record, &c) != ERR_OK) {
        return;
    }
    read_span(c.sps);
    if (hevc_sps_parse(c.sps, &sps) == ERR_OK) {
        check(sps.width > 0 && sps.width <= HEVC_SIDE_MAX && sps.sar_den > 0);
        check(sps.height > 0 && sps.height <= HEVC_SIDE_MAX);
    }
}

static void check_av1_config(struct span record)
{
    struct span sequence;
    struct av1_sequence s;
    struct buf out;
    if (av1_config_parse(record, &sequence) != ERR_OK) {
        return;
    }
    read_span(sequence);
    buf_init(&out, WRITTEN_MAX);
    if (av1_sequence_parse(sequence, &s) == ERR_OK) {
        check(s.width > 0 && s.width <= 65536 && s.height > 0 && s.height <= 65536);
        struct span again;
        check(av1_config_make(sequence, &out) == ERR_OK);
        check(av1_config_parse(buf_span(&out), &again) == ERR_OK && span_equal(again, sequence));
    }
    buf_fini(&out);
}

/* What was written must read back as the same pictures, in the form that packets have. */
static void check_av1_unit(struct span unit)
{
    struct av1_unit u, again;
    struct buf out;
    buf_init(&out, WRITTEN_MAX);
    if (av1_is_ts_unit(unit)) {
        enum err e = av1_ts_unit_write(unit, &out);
        check(e == ERR_OK || e == ERR_PROTO);
        buf_clear(&out);
    }
    if (av1_unit_parse(unit, false, &u) == ERR_OK) {
        read_span(u.sequence);
        read_span(u.body);
        check(av1_unit_write(unit, span_of(NULL, 0), &out) == ERR_OK);
        check(av1_unit_parse(buf_span(&out), false, &again) == ERR_OK);
        check(again.plain && again.key == u.key && span_equal(again.sequence, u.sequence));
    }
    buf_fini(&out);
}

static void check_vp9(struct span s)
{
    struct vp9_frame f;
    struct span record;
    struct track_color color;
    uint8_t made[VP9_RECORD_BYTES];
    if (vp9_config_parse(s, &record, &color) == ERR_OK) {
        read_span(record);
    }
    if (vp9_frame_parse(s, &f) == ERR_OK && f.key) {
        check(f.width > 0 && f.height > 0);
        vp9_config_make(&f, made);
        check(vp9_config_parse(span_of(made, sizeof made), &record, &color) == ERR_OK);
    }
}

static void check_sound(struct span s)
{
    struct ac3_packet a;
    struct mp3_packet m;
    struct flac_config f;
    int channels;
    if (ac3_packet_parse(s, &a) == ERR_OK) {
        check(a.sample_rate > 0 && a.channels > 0 && a.channels <= 6 && a.samples >= 0);
    }
    if (mp3_packet_parse(s, &m) == ERR_OK) {
        check(m.sample_rate > 0 && m.channels > 0 && m.samples > 0);
    }
    if (flac_config_parse(s, &f) == ERR_OK) {
        read_span(f.streaminfo);
        check(f.sample_rate > 0 && f.channels > 0 && f.channels <= 8);
    }
    check(flac_frame_samples(s) >= 0 && flac_frame_samples(s) <= 65536);
    if (opus_head_parse(s, &channels) == ERR_OK) {
        check(channels > 0 && channels <= OPUS_CHANNELS_MAX);
    }
    check(opus_packet_samples(s) >= 0 && opus_packet_samples(s) <= 5760);
}

static void check_color(struct span s)
{
    struct track_color c;
    bool told;
    if (colorinfo_read(s, &told, &c) == ERR_OK) {
        check(c.primaries >= 0 && c.primaries <= 255 && c.luminance_max <= 100000000);
        check(told || c.primaries == 0);
    }
}

static void check_avc(struct span record)
{
    struct avc_config c;
    struct avc_sps sps;
    (void)avc_has_idr(record, 4);
    (void)avc_has_idr(record, 2);
    (void)avc_has_idr(record, 1);
    if (avc_config_parse(record, &c) != ERR_OK) {
        return;
    }
    check(c.nal_length_size == 1 || c.nal_length_size == 2 || c.nal_length_size == 4);
    read_span(c.sps);
    if (avc_sps_parse(c.sps, &sps) == ERR_OK) {
        check(sps.width > 0 && sps.width <= AVC_SIDE_MAX);
        check(sps.height > 0 && sps.height <= AVC_SIDE_MAX);
    }
}

static void check_aac(struct span config)
{
    struct asc a;
    if (asc_parse(config, &a) == ERR_OK) {
        check(a.sample_rate > 0 && a.channels > 0 && a.object_type > 0);
    }
}

static void on_event(void *arg, const struct rtmp_event *e)
{
    (void)arg;
    if (e->type == RTMP_EVENT_TRACK) {
        read_span(track_params(e->track)->config);
        check(track_params(e->track)->index < TRACKS_PER_KIND_MAX);
    } else if (e->type == RTMP_EVENT_PACKET) {
        read_span(e->packet->data);
        check(e->packet->data.len > 0 && e->packet->index < TRACKS_PER_KIND_MAX);
    }
}

static void feed(struct media *m, struct span body, bool video, uint32_t timestamp, bool live)
{
    struct blob *blob = blob_copy(body);
    check(blob != NULL);
    struct media_message message = {.kind = video ? TRACK_VIDEO : TRACK_AUDIO,
                                    .timestamp = timestamp,
                                    .blob = blob,
                                    .body = blob_span(blob)};
    const char *why = "";
    check(media_feed(m, &message, live, on_event, NULL, &why) == ERR_OK || why[0] != '\0');
    blob_unref(blob);
}

/* A run of tags is a whole conversation: headers first, before the publish is accepted. */
static void feed_tags(struct span s)
{
    struct media m;
    struct flv_tag t;
    media_init(&m);
    for (unsigned n = 0; s.len > 0; n++) {
        size_t before = s.len;
        if (flv_tag_read(&s, &t) != ERR_OK) {
            check(s.len == before);
            break;
        }
        check(s.len < before && t.body.len <= before);
        if (t.type == TYPE_AUDIO || t.type == TYPE_VIDEO) {
            check_body(t.body, t.type == TYPE_VIDEO);
            feed(&m, t.body, t.type == TYPE_VIDEO, t.timestamp, n > 1);
        }
    }
    media_fini(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct span rest = span_of(data + 1, size - 1);
    switch (data[0] % KINDS_) {
    case VIDEO:
        check_body(rest, true);
        break;
    case AUDIO:
        check_body(rest, false);
        break;
    case AGGREGATE:
        feed_tags(rest);
        break;
    case AVC_CONFIG:
        check_avc(rest);
        break;
    case HEVC_CONFIG:
        check_hevc(rest);
        break;
    case AV1_CONFIG:
        check_av1_config(rest);
        break;
    case AV1_UNIT:
        check_av1_unit(rest);
        break;
    case VP9:
        check_vp9(rest);
        break;
    case SOUND:
        check_sound(rest);
        break;
    case COLOR_INFO:
        check_color(rest);
        break;
    default:
        check_aac(rest);
        break;
    }
    check(blob_live_bytes() == 0);
    return 0;
}
