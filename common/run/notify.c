#include "run/notify.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/mem.h"
#include "run/log.h"

#define TEXT_EVERY_MS 5000

struct notify {
    struct loop_timer *timer;
    notify_text_fn *text;
    void *arg;
    bool ready;
    bool watched;
    bool failed; /* logged once */
    char last[NOTIFY_TEXT_SIZE];
};

static void tell(struct notify *n, const char *state)
{
    int r = sd_notify(0, state);
    if (r < 0 && !n->failed) {
        n->failed = true;
        log_warn("notify", "not_sent",
                 "the service manager cannot be told how this goes: %s; check NOTIFY_SOCKET",
                 strerror(-r));
    }
}

/* A line break in a sentence would be another assignment. */
static void one_line(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
}

static void tell_text(struct notify *n)
{
    char text[NOTIFY_TEXT_SIZE] = "";
    char state[sizeof "STATUS=" + NOTIFY_TEXT_SIZE];
    if (n->text == NULL) {
        return;
    }
    n->text(n->arg, text, sizeof text);
    one_line(text);
    if (text[0] == '\0' || strcmp(text, n->last) == 0) {
        return;
    }
    memcpy(n->last, text, sizeof text);
    snprintf(state, sizeof state, "STATUS=%s", text);
    tell(n, state);
}

static void on_timer(void *arg)
{
    struct notify *n = arg;
    if (!n->ready) {
        char state[64];
        snprintf(state, sizeof state, "READY=1\nMAINPID=%d", (int)getpid());
        n->ready = true;
        tell(n, state);
    }
    if (n->watched) {
        tell(n, "WATCHDOG=1");
    }
    tell_text(n);
}

struct notify *notify_create(struct loop *l, notify_text_fn *text, void *arg)
{
    const char *where = getenv("NOTIFY_SOCKET");
    if (where == NULL || where[0] == '\0') {
        return NULL;
    }
    struct notify *n = mem_alloc(sizeof *n);
    n->text = text;
    n->arg = arg;
    uint64_t watchdog_us = 0;
    n->watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
    int64_t every_ms = TEXT_EVERY_MS;
    if (n->watched && watchdog_us / 2000 < TEXT_EVERY_MS) {
        every_ms = watchdog_us >= 2000 ? (int64_t)(watchdog_us / 2000) : 1;
    }
    n->timer = loop_timer_create(l, on_timer, n);
    loop_timer_start(n->timer, 0, every_ms);
    return n;
}

void notify_stopping(struct notify *n)
{
    if (n != NULL) {
        tell(n, "STOPPING=1");
    }
}

void notify_destroy(struct notify *n)
{
    if (n != NULL) {
        loop_timer_destroy(n->timer);
        mem_free(n);
    }
}
