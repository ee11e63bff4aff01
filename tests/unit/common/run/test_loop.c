#include "run/loop.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/support/unit.h"

#define ITEMS 10000

struct state {
    struct loop *loop;
    struct mailbox *mailbox;
    uintptr_t next;
    int fired, dropped;
};

static void on_mail(void *arg, void *item)
{
    struct state *s = arg;
    ck_assert_uint_eq((uintptr_t)item, ++s->next);
    if (s->next == ITEMS) {
        loop_stop(s->loop);
    }
}

static void *post_all(void *arg)
{
    struct state *s = arg;
    for (uintptr_t i = 1; i <= ITEMS; i++) {
        mailbox_post(s->mailbox, (void *)i);
    }
    return NULL;
}

START_TEST(mail_of_another_thread_arrives_in_order)
{
    struct state s = {.loop = loop_create()};
    s.mailbox = mailbox_create(s.loop, on_mail, &s);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, post_all, &s), 0);
    loop_run(s.loop);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(s.next, ITEMS);
    mailbox_destroy(s.mailbox, NULL);
    loop_destroy(s.loop);
}
END_TEST

static int dropped;

static void drop(void *item)
{
    dropped++;
}

static void destroys_itself(void *arg, void *item)
{
    struct state *s = arg;
    s->fired++;
    mailbox_destroy(s->mailbox, drop);
    loop_stop(s->loop);
}

START_TEST(a_mailbox_may_be_destroyed_by_its_receiver)
{
    struct state s = {.loop = loop_create()};
    s.mailbox = mailbox_create(s.loop, destroys_itself, &s);
    mailbox_post(s.mailbox, &s);
    mailbox_post(s.mailbox, &s);
    loop_run(s.loop);
    ck_assert_int_eq(s.fired, 1);
    ck_assert_int_eq(dropped, 1);
    loop_destroy(s.loop);
}
END_TEST

static void on_timer(void *arg)
{
    struct state *s = arg;
    if (++s->fired == 3) {
        loop_stop(s->loop);
    }
}

START_TEST(timers_repeat_until_stopped)
{
    struct state s = {.loop = loop_create()};
    struct loop_timer *t = loop_timer_create(s.loop, on_timer, &s);
    loop_timer_start(t, 1, 1);
    loop_run(s.loop);
    ck_assert_int_eq(s.fired, 3);
    loop_timer_destroy(t);
    loop_destroy(s.loop);
}
END_TEST

UNIT_MAIN("loop", mail_of_another_thread_arrives_in_order,
          a_mailbox_may_be_destroyed_by_its_receiver, timers_repeat_until_stopped)
