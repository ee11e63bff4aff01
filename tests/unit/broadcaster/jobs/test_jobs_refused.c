/* Parts that are looked at and refused, and rungs that the orchestrator gives up. */
#include <stdio.h>
#include <string.h>

#include "answers.h"
#include "base/mem.h"
#include "broadcaster/jobs/jobs.h"
#include "broadcaster/jobs/jobs_rung.h"
#include "tests/support/unit.h"

#define TOO_FAR 90000

struct bench {
    struct board *board;
    struct jobs *jobs;
    struct jobs_way *way;
    struct rendition *rungs[2];
    struct job_stream *stream;
    struct track *video;
    uint64_t job;       /* of the newest JOB_OPEN */
    size_t n_ladder;    /* of it */
    uint32_t emit_from; /* of its last rung */
    uint32_t viewers[2];
    size_t opened;
    size_t rejects;
    struct link_rung_word word; /* of the newest RUNG_REJECT */
    char reason[64];
    uint64_t ticket; /* of the newest probe */
    size_t probes;
    size_t settled[2], gaps[2];
    bool config_once; /* parameter sets with part 0 alone, as transcoders do it */
    size_t watches, drops;
};

struct bench_watch {
    struct jobs_watch base;
    struct bench *b;
};

static enum err on_send(void *arg, const struct link_msg *m, struct blob *payload)
{
    struct bench *b = arg;
    struct blob *envelope = link_msg_pack(m);
    ck_assert_ptr_nonnull(envelope);
    blob_unref(envelope);
    if (m->type == LINK_JOB_OPEN) {
        b->job = m->job;
        b->n_ladder = m->open.n_ladder;
        b->emit_from = m->open.ladder[m->open.n_ladder - 1].emit_from;
        for (size_t i = 0; i < m->open.n_ladder; i++) {
            b->viewers[i] = m->open.ladder[i].viewers;
        }
        b->opened++;
    } else if (m->type == LINK_RUNG_REJECT) {
        ck_assert_uint_eq(m->job, b->job);
        b->word = m->word;
        snprintf(b->reason, sizeof b->reason, "%s", m->reason);
        b->rejects++;
    }
    return ERR_OK;
}

/* Who is told may tell a viewer: it is there by then. */
static void on_settled(void *arg, size_t rung, struct segment *s, const enum jobs_failure *why)
{
    struct bench *b = arg;
    const char *name = rung == 0 ? "P144p30fps16x9" : "P240p30fps16x9";
    struct window *w = board_window(b->board, "x", name);
    ck_assert(why != NULL || (w != NULL && window_find(w, segment_info(s)->msn) == s));
    window_unref(w);
    b->settled[rung]++;
    b->gaps[rung] += why != NULL;
    ck_assert_int_eq(segment_info(s)->gap, why != NULL);
}

/* What is shown too late is no good; so is a part that does not say where it belongs. */
static const char *inspect(const struct link_rung *asked, const struct link_unit *u,
                           struct span payload, const struct rung_place *place)
{
    ck_assert_uint_eq(asked->frames_per_part, UNIT_FRAMES);
    ck_assert_uint_eq(payload.len, u->n_packets);
    ck_assert_int_eq(place->start, 0);
    ck_assert_uint_eq(place->frames, (size_t)u->part * UNIT_FRAMES);
    ck_assert_int_eq(place->first_dts, 0);
    return u->packets[0].pts - u->packets[0].dts >= TOO_FAR ? "it is too far" : NULL;
}

static bool probe(void *arg, const struct link_rung *asked, const struct link_unit *u,
                  struct blob *payload, uint64_t ticket, struct jobs_watch **watch)
{
    struct bench *b = arg;
    ck_assert_ptr_null(*watch);
    ck_assert_uint_eq(asked->emit_from, u->part);
    ck_assert_uint_gt(u->config.len, 0);
    ck_assert_uint_eq(blob_span(payload).len, u->n_packets);
    b->ticket = ticket;
    b->probes++;
    return true;
}

static void drop(struct jobs_watch *w)
{
    ((struct bench_watch *)w)->b->drops++;
    mem_free(w);
}

