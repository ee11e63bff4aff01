#include "broadcaster/rtmp/play.h"

#include "broadcaster/rtmp/flv_write.h"
#include "broadcaster/rtmp/session_state.h"
#include "broadcaster/rtmp/target.h"

#define CHUNK_STREAM_AUDIO 4
#define CHUNK_STREAM_DATA  5
#define CHUNK_STREAM_VIDEO 6
#define METADATA_MAX       4096
#define CONFIG_MESSAGE_MAX 70000 /* a codec header (MEDIA_CONFIG_MAX) in its message */

/* --- what the client can play --- */

bool rtmp_session_can_play(const struct rtmp_session *s, enum track_codec codec)
{
    return flv_write_is_old_form(codec) ||
           (s->caps.codecs[codec] & (CAPS_CAN_DECODE | CAPS_CAN_FORWARD)) != 0;
}

/* --- commands --- */

enum err rtmp_play(struct rtmp_session *s, uint32_t stream_id, struct span arguments)
{
    struct amf0_value object;
    struct span name;
    struct target t;
    if (!s->has_app) {
        return rtmp_fail(s, ERR_PROTO, "a play command came before connect");
    }
    if (s->state != SESSION_IDLE) {
        message_put_status(&s->writer, stream_id, "error", "NetStream.Play.Failed",
                           "This connection publishes or plays already.");
        return ERR_OK;
    }
    if (amf0_read(&arguments, &object) != ERR_OK || amf0_read_string(&arguments, &name) != ERR_OK) {
        name = span_of(NULL, 0);
    }
    enum err e = target_init(&t, span_cstr(s->app), name);
    if (e != ERR_OK) {
        return rtmp_fail(s, e, "the name to play cannot be used");
    }
    s->state = SESSION_PLAY_ASKED;
    s->stream_id = stream_id;
    s->fn(s->arg,
          &(struct rtmp_event){
              .type = RTMP_EVENT_PLAY, .path = t.path, .query = t.query, .tc_url = s->tc_url});
    target_fini(&t);
    return ERR_OK;
}

enum err rtmp_pause(struct rtmp_session *s, struct span arguments)
{
    struct amf0_value object, flag;
    if (s->state != SESSION_PLAYING || amf0_read(&arguments, &object) != ERR_OK ||
        amf0_read(&arguments, &flag) != ERR_OK || flag.type != AMF0_BOOLEAN) {
        return ERR_OK;
    }
    message_put_status(&s->writer, s->stream_id, "status",
                       flag.boolean ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify",
                       flag.boolean ? "Paused." : "Going on with what is live now.");
    s->fn(s->arg, &(struct rtmp_event){.type = RTMP_EVENT_PAUSE, .paused = flag.boolean});
    return ERR_OK;
}

bool rtmp_stop_play(struct rtmp_session *s)
{
    bool playing = s->state == SESSION_PLAYING;
    if (!playing && s->state != SESSION_PLAY_ASKED) {
        return false;
    }
    s->state = SESSION_IDLE;
    for (int kind = 0; kind < 2; kind++) {
        track_unref(s->play_tracks[kind]);
        s->play_tracks[kind] = NULL;
    }
    if (playing) {
        message_put_status(&s->writer, s->stream_id, "status", "NetStream.Play.Stop",
                           "The play has ended.");
    }
    s->fn(s->arg, &(struct rtmp_event){.type = RTMP_EVENT_END});
    return true;
}

/* --- what is sent --- */

static enum err put_message(struct rtmp_session *s, const struct chunk_header *h, struct span head,
                            struct span rest)
{
    if (s->writer.err == ERR_OK) {
        s->writer.err = chunk_write_parts(&s->out, s->writer.chunk_size, h, head, rest);
    }
    return s->writer.err;
}

static enum err put_data(struct rtmp_session *s, const struct buf *body, enum err amf_err)
{
    static const uint8_t nothing;
    struct chunk_header h = {
        .chunk_stream_id = CHUNK_STREAM_DATA, .type = MESSAGE_DATA_AMF0, .stream_id = s->stream_id};
    return amf_err != ERR_OK ? amf_err : put_message(s, &h, buf_span(body), span_of(&nothing, 0));
}

/* Players of Flash's time wait for leave to look at the samples. */
static void put_sample_access(struct rtmp_session *s)
{
    struct buf body;
    buf_init(&body, METADATA_MAX);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, "|RtmpSampleAccess");
    amf0_put_boolean(&w, true);
    amf0_put_boolean(&w, true);
    enum err kept = put_data(s, &body, w.err);
    (void)kept; /* the writer remembers it */
    buf_fini(&body);
}

void rtmp_session_accept_play(struct rtmp_session *s)
{
    if (s->state != SESSION_PLAY_ASKED) {
        return;
    }
    s->state = SESSION_PLAYING;
    s->out.max = PLAY_OUTPUT_MAX;
    message_put_user_control(&s->writer, USER_CONTROL_STREAM_BEGIN, s->stream_id);
    message_put_status(&s->writer, s->stream_id, "status", "NetStream.Play.Reset",
                       "What was played before is forgotten.");
    message_put_status(&s->writer, s->stream_id, "status", "NetStream.Play.Start",
                       "The play begins with the newest key frame.");
    put_sample_access(s);
}

bool rtmp_session_playing(const struct rtmp_session *s)
{
    return s->state == SESSION_PLAYING;
}

