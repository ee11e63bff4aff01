#include "transcoder/work_table.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"

#define DEADLINE_DEFAULT_MS 30000
#define DEADLINE_MAX_MS     120000
#define ENDING_PER_PLACE    1
#define ENDING_STEPS        10 /* the fewer, the less of its time a thread has after a stop */

void work_table_init(struct work_table *t)
{
    *t = (struct work_table){0};
    list_init(&t->jobs);
}

static int64_t deadline_of(const struct link_job_open *open)
{
    if (open->deadline_ms == 0) {
        return DEADLINE_DEFAULT_MS;
    }
    return open->deadline_ms < DEADLINE_MAX_MS ? open->deadline_ms : DEADLINE_MAX_MS;
}

static void on_time(void *arg)
{
    struct job *j = arg;
    if (work_is_cancelled(j->work)) {
        int64_t waited = work_waited_us(j->work);
        if (patience_spend(&j->patience, clock_mono_us(), waited, j->step_us) < j->ending_us) {
            return;
        }
        loop_timer_stop(j->deadline);
    }
    j->on_deadline(j);
}

struct job *work_table_add(struct work_table *t, struct loop *l, struct work *work,
                           const struct link_job_open *open, loop_timer_fn *on_deadline,
                           void *owner)
{
    struct job *j = mem_alloc(sizeof *j);
    j->owner = owner;
    j->work = work;
    snprintf(j->stream, sizeof j->stream, "%s", open->stream);
    j->msn = open->msn;
    j->opened_us = clock_mono_us();
    j->on_deadline = on_deadline;
    j->deadline = loop_timer_create(l, on_time, j);
    loop_timer_start(j->deadline, deadline_of(open), 0);
    list_push_back(&t->jobs, &j->node);
    t->n++;
    return j;
}

void work_table_remove(struct work_table *t, struct job *j)
{
    if (j->hangs) {
        t->hanging--;
    } else {
        t->n--;
    }
    list_remove(&j->node);
    loop_timer_destroy(j->deadline);
    mem_free(j);
}

struct job *work_table_find(const struct work_table *t, uint64_t id)
{
    LIST_EACH (&t->jobs, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, node);
        if (work_job(j->work) == id && !work_is_cancelled(j->work)) {
            return j;
        }
    }
    return NULL;
}

struct job *work_table_of(const struct work_table *t, const struct work *work)
{
    LIST_EACH (&t->jobs, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, node);
        if (j->work == work) {
            return j;
        }
    }
    return NULL;
}

struct job *work_table_running(const struct work_table *t)
{
    LIST_EACH (&t->jobs, it, tmp) {
        struct job *j = LIST_ITEM(it, struct job, node);
        if (!work_is_cancelled(j->work)) {
            return j;
        }
    }
    return NULL;
}

uint32_t work_table_load(const struct work_table *t)
{
    uint32_t n = 0;
    LIST_EACH (&t->jobs, it, tmp) {
        n += !work_is_cancelled(LIST_ITEM(it, struct job, node)->work);
    }
    return n;
}

uint32_t work_table_places(const struct work_table *t, uint32_t capacity)
{
    return capacity > t->hanging ? capacity - t->hanging : 1;
}

bool work_table_is_full(const struct work_table *t, uint32_t capacity)
{
    uint32_t places = work_table_places(t, capacity);
    return work_table_load(t) >= places || t->n >= places * (1 + ENDING_PER_PLACE);
}

void work_table_wind_down(struct job *j, int64_t ms)
{
    int64_t step_ms = ms > ENDING_STEPS ? ms / ENDING_STEPS : 1;
    work_cancel(j->work);
    patience_begin(&j->patience, clock_mono_us(), work_waited_us(j->work));
    j->ending_us = ms * 1000;
    j->step_us = step_ms * 1000;
    loop_timer_start(j->deadline, step_ms, step_ms);
}

void work_table_set_hangs(struct work_table *t, struct job *j, bool hangs)
{
    if (j->hangs == hangs) {
        return;
    }
    j->hangs = hangs;
    t->n = hangs ? t->n - 1 : t->n + 1;
    t->hanging = hangs ? t->hanging + 1 : t->hanging - 1;
}
