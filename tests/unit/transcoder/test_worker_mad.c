/* The worker of an orchestrator that says anything at all. */
#include "boss.h"
#include "tests/support/unit.h"

static uint32_t dice(void)
{
    static uint32_t seed = 11;
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Any opening that the link lets through. */
static void wild_open(struct link_job_open *o, const struct source *s)
{
    static const uint32_t fps[][2] = {{30, 1}, {240, 1}, {1000000, 1000000}, {24000, 1001}};
    *o = open_for(s, "P144p30fps16x9");
    o->msn = dice();
    o->deadline_ms = dice() % 4 == 0 ? 0 : 1 + dice() % 300;
    o->track.width = (int)(1 + dice() % LINK_SIDE_MAX);
    o->track.config.len = dice() % 3 == 0 ? 1 + dice() % s->config.len : s->config.len;
    o->n_ladder = 1 + dice() % PROFILE_LADDER_MAX;
    for (size_t i = 0; i < o->n_ladder; i++) {
        const uint32_t *rate = fps[dice() % 4];
        uint32_t side = dice() % 8 == 0 ? LINK_SIDE_MAX : 200;
        struct link_rung *r = &o->ladder[i];
        *r = o->ladder[0];
        r->width = 2 + dice() % (side / 2) * 2;
        r->height = 2 + dice() % 100 * 2;
        r->fps_num = rate[0];
        r->fps_den = rate[1];
        r->bitrate_bps = 1 + dice() % 1000000000;
        r->buffer_bits = 1 + dice() % 2000000000;
        r->vbv_init_permille = dice() % 1001;
        r->crf = dice() % 52;
        r->preset = dice() % 4 == 0 ? "slower" : "ultrafast";
        r->bframes = dice() % 5;
        r->dts_delay_frames = dice() % 20;
        r->frames_per_part = 1 + dice() % 1000;
        r->emit_from = dice() % 3 == 0 ? dice() % 100001 : 0;
    }
}

static void wild_unit(struct link_unit *u, const struct source *s, struct link_packet *p)
{
    const struct packet *from = &s->packets.items[dice() % 30];
    *p = (struct link_packet){.length = (uint32_t)from->data.len,
                              .dts = dice() % 4 == 0 ? -(INT64_C(1) << 56) : from->dts,
                              .pts = from->pts,
                              .duration = dice() % 1000000,
                              .flags = dice() % 4};
    p->pts = p->dts < 0 ? p->dts : p->pts;
    *u = (struct link_unit){.packets = p,
                            .n_packets = 1,
                            .seq = dice() % 4,
                            .last = dice() % 3 == 0,
                            .duration = dice() % 4 == 0 ? 3600 * TICKS_PER_S : TICKS_PER_S};
}

static void send_wild(struct boss *b, const struct source *s)
{
    static const enum link_msg_type types[] = {
        LINK_JOB_OPEN, LINK_JOB_OPEN,   LINK_JOB_UNIT,  LINK_JOB_UNIT,  LINK_JOB_UNIT,
        LINK_WELCOME,  LINK_JOB_CANCEL, LINK_HELLO,     LINK_JOB_DONE,  LINK_JOB_FAILED,
        LINK_PING,     LINK_JOB_ACCEPT, LINK_RUNG_UNIT, LINK_JOB_REFUSE};
    struct link_packet p;
    struct blob *payload = NULL;
    struct link_msg m = {
        .type = types[dice() % (sizeof types / sizeof types[0])], .job = dice() % 6, .reason = ""};
    if (m.type == LINK_JOB_OPEN) {
        wild_open(&m.open, s);
    } else if (m.type == LINK_JOB_UNIT || m.type == LINK_RUNG_UNIT) {
        wild_unit(&m.unit, s, &p);
        payload = blob_create(p.length);
        memset(blob_bytes(payload), (int)dice() & 0xff, p.length);
    } else if (m.type == LINK_WELCOME) {
        m.welcome = (struct link_welcome){
            .version = 1 + dice() % 2, .session = "x", .heartbeat_ms = 200, .timeout_ms = 1500};
    } else if (m.type == LINK_HELLO) {
        m.hello = (struct link_hello){.version_min = 1, .version_max = 9, .role = "broadcaster"};
    }
    enum err e = link_send_msg(b->link, b->peer, &m, payload);
    blob_unref(payload);
    ck_assert_msg(e == ERR_OK, "message %d: %s", m.type, err_text(e));
}

/* Sends the opening until there is room: threads that wind down still take some. */
static void open_when_there_is_room(struct boss *b, const struct source *s, uint64_t job)
{
    int accepts = b->accepts;
    while (b->accepts == accepts) {
        int refuses = b->refuses;
        send_open(b, s, job, 30000);
        UNTIL(b, b->refuses > refuses || b->accepts > accepts);
    }
}

/* Whatever the orchestrator says, the worker lives, and an honest job is then done. */
START_TEST(a_mad_orchestrator_is_survived)
{
    struct boss b;
    boss_open(&b);
    struct source s = small_source();
    boss_listen(&b);
    struct worker *w = hire(&b, 3, SECRET);
    UNTIL(&b, b.hellos == 1 && worker_stats(w).connected);
    for (int i = 0; i < 1000; i++) {
        send_wild(&b, &s);
        if (i % 20 == 0) {
            turn(&b);
        }
    }
    ck_assert_int_eq(b.downs, 0);
    struct link_msg cancel = {.type = LINK_JOB_CANCEL, .reason = ""};
    for (cancel.job = 0; cancel.job < 6; cancel.job++) {
        ck_assert_int_eq(link_send_msg(b.link, b.peer, &cancel, NULL), ERR_OK);
    }
    UNTIL(&b, worker_stats(w).accepted > 10 && worker_stats(w).load == 0);
    open_when_there_is_room(&b, &s, 1000);
    int dones = b.dones;
    send_segment(&b, &s, 1000);
    UNTIL(&b, b.dones > dones);
    ck_assert_uint_eq(b.done.rungs[0].frames, 30);
    close_all(&b, w);
    source_free(&s);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

int main(void)
{
    av_log_set_level(AV_LOG_QUIET);
    const TTest *const tests[] = {a_mad_orchestrator_is_survived};
    return unit_run("worker_mad", tests, sizeof tests / sizeof tests[0]);
}
