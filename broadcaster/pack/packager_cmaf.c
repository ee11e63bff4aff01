#include "base/mem.h"
#include "broadcaster/pack/fmp4.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/stream/part.h"

#define INIT_BYTES_MAX (1024 * 1024) /* a configuration may be large */
#define FNV_OFFSET     UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME      UINT64_C(0x100000001b3)

enum err packager_give(struct buf *out, struct blob **ret_blob)
{
    uint8_t *bytes = mem_try_realloc(out->data, out->len);
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    out->data = bytes;
    struct blob *b = blob_wrap(bytes, out->len, mem_free, bytes);
    if (b == NULL) {
        return ERR_NOMEM;
    }
    *out = (struct buf){.max = out->max};
    *ret_blob = b;
    return ERR_OK;
}

uint64_t packager_hash(struct span bytes)
{
    uint64_t h = FNV_OFFSET;
    for (size_t i = 0; i < bytes.len; i++) {
        h = (h ^ bytes.data[i]) * FNV_PRIME;
    }
    return h != 0 ? h : 1;
}

/* The track and packets of a kind; false: there are none. */
static bool find(const struct segment *s, enum track_kind kind, const struct track **ret_track,
                 const struct packets **ret_packets)
{
    const struct sound *sound = segment_sound(s);
    if (segment_info(s)->gap || (kind == TRACK_AUDIO && sound == NULL)) {
        return false;
    }
    *ret_track = kind == TRACK_VIDEO ? segment_video(s) : sound_track(sound);
    *ret_packets = kind == TRACK_VIDEO ? segment_packets(s) : sound_packets(sound);
    return *ret_track != NULL && (*ret_packets)->count > 0;
}

/* What viewers had in parts is the same bytes in the segment (draft-pantos-hls-rfc8216bis, 6.2.2).
 */
static enum err put_fragments(struct buf *out, const struct segment *s,
                              const struct track_params *t, const struct packets *packets)
{
    size_t n, at = 0;
    uint64_t msn = segment_info(s)->msn;
    const size_t *counts = segment_parts(s, t->kind, &n);
    if (n == 0) {
        return fmp4_put_fragment(out, t, (uint32_t)msn, packets->items, packets->count);
    }
    enum err e = ERR_NOENT;
    for (size_t i = 0; i < n && (e == ERR_OK || e == ERR_NOENT); at += counts[i++]) {
        enum err part =
            fmp4_put_fragment(out, t, part_sequence(msn, i), packets->items + at, counts[i]);
        e = part != ERR_NOENT ? part : e;
    }
    return e;
}

static enum err make(const struct segment *s, enum track_kind kind, bool init,
                     struct blob **ret_blob)
{
    const struct track *track;
    const struct packets *packets;
    if (!find(s, kind, &track, &packets)) {
        return ERR_NOENT;
    }
    struct buf out;
    buf_init(&out, init ? INIT_BYTES_MAX : PACKAGER_BYTES_MAX);
    const struct track_params *t = track_params(track);
    enum err e =
        init ? fmp4_put_init(&out, t, packets->items[0].data) : put_fragments(&out, s, t, packets);
    if (e == ERR_OK) {
        e = packager_give(&out, ret_blob);
    }
    buf_fini(&out);
    return e;
}

enum err packager_cmaf_video(const struct segment *s, struct blob **ret_blob)
{
    return make(s, TRACK_VIDEO, false, ret_blob);
}

enum err packager_cmaf_audio(const struct segment *s, struct blob **ret_blob)
{
    return make(s, TRACK_AUDIO, false, ret_blob);
}

enum err packager_cmaf_video_init(const struct segment *s, struct blob **ret_blob)
{
    return make(s, TRACK_VIDEO, true, ret_blob);
}

enum err packager_cmaf_audio_init(const struct segment *s, struct blob **ret_blob)
{
    return make(s, TRACK_AUDIO, true, ret_blob);
}