/* All units of an emission. */
static bool watch_all(void *arg, const struct link_rung *asked, const struct link_unit *u,
                      struct blob *payload, uint64_t ticket, struct jobs_watch **watch)
{
    struct bench *b = arg;
    (void)asked;
    (void)payload;
    ck_assert_int_eq(*watch == NULL, u->config.len > 0);
    if (*watch == NULL) {
        struct bench_watch *w = mem_alloc(sizeof *w);
        *w = (struct bench_watch){{drop}, b};
        *watch = &w->base;
        b->watches++;
    }
    b->ticket = ticket;
    b->probes++;
    return true;
}

static struct bench *bench_create(void)
{
    struct bench *b = mem_alloc(sizeof *b);
    b->board = board_create();
    b->jobs = jobs_create(1000, 3);
    jobs_set_inspection(b->jobs, inspect);
    b->way = jobs_way_create(b->jobs, "a", on_send, b);
    jobs_way_open(b->way);
    const struct profile ladder[2] = {*profile_find(span_cstr("P144p30fps16x9")),
                                      *profile_find(span_cstr("P240p30fps16x9"))};
    b->rungs[0] = rendition_create(b->board, "x", ladder[0].name);
    b->rungs[1] = rendition_create(b->board, "x", ladder[1].name);
    b->stream = jobs_stream_create(b->jobs, "x", ladder, b->rungs, 2);
    jobs_stream_watch(b->stream, on_settled, b);
    b->video = small_picture();
    return b;
}

static void bench_destroy(struct bench *b)
{
    jobs_stream_destroy(b->stream);
    jobs_way_destroy(b->way);
    jobs_destroy(b->jobs);
    rendition_destroy(b->rungs[0]);
    rendition_destroy(b->rungs[1]);
    board_destroy(b->board);
    track_unref(b->video);
    ck_assert_uint_eq(b->watches, b->drops);
    mem_free(b);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}

static void open_segment(struct bench *b, uint64_t msn)
{
    struct segment_info info = {.msn = msn};
    jobs_segment_open(b->stream, &info, b->video);
    struct blob *blob = blob_create(50);
    /* The second is shown first of all, but belongs to the segment before. */
    static const int64_t pts[] = {0, -6000, 3000};
    static const unsigned flags[] = {PACKET_KEY, PACKET_PREROLL, 0};
    for (size_t i = 0; i < 3; i++) {
        struct packet p = {.dts = (int64_t)i * 3000 - 6000,
                           .pts = pts[i],
                           .flags = flags[i],
                           .blob = blob,
                           .data = blob_span(blob)};
        jobs_packet(b->stream, &p);
    }
    blob_unref(blob);
}

static void close_segment(struct bench *b, uint64_t msn)
{
    close_empty(b->stream, b->video, msn, 0);
}

static void answer(struct bench *b, uint32_t rung, uint32_t part, bool last, int64_t far)
{
    struct answer a;
    answer_init(&a, b->job, part, last);
    a.msg.unit.rung = rung;
    for (size_t i = 0; i < UNIT_FRAMES; i++) {
        a.packets[i].pts += far;
    }
    if (!b->config_once) {
        a.msg.unit.config = answer_config();
    }
    answer_send(b->way, &a);
}

static void give_up(struct bench *b, uint32_t rung)
{
    struct link_msg m = {.type = LINK_RUNG_GIVEN_UP, .job = b->job, .reason = "no room"};
    m.word.rung = rung;
    jobs_way_message(b->way, &m, NULL);
}

START_TEST(a_bad_part_is_made_again)
{
    struct bench *b = bench_create();
    open_segment(b, 1);
    close_segment(b, 1);
    answer(b, 1, 0, false, 0);
    answer(b, 1, 1, false, TOO_FAR);
    ck_assert_uint_eq(b->rejects, 1);
    ck_assert_uint_eq(b->word.rung, 1);
    ck_assert_uint_eq(b->word.part, 1);
    ck_assert_str_eq(b->reason, "it is too far");
    ck_assert_uint_eq(jobs_counters(b->jobs).refused_units, 1);
    /* What was under way behind it, however it looks. */
    answer(b, 1, 2, false, 0);
    answer(b, 1, 3, true, TOO_FAR);
    ck_assert_uint_eq(b->rejects, 1);
    /* The other rung is as good as before, and this one goes on from there. */
    answer(b, 0, 0, true, 0);
    answer(b, 1, 1, false, 0);
    answer(b, 1, 2, true, 0);
    ck_assert_uint_eq(b->opened, 1);
    ck_assert(jobs_idle(b->jobs));
    ck_assert_uint_eq(jobs_counters(b->jobs).done, 1);
    ck_assert_uint_eq(b->gaps[0] + b->gaps[1], 0);
    bench_destroy(b);
}
END_TEST

