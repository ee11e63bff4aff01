#include "broadcaster/hls/playlist_live.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "broadcaster/hls/hls.h"
#include "broadcaster/hls/playlist.h"
#include "media/profile.h"

#define VERSION_OF_MAP 7 /* RFC 8216, 7 */
#define GROUP          "audio"
#define GROUPS_MAX     (TRACKS_PER_KIND_MAX + PROFILE_LADDER_MAX)
#define MEMBERS_MAX    (TRACKS_PER_KIND_MAX * (PROFILE_LADDER_MAX + 1))

enum err playlist_put_live_path(struct buf *out, const char *id)
{
    enum err e = buf_printf(out, "/stream/");
    if (e == ERR_OK) {
        e = playlist_put_escaped(out, id);
    }
    return e == ERR_OK ? buf_printf(out, "/live.m3u8") : e;
}

/* Sound in one codec: players choose between groups by what they can play, and inside of one by
 * what is to be heard. */
struct group {
    const char *light; /* the light sound that stands for the first one; NULL: none does */
    const char *also;  /* its other members' codec, where that is another one; or NULL */
    unsigned number;
    struct variant_track most; /* of its members */
};

struct member {
    const char *name;
    unsigned index; /* of the publisher's track */
    int channels;
    const struct variant_track *rates;
    const struct group *group;
    bool first; /* of its group */
};

struct master {
    struct buf *out;
    const char *from;
    struct member members[MEMBERS_MAX];
    size_t n_members;
    struct group groups[GROUPS_MAX];
    size_t n_groups; /* of the publisher's sounds */
    size_t n_light;  /* and behind those, of light ones */
    bool captions;   /* of any: all variants, sound alone too, say the same (RFC 8216, 4.3.4.2) */
};

/* "NAME/live.m3u8", seen from where the playlist is. */
static enum err put_uri(const struct master *m, const char *name)
{
    enum err e = ERR_OK;
    if (m->from != NULL) {
        e = buf_printf(m->out, "../");
        if (e == ERR_OK) {
            e = playlist_put_escaped(m->out, m->from);
        }
        if (e == ERR_OK) {
            e = buf_put_u8(m->out, '/');
        }
    }
    if (e == ERR_OK) {
        e = playlist_put_escaped(m->out, name);
    }
    return e == ERR_OK ? buf_printf(m->out, "/live.m3u8") : e;
}

static enum err put_group_id(const struct master *m, const struct group *g)
{
    if (g->light != NULL) {
        return buf_printf(m->out, "\"%s\"", g->light);
    }
    return g->number == 0 ? buf_printf(m->out, "\"" GROUP "\"")
                          : buf_printf(m->out, "\"" GROUP "-%u\"", g->number + 1);
}

