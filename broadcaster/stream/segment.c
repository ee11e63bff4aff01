#include "broadcaster/stream/segment.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"

struct sound {
    atomic_uint refs;
    struct track *track;
    struct packets packets;
};

struct segment {
    atomic_uint refs;
    struct segment_info info;
    struct track *video;
    struct packets packets;
    struct sound *sound;
    size_t *parts[2]; /* by enum track_kind: packets of each */
    size_t n_parts[2];
    pthread_mutex_t lock; /* of the containers, and held while one is made */
    struct blob *containers[SEGMENT_FORMS_];
    atomic_size_t container_bytes; /* of all of them */
};

static struct packets move_packets(struct packets *from)
{
    struct packets to;
    packets_init(&to);
    if (from != NULL) {
        to = *from;
        packets_init(from);
    }
    return to;
}

struct sound *sound_create(struct track *track, struct packets *packets)
{
    struct sound *s = mem_alloc(sizeof *s);
    s->refs = 1;
    s->track = track_ref(track);
    s->packets = move_packets(packets);
    return s;
}

struct sound *sound_ref(struct sound *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void sound_unref(struct sound *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    packets_fini(&s->packets);
    track_unref(s->track);
    mem_free(s);
}

const struct track *sound_track(const struct sound *s)
{
    return s->track;
}

const struct packets *sound_packets(const struct sound *s)
{
    return &s->packets;
}

struct segment *segment_create(const struct segment_info *info, struct track *video,
                               struct packets *packets, struct sound *sound)
{
    struct segment *s = mem_alloc(sizeof *s);
    s->refs = 1;
    s->info = *info;
    s->video = video != NULL ? track_ref(video) : NULL;
    s->packets = move_packets(packets);
    s->sound = sound != NULL ? sound_ref(sound) : NULL;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

struct segment *segment_ref(struct segment *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void segment_unref(struct segment *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (int i = 0; i < SEGMENT_FORMS_; i++) {
        blob_unref(s->containers[i]);
    }
    mem_free(s->parts[TRACK_VIDEO]);
    mem_free(s->parts[TRACK_AUDIO]);
    pthread_mutex_destroy(&s->lock);
    sound_unref(s->sound);
    packets_fini(&s->packets);
    track_unref(s->video);
    mem_free(s);
}

void segment_set_parts(struct segment *s, enum track_kind kind, const size_t *counts, size_t n)
{
    s->parts[kind] = mem_try_alloc(n * sizeof *counts);
    s->n_parts[kind] = s->parts[kind] != NULL ? n : 0;
    for (size_t i = 0; i < s->n_parts[kind]; i++) {
        s->parts[kind][i] = counts[i];
    }
}

const size_t *segment_parts(const struct segment *s, enum track_kind kind, size_t *ret_n)
{
    *ret_n = s->n_parts[kind];
    return s->parts[kind];
}

const struct segment_info *segment_info(const struct segment *s)
{
    return &s->info;
}

const struct track *segment_video(const struct segment *s)
{
    return s->video;
}

const struct packets *segment_packets(const struct segment *s)
{
    return &s->packets;
}

struct sound *segment_sound(const struct segment *s)
{
    return s->sound;
}

size_t segment_bytes(const struct segment *s)
{
    size_t sound = s->sound != NULL ? s->sound->packets.bytes : 0;
    return s->packets.bytes + sound +
           atomic_load_explicit(&s->container_bytes, memory_order_relaxed);
}

/* Takes made; without a file it stays where it is. */
static struct blob *move_to_file(struct blob *made)
{
    struct span bytes = blob_span(made);
    struct blob *file = bytes.len >= SEGMENT_FILE_MIN ? blob_copy_to_file(bytes) : NULL;
    if (file == NULL) {
        return made;
    }
    blob_unref(made);
    return file;
}

enum err segment_container(struct segment *s, enum segment_form form, segment_make_fn *make,
                           struct blob **ret_blob)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&s->lock);
    struct blob **container = &s->containers[form];
    if (*container == NULL) {
        struct blob *made = NULL;
        e = make(s, &made);
        if (e == ERR_OK) {
            *container = move_to_file(made);
            atomic_fetch_add_explicit(&s->container_bytes, blob_span(*container).len,
                                      memory_order_relaxed);
        }
    }
    if (e == ERR_OK) {
        *ret_blob = blob_ref(*container);
    }
    pthread_mutex_unlock(&s->lock);
    return e;
}