static void done(struct bench *b)
{
    struct link_msg m = {.type = LINK_JOB_DONE, .job = b->job, .reason = ""};
    jobs_way_message(b->way, &m, NULL);
}

START_TEST(a_bad_last_part_is_made_again_in_a_new_job)
{
    struct bench *b = bench_create();
    open_segment(b, 1);
    close_segment(b, 1);
    answer(b, 0, 0, true, 0);
    answer(b, 1, 0, false, 0);
    answer(b, 1, 1, true, TOO_FAR);
    uint64_t first = b->job;
    done(b);
    ck_assert_uint_eq(b->rejects, 1);
    ck_assert_uint_eq(b->opened, 2);
    ck_assert_uint_gt(b->job, first);
    ck_assert_uint_eq(b->n_ladder, 1);
    ck_assert_uint_eq(b->emit_from, 1);
    answer(b, 0, 1, true, 0);
    ck_assert(jobs_idle(b->jobs));
    ck_assert_uint_eq(b->gaps[0] + b->gaps[1], 0);
    /* It is not tried for ever. */
    open_segment(b, 2);
    close_segment(b, 2);
    answer(b, 0, 0, true, 0);
    answer(b, 1, 0, true, TOO_FAR);
    done(b);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(b->gaps[1], 0);
        answer(b, 0, 0, true, TOO_FAR);
        done(b);
    }
    ck_assert_uint_eq(b->gaps[1], 1);
    ck_assert(jobs_idle(b->jobs));
    bench_destroy(b);
}
END_TEST

/* All is there before it is known whether it can be decoded. */
START_TEST(what_is_looked_at_waits)
{
    struct bench *b = bench_create();
    jobs_set_probe(b->jobs, probe, b);
    open_segment(b, 1);
    close_segment(b, 1);
    answer(b, 0, 0, true, 0);
    uint64_t small = b->ticket;
    answer(b, 1, 0, false, 0);
    uint64_t large = b->ticket;
    answer(b, 1, 1, true, 0);
    done(b);
    ck_assert_uint_eq(b->probes, 2);
    ck_assert_uint_eq(b->settled[0] + b->settled[1], 0);
    ck_assert_uint_eq(b->opened, 1);
    jobs_probed(b->jobs, small, NULL);
    ck_assert_uint_eq(b->settled[0], 1);
    jobs_probed(b->jobs, small, NULL); /* twice */
    ck_assert_uint_eq(b->opened, 1);
    jobs_probed(b->jobs, large, "it is green");
    ck_assert_str_eq(b->reason, "it is green");
    ck_assert_uint_eq(b->word.rung, 1);
    ck_assert_uint_eq(b->word.part, 0);
    ck_assert_uint_eq(b->opened, 2);
    ck_assert_uint_eq(b->n_ladder, 1);
    ck_assert_uint_eq(b->emit_from, 0);
    answer(b, 0, 0, false, 0);
    jobs_probed(b->jobs, b->ticket, NULL);
    ck_assert_uint_eq(b->settled[1], 0);
    answer(b, 0, 1, true, 0); /* with parameter sets again */
    jobs_probed(b->jobs, b->ticket, NULL);
    ck_assert_uint_eq(b->settled[1], 1);
    ck_assert_uint_eq(b->gaps[0] + b->gaps[1], 0);
    ck_assert(jobs_idle(b->jobs));
    bench_destroy(b);
}
END_TEST

START_TEST(what_is_looked_at_may_be_wanted_no_more)
{
    struct bench *b = bench_create();
    jobs_set_probe(b->jobs, probe, b);
    open_segment(b, 1);
    close_segment(b, 1);
    answer(b, 0, 0, true, 0);
    uint64_t ticket = b->ticket;
    answer(b, 1, 0, false, 0);
    jobs_way_close(b->way, "gone");
    jobs_probed(b->jobs, ticket, NULL);
    ck_assert_uint_eq(b->settled[0], 0);
    jobs_way_open(b->way);
    ck_assert_uint_eq(b->opened, 2);
    ck_assert_uint_eq(b->n_ladder, 2);
    answer(b, 0, 0, true, 0);
    jobs_probed(b->jobs, b->ticket, "it is green");
    ck_assert_uint_eq(b->rejects, 1);
    answer(b, 1, 0, true, 0); /* under way when the stream ends */
    bench_destroy(b);
}
END_TEST

