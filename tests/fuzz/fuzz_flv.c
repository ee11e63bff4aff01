/* libFuzzer target: audio and video bodies, aggregates, and the codec headers inside them. The
 * first byte says what the rest is; bodies also go the way from messages to tracks and packets. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/blob.h"
#include "broadcaster/avc.h"
#include "broadcaster/rtmp/asc.h"
#include "broadcaster/rtmp/flv.h"
#include "broadcaster/rtmp/media.h"

enum kind { VIDEO, AUDIO, AGGREGATE, AVC_CONFIG, AAC_CONFIG, KINDS_ };

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
    enum err e = video ? flv_video_parse(body, &b) : flv_audio_parse(body, &b);
    if (e != ERR_OK) {
        check(e == ERR_PROTO || e == ERR_UNSUPPORTED);
        return;
    }
    check(b.data.len <= body.len && (b.payload != FLV_CODED || b.data.len > 0));
    check(b.composition_ms >= -0x800000 && b.composition_ms <= 0x7fffff);
    read_span(b.data);
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
    } else if (e->type == RTMP_EVENT_PACKET) {
        read_span(e->packet->data);
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
    default:
        check_aac(rest);
        break;
    }
    check(blob_live_bytes() == 0);
    return 0;
}
