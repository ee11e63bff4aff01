#include "transcoder/avlog.h"

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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t window_start;
static unsigned window_lines;
static unsigned kept_back;

/* Whether one more line may be written now; ret_kept_back: how many could not since the last. */
static bool may_write(unsigned *ret_kept_back)
{
    int64_t now = clock_mono_ms();
    bool yes = false;
    pthread_mutex_lock(&lock);
    if (now - window_start >= WINDOW_MS) {
        window_start = now;
        window_lines = 0;
    }
    if (window_lines < LINES_PER_WINDOW) {
        window_lines++;
        *ret_kept_back = kept_back;
        kept_back = 0;
        yes = true;
    } else {
        kept_back++;
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
    if (level > AV_LOG_INFO || ours > log_level() || !may_write(&lost)) {
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