/* Rejected, made again, and all of it is there before its first picture is known to be right. */
START_TEST(what_comes_again_waits_in_order)
{
    struct bench *b = bench_create();
    jobs_set_probe(b->jobs, probe, b);
    open_segment(b, 1);
    close_segment(b, 1);
    answer(b, 0, 0, false, TOO_FAR);
    answer(b, 0, 1, false, 0); /* of the same maker: it had crossed on its way */
    ck_assert_uint_eq(b->rejects, 1);
    answer(b, 0, 0, false, 0);
    answer(b, 0, 1, true, 0);
    ck_assert_uint_eq(b->settled[0], 0);
    jobs_probed(b->jobs, b->ticket, NULL);
    jobs_probed(b->jobs, b->ticket, NULL); /* of the second part's parameter sets */
    ck_assert_uint_eq(b->settled[0], 1);
    ck_assert_uint_eq(b->gaps[0], 0);
    ck_assert_uint_eq(b->rejects, 1);
    bench_destroy(b);
}
END_TEST

static unsigned viewers(void *arg, const char *stream, const char *rung)
{
    unsigned *n = arg;
    ck_assert_str_eq(stream, "x");
    return strcmp(rung, "P240p30fps16x9") == 0 ? *n : 0;
}

START_TEST(who_watches_is_told)
{
    struct bench *b = bench_create();
    unsigned n = 7;
    jobs_set_viewers(b->jobs, viewers, &n);
    open_segment(b, 1);
    close_segment(b, 1);
    ck_assert_uint_eq(b->viewers[0], 0);
    ck_assert_uint_eq(b->viewers[1], 7);
    n = 8;
    open_segment(b, 2);
    ck_assert_uint_eq(b->viewers[1], 8);
    bench_destroy(b);
}
END_TEST

START_TEST(each_bad_part_is_named)
{
    struct bench *b = bench_create();
    open_segment(b, 1);
    close_segment(b, 1);
    for (size_t i = 1; i <= 3; i++) {
        answer(b, 0, 0, true, TOO_FAR);
        ck_assert_uint_eq(b->rejects, i);
        ck_assert_uint_eq(b->word.part, 0);
    }
    /* The orchestrator has had enough. */
    struct link_msg m = {.type = LINK_JOB_FAILED, .job = b->job, .reason = "nobody can"};
    jobs_way_message(b->way, &m, NULL);
    ck_assert_uint_eq(b->gaps[0], 1);
    ck_assert(jobs_idle(b->jobs));
    bench_destroy(b);
}
END_TEST

START_TEST(a_rung_given_up_is_a_gap_and_the_others_go_on)
{
    for (int closed = 0; closed <= 1; closed++) {
        struct bench *b = bench_create();
        open_segment(b, 1);
        if (closed) {
            close_segment(b, 1);
        }
        give_up(b, 5); /* there is none */
        give_up(b, 1);
        give_up(b, 1);
        ck_assert_uint_eq(b->gaps[1], (size_t)closed);
        answer(b, 1, 0, false, 0); /* was under way */
        answer(b, 0, 0, false, 0);
        if (!closed) {
            close_segment(b, 1);
        }
        ck_assert_uint_eq(b->gaps[1], 1);
        ck_assert_uint_eq(b->settled[0], 0);
        answer(b, 0, 1, true, 0);
        ck_assert_uint_eq(b->settled[0], 1);
        ck_assert_uint_eq(b->gaps[0], 0);
        ck_assert(jobs_idle(b->jobs));
        struct jobs_counters c = jobs_counters(b->jobs);
        ck_assert_uint_eq(c.done, 0);
        ck_assert_uint_eq(c.given_up, 1);
        ck_assert_uint_eq(c.given_up_by[JOBS_FAILED_BUSY], 1);
        bench_destroy(b);
    }
}
END_TEST

START_TEST(what_was_given_up_is_not_asked_for_again)
{
    struct bench *b = bench_create();
    open_segment(b, 1);
    ck_assert_uint_eq(b->n_ladder, 2);
    give_up(b, 0);
    jobs_way_close(b->way, "gone");
    jobs_way_open(b->way);
    jobs_tick(b->jobs, 1);
    ck_assert_uint_eq(b->opened, 2);
    ck_assert_uint_eq(b->n_ladder, 1);
    close_segment(b, 1);
    answer(b, 0, 0, true, 0); /* of the new opening: the other rung */
    ck_assert_uint_eq(b->gaps[0], 1);
    ck_assert_uint_eq(b->settled[1], 1);
    ck_assert(jobs_idle(b->jobs));
    bench_destroy(b);
}
END_TEST

