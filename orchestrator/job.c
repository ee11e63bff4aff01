#include "orchestrator/job.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* Ticks of 1/90 ms at twice the rate of the source's times. */
#define GUSH_TICKS_PER_MS 180

static size_t text_bytes(const struct link_job_open *o)
{
    size_t n = strlen(o->stream) + 1 + o->track.config.len;
    for (size_t i = 0; i < o->n_ladder; i++) {
        n += strlen(o->ladder[i].name) + 1 + strlen(o->ladder[i].preset) + 1;
    }
    return n;
}

size_t job_open_bytes(const struct link_job_open *open)
{
    return sizeof(struct job) + text_bytes(open);
}

static const char *put_text(char **at, const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = memcpy(*at, text, n);
    *at += n;
    return copy;
}

struct job *job_create(const struct link_job_open *open)
{
    assert(open->n_ladder > 0 && open->n_ladder <= PROFILE_LADDER_MAX);
    struct job *j = mem_try_alloc(job_open_bytes(open));
    if (j == NULL) {
        return NULL;
    }
    char *at = j->memory;
    j->open = *open;
    j->open.stream = put_text(&at, open->stream);
    for (size_t i = 0; i < open->n_ladder; i++) {
        j->open.ladder[i].name = put_text(&at, open->ladder[i].name);
        j->open.ladder[i].preset = put_text(&at, open->ladder[i].preset);
        j->rungs[i].next_part = open->ladder[i].emit_from;
    }
    if (open->track.config.len > 0) {
        memcpy(at, open->track.config.data, open->track.config.len);
    }
    j->open.track.config = span_of(at, open->track.config.len);
    j->bytes = job_open_bytes(open);
    list_init(&j->place);
    list_init(&j->of_peer);
    list_init(&j->by_origin);
    list_init(&j->units);
    for (size_t i = 0; i < JOB_TRIES; i++) {
        j->tries[i].job = j;
        j->tries[i].cursor = &j->units;
        list_init(&j->tries[i].of_transcoder);
        list_init(&j->tries[i].by_number);
    }
    return j;
}

void job_destroy(struct job *j)
{
    if (j == NULL) {
        return;
    }
    LIST_EACH (&j->units, it, tmp) {
        struct job_unit *u = LIST_ITEM(it, struct job_unit, node);
        list_remove(&u->node);
        blob_unref(u->payload);
        mem_free(u);
    }
    mem_free(j);
}

size_t job_unit_bytes(const struct link_unit *u, const struct blob *payload)
{
    return sizeof(struct job_unit) + u->n_packets * sizeof(struct link_packet) +
           blob_span(payload).len;
}

/* Counts what is to be shown of it. */
static void count_frames(struct job *j, struct job_unit *kept, int64_t now_ms)
{
    int64_t fair_ms = now_ms;
    if (!list_empty(&j->units)) {
        const struct job_unit *before = LIST_ITEM(j->units.prev, const struct job_unit, node);
        int64_t step = kept->unit.n_packets > 0 ? kept->packets[0].dts - before->dts : 0;
        bool is_gush = step > 0 && before->fair_ms + step / GUSH_TICKS_PER_MS > now_ms;
        fair_ms = is_gush ? before->fair_ms + step / GUSH_TICKS_PER_MS : now_ms;
    }
    for (size_t i = 0; i < kept->unit.n_packets; i++) {
        if ((kept->packets[i].flags & PACKET_PREROLL) == 0) {
            const struct link_packet *p = &kept->packets[i];
            j->first_dts = j->frames == 0 ? p->dts : j->first_dts;
            j->last_dts = p->dts;
            j->first_pts = j->frames == 0 || p->pts < j->first_pts ? p->pts : j->first_pts;
            j->last_pts = j->frames == 0 || p->pts > j->last_pts ? p->pts : j->last_pts;
            j->frames++;
        }
    }
    kept->frames = j->frames;
    kept->dts = j->last_dts;
    kept->fair_ms = fair_ms;
}

enum err job_keep(struct job *j, const struct link_unit *u, struct blob *payload, int64_t now_ms,
                  const char **ret_why)
{
    if (j->has_last) {
        *ret_why = "a unit came after the segment's last one";
        return ERR_PROTO;
    }
    if (u->seq != j->next_seq) {
        *ret_why = "a unit of the segment is missing";
        return ERR_PROTO;
    }
    if (u->n_packets == 0 && !u->last) {
        *ret_why = "a unit without packets came";
        return ERR_PROTO;
    }
    size_t packet_bytes = u->n_packets * sizeof(struct link_packet);
    struct job_unit *kept = mem_try_alloc(sizeof *kept + packet_bytes);
    if (kept == NULL) {
        return ERR_NOMEM;
    }
    kept->unit = *u;
    kept->unit.packets = kept->packets;
    kept->unit.config = span_of(NULL, 0);
    if (packet_bytes > 0) {
        memcpy(kept->packets, u->packets, packet_bytes);
    }
    kept->payload = payload != NULL ? blob_ref(payload) : NULL;
    kept->bytes = job_unit_bytes(u, payload);
    count_frames(j, kept, now_ms);
    list_push_back(&j->units, &kept->node);
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].cursor == &j->units) {
            j->tries[i].cursor = &kept->node;
        }
    }
    j->bytes += kept->bytes;
    j->next_seq++;
    j->has_last = u->last;
    j->ended_ms = now_ms;
    j->duration = u->last ? u->duration : 0;
    return ERR_OK;
}

