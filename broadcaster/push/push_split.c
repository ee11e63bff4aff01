#include "broadcaster/push/push_split.h"

static const struct packets *main_of(const struct push_media *m)
{
    return m->video_packets.count > 0 ? &m->video_packets : &m->audio_packets;
}

static bool is_independent(const struct packet *p)
{
    return (p->flags & PACKET_KEY) != 0 && (p->flags & PACKET_OPEN) == 0;
}

/* Whether all in front of a packet is shown before all from it on. */
static bool is_closed(const struct packets *ps, size_t from, size_t at)
{
    int64_t newest = ps->items[from].pts;
    for (size_t i = from; i < at; i++) {
        newest = ps->items[i].pts > newest ? ps->items[i].pts : newest;
    }
    /* What is decoded later than that is shown later. */
    for (size_t i = at; i < ps->count && ps->items[i].dts <= newest; i++) {
        if (ps->items[i].pts < newest) {
            return false;
        }
    }
    return true;
}

/* The first packet of the next piece; `from`: there is none. */
static size_t next_cut(const struct packets *ps, size_t from, int64_t longest)
{
    size_t last = from;
    while (last + 1 < ps->count && ps->items[last + 1].dts - ps->items[from].dts <= longest) {
        last++;
    }
    for (size_t i = last; i > from; i--) {
        if (is_independent(&ps->items[i])) {
            return i;
        }
    }
    for (size_t i = last; i > from; i--) {
        if (is_closed(ps, from, i)) {
            return i;
        }
    }
    return last;
}

static enum err copy(const struct packets *from, size_t a, size_t b, unsigned flags,
                     struct packets *to)
{
    for (size_t i = a; i < b; i++) {
        struct packet p = packet_ref(&from->items[i]);
        p.flags |= flags;
        if (packets_push(to, p) != ERR_OK) {
            packet_unref(&p);
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

/* Decoding needs what is there from the key picture on. */
static enum err copy_preroll(const struct packets *ps, size_t at, struct packets *to)
{
    size_t key = at;
    while (key > 0 && (ps->items[key].flags & PACKET_KEY) == 0) {
        key--;
    }
    return copy(ps, key, at, PACKET_PREROLL, to);
}

static size_t first_from(const struct packets *ps, int64_t dts)
{
    size_t i = 0;
    while (i < ps->count && ps->items[i].dts < dts) {
        i++;
    }
    return i;
}

/* From a packet of the main kind to another; `to` may be the end. */
static enum err cut_piece(const struct push_media *m, size_t from, size_t to,
                          struct push_media *piece)
{
    const struct packets *ps = main_of(m);
    bool begins = from == 0, ends = to == ps->count, pictures = ps == &m->video_packets;
    int64_t start = begins ? m->start : ps->items[from].dts;
    int64_t end = ends ? m->start + m->duration : ps->items[to].dts;
    piece->video = m->video != NULL ? track_ref(m->video) : NULL;
    piece->audio = m->audio != NULL ? track_ref(m->audio) : NULL;
    piece->start = start;
    piece->duration = end > start ? end - start : 1;
    piece->independent = begins ? m->independent : is_independent(&ps->items[from]);
    piece->wraps = m->wraps;
    enum err e = pictures ? copy(ps, from, to, 0, &piece->video_packets) : ERR_OK;
    if (e == ERR_OK && pictures && !piece->independent) {
        e = copy_preroll(ps, from, &piece->preroll);
    }
    const struct packets *audio = &m->audio_packets;
    size_t heard = begins ? 0 : first_from(audio, start);
    size_t until = ends ? audio->count : first_from(audio, end);
    return e == ERR_OK ? copy(audio, heard, until, 0, &piece->audio_packets) : e;
}

enum err push_split(struct push_media *m, int64_t longest, struct push_media *ret_pieces,
                    size_t *ret_n)
{
    if (longest == 0 || m->duration <= longest) {
        ret_pieces[0] = *m;
        push_media_init(m);
        *ret_n = 1;
        return ERR_OK;
    }
    const struct packets *ps = main_of(m);
    size_t cuts[PUSH_PIECES_MAX + 1] = {0}, n = 0;
    while (m->start + m->duration - (n > 0 ? ps->items[cuts[n]].dts : m->start) > longest) {
        size_t at = n + 1 < PUSH_PIECES_MAX ? next_cut(ps, cuts[n], longest) : cuts[n];
        if (at == cuts[n]) {
            return ERR_LIMIT;
        }
        cuts[++n] = at;
    }
    cuts[++n] = ps->count;
    enum err e = ERR_OK;
    for (size_t i = 0; i < n; i++) {
        push_media_init(&ret_pieces[i]);
        e = e == ERR_OK ? cut_piece(m, cuts[i], cuts[i + 1], &ret_pieces[i]) : e;
    }
    for (size_t i = 0; i < n && e != ERR_OK; i++) {
        push_media_fini(&ret_pieces[i]);
    }
    if (e == ERR_OK) {
        push_media_fini(m);
        *ret_n = n;
    }
    return e;
}

/* --- and back --- */

static bool same(const struct track *a, const struct track *b)
{
    return a == b || (a != NULL && b != NULL && track_equal(a, b));
}

static const struct track *sound_track_of(const struct segment *s)
{
    return segment_sound(s) != NULL ? sound_track(segment_sound(s)) : NULL;
}

enum err push_join(struct segment *const *list, size_t n, struct segment **ret_segment)
{
    if (n == 1) {
        *ret_segment = segment_ref(list[0]);
        return ERR_OK;
    }
    const struct track *video = segment_video(list[0]), *audio = sound_track_of(list[0]);
    struct segment_info info = *segment_info(list[0]);
    struct packets pictures, heard;
    packets_init(&pictures);
    packets_init(&heard);
    info.duration = 0;
    enum err e = ERR_OK;
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        const struct packets *ps = segment_packets(list[i]);
        struct sound *sound = segment_sound(list[i]);
        info.duration += segment_info(list[i])->duration;
        e = same(video, segment_video(list[i])) && same(audio, sound_track_of(list[i]))
                ? copy(ps, 0, ps->count, 0, &pictures)
                : ERR_UNSUPPORTED;
        if (e == ERR_OK && sound != NULL) {
            e = copy(sound_packets(sound), 0, sound_packets(sound)->count, 0, &heard);
        }
    }
    if (e == ERR_OK) {
        /* The tracks are the segments' own: taking a reference changes nothing in them. */
        struct sound *sound = audio != NULL ? sound_create((struct track *)audio, &heard) : NULL;
        *ret_segment = segment_create(&info, (struct track *)video, &pictures, sound);
        sound_unref(sound);
    }
    packets_fini(&pictures);
    packets_fini(&heard);
    return e;
}