START_TEST(all_rungs_may_be_given_up)
{
    for (int closed = 0; closed <= 1; closed++) {
        struct bench *b = bench_create();
        open_segment(b, 1);
        if (closed) {
            close_segment(b, 1);
        }
        give_up(b, 0);
        give_up(b, 1);
        if (!closed) {
            close_segment(b, 1);
        }
        ck_assert(jobs_idle(b->jobs));
        ck_assert_uint_eq(b->gaps[0], 1);
        ck_assert_uint_eq(b->gaps[1], 1);
        bench_destroy(b);
    }
}
END_TEST

START_TEST(an_emission_may_be_watched_whole)
{
    struct bench *b = bench_create();
    jobs_set_probe(b->jobs, watch_all, b);
    b->config_once = true;
    open_segment(b, 1);
    close_segment(b, 1);
    for (uint32_t part = 0; part < 3; part++) {
        answer(b, 0, part, part == 2, 0);
    }
    for (size_t part = 0; part < 3; part++) {
        ck_assert_uint_eq(b->probes, part + 1);
        ck_assert_uint_eq(b->settled[0], 0);
        ck_assert_uint_eq(b->drops, 0);
        jobs_probed(b->jobs, b->ticket, NULL);
    }
    ck_assert_uint_eq(b->settled[0], 1);
    ck_assert_uint_eq(b->drops, 1);
    /* The second part is no good: the one before is kept, and the third is not looked at. */
    for (uint32_t part = 0; part < 3; part++) {
        answer(b, 1, part, part == 2, 0);
    }
    jobs_probed(b->jobs, b->ticket, NULL);
    jobs_probed(b->jobs, b->ticket, "it is green");
    ck_assert_uint_eq(b->rejects, 1);
    ck_assert_uint_eq(b->word.part, 1);
    ck_assert_uint_eq(b->probes, 5);
    ck_assert_uint_eq(b->drops, 2);
    b->config_once = false; /* another one makes it from there */
    answer(b, 1, 1, false, 0);
    ck_assert_uint_eq(b->watches, 3);
    jobs_probed(b->jobs, b->ticket, NULL);
    b->config_once = true;
    answer(b, 1, 2, true, 0);
    ck_assert_uint_eq(b->watches, 3);
    jobs_probed(b->jobs, b->ticket, NULL);
    ck_assert_uint_eq(b->settled[1], 1);
    ck_assert_uint_eq(b->gaps[1], 0);
    ck_assert(jobs_idle(b->jobs));
    bench_destroy(b);
}
END_TEST

/* Between two units of it, and while one is looked at. */
START_TEST(a_watched_emission_may_end_early)
{
    struct bench *b = bench_create();
    jobs_set_probe(b->jobs, watch_all, b);
    b->config_once = true;
    open_segment(b, 1);
    answer(b, 0, 0, false, 0);
    jobs_probed(b->jobs, b->ticket, NULL);
    answer(b, 1, 0, false, 0);
    jobs_way_close(b->way, "gone");
    ck_assert_uint_eq(b->drops, 2);
    jobs_way_open(b->way);
    b->config_once = false; /* a new emission, and another before that one is over */
    answer(b, 0, 1, false, 0);
    jobs_probed(b->jobs, b->ticket, NULL);
    answer(b, 0, 2, false, 0);
    ck_assert_uint_eq(b->watches, 4);
    ck_assert_uint_eq(b->drops, 3);
    bench_destroy(b); /* counts the last one */
}
END_TEST

UNIT_MAIN("jobs_refused", an_emission_may_be_watched_whole, a_watched_emission_may_end_early,
          a_bad_part_is_made_again, a_bad_last_part_is_made_again_in_a_new_job,
          what_is_looked_at_waits, what_is_looked_at_may_be_wanted_no_more,
          what_comes_again_waits_in_order, who_watches_is_told, each_bad_part_is_named,
          a_rung_given_up_is_a_gap_and_the_others_go_on, what_was_given_up_is_not_asked_for_again,
          all_rungs_may_be_given_up)