/* Nothing tells a player which of the further ones it would want: it is the viewer who chooses. */
static enum err put_media(const struct master *m, const struct member *t)
{
    bool is_default = t == &m->members[0] || (t->group->light != NULL && t->first);
    enum err e = buf_printf(m->out, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=");
    if (e == ERR_OK) {
        e = put_group_id(m, t->group);
    }
    if (e == ERR_OK) {
        e = t->index == 0 ? buf_printf(m->out, ",NAME=\"Audio\"")
                          : buf_printf(m->out, ",NAME=\"Track %u\"", t->index);
    }
    if (e == ERR_OK) {
        e = buf_printf(m->out, ",DEFAULT=%s,AUTOSELECT=%s", is_default ? "YES" : "NO",
                       t->first ? "YES" : "NO");
    }
    if (e == ERR_OK && t->channels > 0) {
        e = buf_printf(m->out, ",CHANNELS=\"%d\"", t->channels);
    }
    if (e == ERR_OK) {
        e = buf_printf(m->out, ",URI=\"");
    }
    if (e == ERR_OK) {
        e = put_uri(m, t->name);
    }
    return e == ERR_OK ? buf_printf(m->out, "\"\n") : e;
}

static enum err put_rates(const struct master *m, const struct variant_track *picture,
                          const struct group *g)
{
    int64_t peak = picture != NULL ? picture->peak_bps : 0;
    int64_t mean = picture != NULL ? picture->mean_bps : 0;
    if (g != NULL) {
        peak += g->most.peak_bps;
        mean += g->most.mean_bps;
    }
    return buf_printf(m->out, "#EXT-X-STREAM-INF:BANDWIDTH=%" PRId64 ",AVERAGE-BANDWIDTH=%" PRId64,
                      peak, mean);
}

/* Only when all of it is known: a player takes what is not named for not there. */
static enum err put_codecs(const struct master *m, const struct variant_track *picture,
                           const struct group *g)
{
    const char *video = picture != NULL ? picture->codec : "";
    const char *audio = g != NULL ? g->most.codec : "";
    if ((picture != NULL && video[0] == '\0') || (g != NULL && audio[0] == '\0')) {
        return ERR_OK;
    }
    bool both = picture != NULL && g != NULL;
    const char *also = g != NULL ? g->also : NULL;
    return buf_printf(m->out, ",CODECS=\"%s%s%s%s%s\"", video, both ? "," : "", audio,
                      also != NULL ? "," : "", also != NULL ? also : "");
}

static enum err put_picture(const struct master *m, const struct variant *v)
{
    enum err e = ERR_OK;
    if (v->width > 0 && v->height > 0) {
        e = buf_printf(m->out, ",RESOLUTION=%dx%d", v->width, v->height);
    }
    if (e == ERR_OK && v->fps_milli > 0) {
        e = buf_printf(m->out, ",FRAME-RATE=%d.%03d", v->fps_milli / 1000, v->fps_milli % 1000);
    }
    return e == ERR_OK && v->video_range != NULL
               ? buf_printf(m->out, ",VIDEO-RANGE=%s", v->video_range)
               : e;
}

/* v NULL: the sound alone, as the group's first member; g NULL: the picture alone. */
static enum err put_variant(const struct master *m, const struct variant *v, const struct group *g)
{
    const struct variant_track *picture = v != NULL ? &v->video : NULL;
    enum err e = put_rates(m, picture, g);
    if (e == ERR_OK) {
        e = put_codecs(m, picture, g);
    }
    if (e == ERR_OK && v != NULL) {
        e = put_picture(m, v);
    }
    if (e == ERR_OK && g != NULL) {
        e = buf_printf(m->out, ",AUDIO=");
        e = e == ERR_OK ? put_group_id(m, g) : e;
    }
    if (e == ERR_OK && !m->captions) {
        e = buf_printf(m->out, ",CLOSED-CAPTIONS=NONE");
    }
    if (e == ERR_OK) {
        e = buf_put_u8(m->out, '\n');
    }
    if (e == ERR_OK) {
        e = put_uri(m, v != NULL ? v->name : m->members[0].name);
    }
    return e == ERR_OK ? buf_put_u8(m->out, '\n') : e;
}

static bool has_picture(const struct variant *v)
{
    return v->video.peak_bps > 0 && !hls_is_audio(v->name);
}

static void take_most(struct variant_track *most, const struct variant_track *t)
{
    most->peak_bps = t->peak_bps > most->peak_bps ? t->peak_bps : most->peak_bps;
    most->mean_bps = t->mean_bps > most->mean_bps ? t->mean_bps : most->mean_bps;
}

static void add_member(struct master *m, const char *name, unsigned index, const struct variant *v)
{
    size_t i = 0;
    while (i < m->n_groups && strcmp(m->groups[i].most.codec, v->audio.codec) != 0) {
        i++;
    }
    struct group *g = &m->groups[i];
    bool first = i == m->n_groups;
    if (first) {
        *g = (struct group){.number = (unsigned)m->n_groups++, .most = v->audio};
    }
    take_most(&g->most, &v->audio);
    m->members[m->n_members++] = (struct member){.name = name,
                                                 .index = index,
                                                 .channels = v->channels,
                                                 .rates = &v->audio,
                                                 .group = g,
                                                 .first = first};
}

/* By the publisher's order, whichever was heard first. */
static void find_members(struct master *m, const struct variant *list, size_t n)
{
    if (n > 0 && !hls_is_audio(list[0].name) && list[0].audio.peak_bps > 0) {
        add_member(m, HLS_AUDIO, 0, &list[0]);
    }
    for (unsigned index = 1; index < TRACKS_PER_KIND_MAX; index++) {
        char name[sizeof HLS_AUDIO + 1];
        snprintf(name, sizeof name, HLS_AUDIO "%u", index);
        size_t i = 0;
        while (i < n && strcmp(list[i].name, name) != 0) {
            i++;
        }
        if (i < n && list[i].audio.peak_bps > 0) {
            add_member(m, list[i].name, index, &list[i]);
        }
    }
}

/* NULL: the publisher's. */
static const struct group *light_of(const struct master *m, const struct variant *v)
{
    for (size_t i = m->n_groups; i < m->n_groups + m->n_light; i++) {
        if (strcmp(m->groups[i].light, v->sound) == 0) {
            return &m->groups[i];
        }
    }
    return NULL;
}

/* "mp4a" of both "mp4a.40.2" and "mp4a.40.5". */
static bool is_same_format(const char *one, const char *other)
{
    size_t n = strcspn(one, ".");
    return n == strcspn(other, ".") && strncmp(one, other, n) == 0;
}

/* A light sound is another form of the first one. Whoever chose a further track keeps it where a
 * rung with light sound comes next: the groups have the same members. */
static void add_light(struct master *m, const struct variant *light)
{
    const struct group *own = &m->groups[0];
    struct group *g = &m->groups[m->n_groups + m->n_light++];
    size_t n = m->n_members;
    *g = (struct group){.light = light->name, .most = light->audio};
    m->members[m->n_members++] = (struct member){.name = light->name,
                                                 .channels = light->channels,
                                                 .rates = &light->audio,
                                                 .group = g,
                                                 .first = true};
    for (size_t i = 1; i < n && is_same_format(own->most.codec, light->audio.codec); i++) {
        struct member further = m->members[i];
        if (further.group == own) {
            take_most(&g->most, further.rates);
            g->also = strcmp(own->most.codec, light->audio.codec) != 0 ? own->most.codec : NULL;
            further.group = g;
            m->members[m->n_members++] = further;
        }
    }
}

/* Light sounds that rungs play with; one that has not begun, or cannot be made, is none. */
static void find_light(struct master *m, const struct variant *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool asks = has_picture(&list[i]) && list[i].sound[0] != '\0';
        size_t k = 0;
        while (asks && k < n && strcmp(list[k].name, list[i].sound) != 0) {
            k++;
        }
        if (!asks || k == n || list[k].audio.peak_bps == 0 || light_of(m, &list[i]) != NULL) {
            continue;
        }
        add_light(m, &list[k]);
    }
}

