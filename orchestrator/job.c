#include "orchestrator/job.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* A transcoder owes a part once units have come to it for so long: a part lasts a third of this. */
#define OWED_AFTER_MS 1000

/* A source that is silent for longer has paused: what it sends then is a new beginning. */
#define PAUSE_MS 500

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
    list_init(&j->by_attempt);
    list_init(&j->units);
    j->cursor = &j->units;
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

enum err job_keep(struct job *j, const struct link_unit *u, struct blob *payload,
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
    list_push_back(&j->units, &kept->node);
    if (j->cursor == &j->units) {
        j->cursor = &kept->node;
    }
    j->bytes += kept->bytes;
    j->next_seq++;
    j->has_last = u->last;
    return ERR_OK;
}

void job_begin(struct job *j)
{
    j->open_sent = false;
    j->owed_since_ms = -1;
    j->cursor = j->units.next;
    j->n_asked = 0;
    for (uint32_t i = 0; i < j->open.n_ladder; i++) {
        j->rungs[i].emitting = false;
        if (!j->rungs[i].complete) {
            j->asked[j->n_asked++] = i;
        }
    }
}

void job_ask(const struct job *j, int64_t now_ms, struct link_job_open *ret_open)
{
    struct link_job_open o = j->open;
    o.n_ladder = j->n_asked;
    for (size_t i = 0; i < j->n_asked; i++) {
        o.ladder[i] = j->open.ladder[j->asked[i]];
        o.ladder[i].emit_from = j->rungs[j->asked[i]].next_part;
    }
    o.deadline_ms = j->deadline_ms > now_ms ? (uint32_t)(j->deadline_ms - now_ms) : 1;
    *ret_open = o;
}

const struct job_unit *job_peek(const struct job *j)
{
    return j->cursor == &j->units ? NULL : LIST_ITEM(j->cursor, const struct job_unit, node);
}

void job_advance(struct job *j, int64_t now_ms)
{
    assert(j->cursor != &j->units);
    j->cursor = j->cursor->next;
    if (j->owed_since_ms < 0 || now_ms - j->sent_ms > PAUSE_MS) {
        j->owed_since_ms = now_ms;
    }
    j->sent_ms = now_ms;
}

bool job_is_late(const struct job *j, int64_t late_ms, int64_t now_ms)
{
    if (j->owed_since_ms < 0 || now_ms - j->owed_since_ms < late_ms) {
        return false;
    }
    bool takes_nothing = j->cursor != &j->units;
    return takes_nothing || j->has_last || j->sent_ms - j->owed_since_ms >= OWED_AFTER_MS;
}

/* The first part of an emission: decoding starts here, so nothing may be taken on trust. */
static const char *check_start(const struct job_rung *r, const struct link_unit *u)
{
    if ((u->packets[0].flags & PACKET_KEY) == 0) {
        return "its first part does not start with a key frame";
    }
    if (u->config.len == 0) {
        return "its first part came without parameter sets";
    }
    if (r->has_hash && u->config_hash != r->hash) {
        return "its parameter sets differ from those of the parts before";
    }
    return NULL;
}

static const char *check_times(const struct job_rung *r, const struct link_unit *u)
{
    bool has_dts = r->has_dts;
    int64_t last_dts = r->last_dts;
    for (size_t i = 0; i < u->n_packets; i++) {
        if (has_dts && u->packets[i].dts <= last_dts) {
            return "its decoding times do not rise";
        }
        if (u->packets[i].pts < u->packets[i].dts) {
            return "a frame is to be shown before it is decoded";
        }
        has_dts = true;
        last_dts = u->packets[i].dts;
    }
    return NULL;
}

static const char *check_size(const struct job_rung *r, const struct link_rung *asked,
                              const struct link_unit *u)
{
    if (u->n_packets == 0) {
        return "a part without packets came";
    }
    if (u->n_packets > asked->frames_per_part ||
        (u->n_packets < asked->frames_per_part && !u->last)) {
        return "a part has another number of frames than was asked for";
    }
    uint64_t bytes = r->total.bytes;
    for (size_t i = 0; i < u->n_packets; i++) {
        bytes += u->packets[i].length;
    }
    if (bytes > JOB_RUNG_BYTES_MAX || r->total.frames + u->n_packets > JOB_RUNG_FRAMES_MAX) {
        return "a rung is larger than one segment can be";
    }
    return NULL;
}

static const char *check_rung(const struct job *j, uint32_t rung, const struct link_unit *u)
{
    const struct job_rung *r = &j->rungs[rung];
    if (r->complete) {
        return "a part came after the rung's last one";
    }
    if (u->part != r->next_part) {
        return "a part is not the next one";
    }
    const char *why = check_size(r, &j->open.ladder[rung], u);
    if (why != NULL) {
        return why;
    }
    if (u->last && !(j->has_last && j->cursor == &j->units)) {
        return "the last part came before the segment's end";
    }
    if (!r->emitting) {
        why = check_start(r, u);
        if (why != NULL) {
            return why;
        }
    } else if (u->config_hash != r->hash) {
        return "its parameter sets changed inside the segment";
    }
    return check_times(r, u);
}

enum err job_check(const struct job *j, const struct link_unit *u, uint32_t *ret_rung,
                   const char **ret_why)
{
    if (u->rung >= j->n_asked) {
        *ret_why = "a rung came that was not asked for";
        return ERR_PROTO;
    }
    uint32_t rung = j->asked[u->rung];
    const char *why = check_rung(j, rung, u);
    if (why != NULL) {
        *ret_why = why;
        return ERR_PROTO;
    }
    *ret_rung = rung;
    return ERR_OK;
}

void job_deliver(struct job *j, uint32_t rung, const struct link_unit *u, size_t bytes,
                 int64_t now_ms)
{
    struct job_rung *r = &j->rungs[rung];
    const struct link_rung *asked = &j->open.ladder[rung];
    bool all_sent = j->has_last && j->cursor == &j->units;
    j->owed_since_ms = all_sent ? now_ms : -1;
    r->emitting = true;
    r->has_hash = true;
    r->hash = u->config_hash;
    r->has_dts = true;
    r->last_dts = u->packets[u->n_packets - 1].dts;
    r->next_part++;
    r->complete = u->last;
    r->total.frames += u->n_packets;
    r->total.pixels += (uint64_t)u->n_packets * asked->width * asked->height;
    r->total.bytes += bytes;
    if (!j->has_delivered) {
        memcpy(j->encoder, j->transcoder->encoder, sizeof j->encoder);
        j->has_delivered = true;
    }
}

bool job_is_complete(const struct job *j)
{
    for (size_t i = 0; i < j->open.n_ladder; i++) {
        if (!j->rungs[i].complete) {
            return false;
        }
    }
    return true;
}
