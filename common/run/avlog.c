#include "run/avlog.h"

#include <libavutil/log.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "run/log.h"

#define LINES_PER_WINDOW 20
#define WINDOW_MS        1000
#define LINE_MAX         256

/* Warnings and debug lines each have their own, so that talk does not crowd out trouble. */
struct window {
    int64_t start;
    unsigned lines;
    unsigned kept_back; /* since the last line that was written */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct window windows[LOG_DEBUG + 1];

/* Whether one more line may be written now; ret_kept_back: how many could not since the last. */
static bool may_write(enum log_level level, unsigned *ret_kept_back)
{
    struct window *w = &windows[level];
    int64_t now = clock_mono_ms();
    bool yes = false;
    pthread_mutex_lock(&lock);
    if (now - w->start >= WINDOW_MS) {
        w->start = now;
        w->lines = 0;
    }
    if (w->lines < LINES_PER_WINDOW) {
        w->lines++;
        *ret_kept_back = w->kept_back;
        w->kept_back = 0;
        yes = true;
    } else {
        w->kept_back++;
    }
    pthread_mutex_unlock(&lock);
    return yes;
}

static void trim(char *line)
{
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' ')) {
        line[--n] = '\0';
    }
    for (char *c = line; *c != '\0'; c++) {
        *c = *c == '"' ? '\'' : *c;
    }
}

__attribute__((format(printf, 3, 0))) static void on_line(void *from, int level, const char *format,
                                                          va_list args)
{
    enum log_level ours = level <= AV_LOG_ERROR ? LOG_WARN : LOG_DEBUG;
    unsigned lost = 0;
    if (level > AV_LOG_WARNING || ours > log_level() || !may_write(ours, &lost)) {
        return;
    }
    char line[LINE_MAX];
    vsnprintf(line, sizeof line, format, args);
    trim(line);
    const AVClass *class = from != NULL ? *(const AVClass *const *)from : NULL;
    log_line(ours, "libav", "message", "from=%s kept_back=%u text=\"%s\"",
             class != NULL ? class->item_name(from) : "libav", lost, line);
}

void avlog_install(void)
{
    av_log_set_callback(on_line);
}