/* --- attempts --- */

struct job_attempt *job_free_try(struct job *j)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder == NULL) {
            return &j->tries[i];
        }
    }
    return NULL;
}

unsigned job_tries(const struct job *j)
{
    unsigned n = 0;
    for (size_t i = 0; i < JOB_TRIES; i++) {
        n += j->tries[i].transcoder != NULL;
    }
    return n;
}

enum job_state job_state(const struct job *j)
{
    enum job_state state = JOB_QUEUED;
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (j->tries[i].transcoder != NULL && state != JOB_ACTIVE) {
            state = j->tries[i].accepted ? JOB_ACTIVE : JOB_OFFERED;
        }
    }
    return state;
}

bool job_rung_is_open(const struct job *j, uint32_t rung)
{
    return !j->rungs[rung].complete && !j->rungs[rung].given_up;
}

bool attempt_covers(const struct job_attempt *a, uint32_t rung)
{
    return a->transcoder != NULL && a->rungs[rung].asked && !a->rungs[rung].lost &&
           job_rung_is_open(a->job, rung);
}

bool attempt_is_useful(const struct job_attempt *a)
{
    for (size_t i = 0; i < a->n_asked; i++) {
        if (attempt_covers(a, a->asked[i])) {
            return true;
        }
    }
    return false;
}

bool attempt_has_lost(const struct job_attempt *a)
{
    bool lost = false;
    for (size_t i = 0; i < a->n_asked; i++) {
        lost |= a->rungs[a->asked[i]].lost || a->job->rungs[a->asked[i]].given_up;
    }
    return (lost || !a->open_sent) && !attempt_is_useful(a);
}

bool attempt_has_delivered(const struct job_attempt *a)
{
    for (size_t i = 0; i < a->n_asked; i++) {
        if (a->rungs[a->asked[i]].emitting) {
            return true;
        }
    }
    return false;
}

static bool is_covered(const struct job *j, uint32_t rung, const struct job_attempt *but)
{
    for (size_t i = 0; i < JOB_TRIES; i++) {
        if (&j->tries[i] != but && attempt_covers(&j->tries[i], rung)) {
            return true;
        }
    }
    return false;
}

bool job_is_uncovered(const struct job *j, const struct job_attempt *but)
{
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        if (job_rung_is_open(j, i) && !is_covered(j, i, but)) {
            return true;
        }
    }
    return false;
}

static struct job_avoided *avoided(struct job *j, link_peer peer)
{
    struct job_avoided *slot = NULL;
    for (size_t i = 0; i < JOB_AVOIDED_MAX; i++) {
        slot = j->avoided[i].peer == peer ? &j->avoided[i] : slot;
    }
    if (slot == NULL) {
        slot = &j->avoided[j->next_avoided++ % JOB_AVOIDED_MAX];
        *slot = (struct job_avoided){.peer = peer, .was_late = true};
    }
    return slot;
}

void job_avoid(struct job *j, link_peer peer, int64_t until_ms)
{
    struct job_avoided *slot = avoided(j, peer);
    slot->until_ms = until_ms;
    slot->was_late = false;
}

void job_avoid_late(struct job *j, link_peer peer, int64_t until_ms)
{
    avoided(j, peer)->until_ms = until_ms;
}

void job_begin(struct job *j, struct job_attempt *a, bool all)
{
    a->is_whole = j->has_last;
    a->accepted = false;
    a->charged = false;
    a->has_won = false;
    a->open_sent = false;
    a->has_all = false;
    a->owed_ms = 0;
    a->cursor = j->units.next;
    a->n_asked = 0;
    a->rate = 0;
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        bool asks = job_rung_is_open(j, i) && (all || !is_covered(j, i, a));
        memset(&a->rungs[i], 0, sizeof a->rungs[i]);
        a->rungs[i].asked = asks;
        if (asks) {
            a->asked[a->n_asked++] = i;
            a->rate += job_rung_rate(j, i);
        }
    }
    a->weight = a->rate;
}