static void put_number(struct amf0_writer *w, const char *key, double v)
{
    amf0_put_key(w, key);
    amf0_put_number(w, v);
}

/* Enhanced RTMP: the four characters as a number. */
static double codec_number(enum track_codec codec)
{
    const char *f = flv_write_fourcc(codec);
    return codec == CODEC_H264  ? 7
           : codec == CODEC_AAC ? 10
           : codec == CODEC_MP3 ? 2
                                : (double)((uint32_t)f[0] << 24 | (uint32_t)f[1] << 16 |
                                           (uint32_t)f[2] << 8 | (uint32_t)f[3]);
}

static void describe_video(struct amf0_writer *w, const struct track_params *v)
{
    put_number(w, "width", v->width);
    put_number(w, "height", v->height);
    put_number(w, "videocodecid", codec_number(v->codec));
}

static void describe_audio(struct amf0_writer *w, const struct track_params *a)
{
    put_number(w, "audiocodecid", codec_number(a->codec));
    put_number(w, "audiosamplerate", a->sample_rate);
    put_number(w, "audiochannels", a->channels);
    amf0_put_key(w, "stereo");
    amf0_put_boolean(w, a->channels > 1);
}

/* The track's parameters, if there is one and the client can play it. */
static const struct track_params *playable(const struct rtmp_session *s, const struct track *t)
{
    const struct track_params *p = t != NULL ? track_params(t) : NULL;
    return p != NULL && rtmp_session_can_play(s, p->codec) ? p : NULL;
}

static enum err put_metadata(struct rtmp_session *s)
{
    const struct track_params *v = playable(s, s->play_tracks[TRACK_VIDEO]);
    const struct track_params *a = playable(s, s->play_tracks[TRACK_AUDIO]);
    struct buf body;
    buf_init(&body, METADATA_MAX);
    struct amf0_writer w = {.out = &body};
    amf0_put_string(&w, "onMetaData");
    amf0_put_ecma_array(&w, (v != NULL ? 3 : 0) + (a != NULL ? 4 : 0));
    if (v != NULL) {
        describe_video(&w, v);
    }
    if (a != NULL) {
        describe_audio(&w, a);
    }
    amf0_put_end(&w);
    enum err e = put_data(s, &body, w.err);
    buf_fini(&body);
    return e;
}

static struct chunk_header media_header(const struct rtmp_session *s, enum track_kind kind,
                                        int64_t ms)
{
    bool video = kind == TRACK_VIDEO;
    return (struct chunk_header){
        .chunk_stream_id = video ? CHUNK_STREAM_VIDEO : CHUNK_STREAM_AUDIO,
        .type = video ? MESSAGE_VIDEO : MESSAGE_AUDIO,
        .stream_id = s->stream_id,
        .timestamp = (uint32_t)ms,
    };
}

static enum err put_config(struct rtmp_session *s, const struct track *t, int64_t ms)
{
    static const uint8_t nothing;
    const struct track_params *p = playable(s, t);
    struct buf body;
    if (p == NULL) {
        return ERR_OK;
    }
    buf_init(&body, CONFIG_MESSAGE_MAX);
    enum err e = flv_write_config(&body, p);
    if (e == ERR_OK && body.len > 0) {
        struct chunk_header h = media_header(s, p->kind, ms);
        e = put_message(s, &h, buf_span(&body), span_of(&nothing, 0));
    }
    buf_fini(&body);
    return e;
}

static bool keep_track(struct rtmp_session *s, enum track_kind kind, struct track *t)
{
    if (t == NULL || track_equal(t, s->play_tracks[kind])) {
        return false;
    }
    track_unref(s->play_tracks[kind]);
    s->play_tracks[kind] = track_ref(t);
    return true;
}

enum err rtmp_session_put_tracks(struct rtmp_session *s, struct track *video, struct track *audio,
                                 int64_t ms)
{
    if (s->state != SESSION_PLAYING) {
        return ERR_OK;
    }
    bool new_video = keep_track(s, TRACK_VIDEO, video);
    bool new_audio = keep_track(s, TRACK_AUDIO, audio);
    enum err e = new_video || new_audio ? put_metadata(s) : ERR_OK;
    if (e == ERR_OK && new_video) {
        e = put_config(s, video, ms);
    }
    return e == ERR_OK && new_audio ? put_config(s, audio, ms) : e;
}

enum err rtmp_session_put_packet(struct rtmp_session *s, const struct packet *p, int64_t ms,
                                 int64_t composition_ms)
{
    const struct track_params *t = playable(s, s->play_tracks[p->kind]);
    if (s->state != SESSION_PLAYING || t == NULL || p->data.len == 0 ||
        p->data.len > CHUNK_SIZE_MAX - FLV_HEAD_MAX) {
        return ERR_OK;
    }
    struct flv_head head = flv_write_head(t, p->flags, composition_ms);
    struct chunk_header h = media_header(s, p->kind, ms);
    return put_message(s, &h, span_of(head.bytes, head.len), p->data);
}

void rtmp_session_end_play(struct rtmp_session *s, const char *text)
{
    if (s->state == SESSION_PLAYING) {
        message_put_status(&s->writer, s->stream_id, "status", "NetStream.Play.UnpublishNotify",
                           text);
        message_put_user_control(&s->writer, USER_CONTROL_STREAM_EOF, s->stream_id);
        s->state = SESSION_CLOSED;
    }
}
