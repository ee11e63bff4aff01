#include "run/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const char *role_name = "-";
static atomic_int current_level = LOG_INFO;

void log_init(const char *role, enum log_level level)
{
    role_name = role;
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

enum log_level log_level(void)
{
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

enum log_level log_level_of_verbosity(int v)
{
    if (v <= 0) {
        return LOG_ERROR;
    }
    if (v <= 2) {
        return LOG_WARN;
    }
    return v <= 5 ? LOG_INFO : LOG_DEBUG;
}

static size_t write_prefix(char *line, size_t size, enum log_level level, const char *module,
                           const char *event)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &utc);
    int more = snprintf(line + n, size - n, ".%03ldZ %s %s %s %s ", now.tv_nsec / 1000000,
                        names[level], role_name, module, event);
    return n + (more > 0 ? (size_t)more : 0);
}

void log_line(enum log_level level, const char *module, const char *event, const char *format, ...)
{
    if (level > log_level()) {
        return;
    }
    char line[LINE_MAX_BYTES];
    size_t n = write_prefix(line, sizeof line / 2, level, module, event);
    if (n > sizeof line / 2) {
        n = sizeof line / 2;
    }
    va_list args;
    va_start(args, format);
    int more = vsnprintf(line + n, sizeof line - n - 1, format, args);
    va_end(args);
    size_t end = n + (more > 0 ? (size_t)more : 0);
    if (end > sizeof line - 2) {
        end = sizeof line - 2;
    }
    for (size_t i = 0; i < end; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[end++] = '\n';
    /* One write, so that lines of several threads do not mix. A full pipe or a closed stderr
     * must not stop the role. */
    ssize_t ignored = write(STDERR_FILENO, line, end);
    (void)ignored;
}