/* Those with a light sound have no other one, and stand there once. */
static enum err put_variants(const struct master *m, const struct variant *list, size_t n,
                             const struct group *g)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < n && e == ERR_OK; i++) {
        const struct group *light = light_of(m, &list[i]);
        if (has_picture(&list[i]) && (light == NULL || g == NULL || g == &m->groups[0])) {
            e = put_variant(m, &list[i], light != NULL ? light : g);
        }
    }
    return e;
}

static enum err put_master(const struct master *m, const struct variant *list, size_t n)
{
    bool dependent = false;
    for (size_t i = 0; i < n; i++) {
        dependent = dependent || (has_picture(&list[i]) && list[i].dependent);
    }
    enum err e = buf_printf(m->out, "#EXTM3U\n#EXT-X-VERSION:%d\n%s", VERSION_OF_MAP,
                            dependent ? "" : "#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (size_t i = 0; i < m->n_members && e == ERR_OK; i++) {
        e = put_media(m, &m->members[i]);
    }
    if (e == ERR_OK && m->n_groups == 0) {
        e = put_variants(m, list, n, NULL);
    }
    for (size_t i = 0; i < m->n_groups && e == ERR_OK; i++) {
        e = put_variants(m, list, n, &m->groups[i]);
    }
    return e == ERR_OK && m->n_groups > 0 ? put_variant(m, NULL, &m->groups[0]) : e;
}

enum err playlist_live_master(struct buf *out, const char *from, const struct variant *list,
                              size_t n)
{
    size_t before = out->len;
    struct master m = {.out = out, .from = from};
    find_members(&m, list, n);
    find_light(&m, list, n);
    bool any = m.n_members > 0;
    for (size_t i = 0; i < n; i++) {
        any = any || has_picture(&list[i]);
        m.captions = m.captions || (has_picture(&list[i]) && list[i].captions);
    }
    enum err e = any ? put_master(&m, list, n) : ERR_NOENT;
    if (e != ERR_OK) {
        out->len = before;
    }
    return e;
}