bool job_trim(struct job_attempt *a)
{
    size_t n = 0;
    a->rate = 0;
    for (size_t i = 0; i < a->n_asked; i++) {
        uint32_t rung = a->asked[i];
        a->rungs[rung].asked = attempt_covers(a, rung);
        if (a->rungs[rung].asked) {
            a->asked[n++] = rung;
            a->rate += job_rung_rate(a->job, rung);
        }
    }
    a->n_asked = n;
    a->weight = a->rate;
    return n > 0;
}

void job_ask(const struct job_attempt *a, int64_t now_ms, struct link_job_open *ret_open)
{
    const struct job *j = a->job;
    struct link_job_open o = j->open;
    o.n_ladder = a->n_asked;
    for (size_t i = 0; i < a->n_asked; i++) {
        o.ladder[i] = j->open.ladder[a->asked[i]];
        o.ladder[i].emit_from = j->rungs[a->asked[i]].next_part;
    }
    o.deadline_ms = j->deadline_ms > now_ms ? (uint32_t)(j->deadline_ms - now_ms) : 1;
    *ret_open = o;
}

const struct job_unit *job_peek(const struct job_attempt *a)
{
    return a->cursor == &a->job->units ? NULL : LIST_ITEM(a->cursor, const struct job_unit, node);
}

void job_advance(struct job_attempt *a)
{
    assert(a->cursor != &a->job->units);
    a->cursor = a->cursor->next;
}

bool job_all_sent(const struct job_attempt *a)
{
    return a->job->has_last && a->cursor == &a->job->units;
}

/* --- what comes back --- */

void job_deliver(struct job_attempt *a, uint32_t rung, const struct link_unit *u, size_t bytes,
                 int64_t now_ms)
{
    struct job *j = a->job;
    struct job_rung *r = &j->rungs[rung];
    const struct link_rung *asked = &j->open.ladder[rung];
    a->heard_ms = now_ms;
    a->rungs[rung].emitting = true;
    for (size_t i = 0; i < JOB_TRIES; i++) {
        /* One that has not been sent yet asks for what is missing then. */
        j->tries[i].rungs[rung].lost |= &j->tries[i] != a && j->tries[i].open_sent;
    }
    r->has_hash = true;
    r->hash = u->config_hash;
    if (!r->has_origin) {
        r->has_origin = true;
        r->origin = job_unit_origin(asked, u);
    }
    r->has_dts = true;
    r->last_dts = u->packets[u->n_packets - 1].dts;
    r->maker = a->transcoder->peer;
    r->made_by = a->number;
    r->next_part++;
    r->complete = u->last;
    r->total.frames += u->n_packets;
    r->total.pixels += (uint64_t)u->n_packets * asked->width * asked->height;
    r->total.bytes += bytes;
    if (!j->has_delivered) {
        memcpy(j->encoder, a->transcoder->encoder, sizeof j->encoder);
        j->has_delivered = true;
    }
}

bool job_is_complete(const struct job *j)
{
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        if (job_rung_is_open(j, i)) {
            return false;
        }
    }
    return true;
}

void job_give_up_rung(struct job *j, uint32_t rung)
{
    j->rungs[rung].given_up = true;
}

/* Of more rejections than that the oldest one's parts count as made for the first time. */
static void note_redone(struct job_rung *r)
{
    if (r->n_redone == JOB_REDONE_MAX) {
        r->n_redone--;
        memmove(r->redone, r->redone + 1, r->n_redone * sizeof *r->redone);
    }
    r->redone[r->n_redone++] = (struct job_redone){.until = r->next_part, .of = r->maker};
}

link_peer job_redone_of(struct job *j, uint32_t rung, uint32_t part)
{
    struct job_rung *r = &j->rungs[rung];
    while (r->n_redone > 0 && r->redone[r->n_redone - 1].until <= part) {
        r->n_redone--;
    }
    return r->n_redone > 0 ? r->redone[r->n_redone - 1].of : 0;
}

enum err job_reject(struct job *j, uint32_t rung, uint32_t part)
{
    if (rung >= j->open.n_ladder || part < j->open.ladder[rung].emit_from ||
        part >= j->rungs[rung].next_part || j->rungs[rung].given_up) {
        return ERR_NOENT;
    }
    struct job_rung *r = &j->rungs[rung];
    const struct link_rung *asked = &j->open.ladder[rung];
    /* Every part but a rung's last one has as many frames as were asked for. */
    r->total.frames = (uint64_t)(part - asked->emit_from) * asked->frames_per_part;
    r->total.pixels = r->total.frames * asked->width * asked->height;
    note_redone(r);
    r->next_part = part;
    r->complete = false;
    r->has_dts = false;
    r->has_hash = part > asked->emit_from;
    r->has_origin = r->has_origin && part > asked->emit_from;
    for (size_t i = 0; i < JOB_TRIES; i++) {
        struct job_attempt *a = &j->tries[i];
        if (a->transcoder != NULL && a->rungs[rung].asked) {
            a->rungs[rung].lost = a->open_sent;
        }
    }
    return ERR_OK;
}
