#include "run/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static const char *role_name = "-";
static _Thread_local const char *thread_role;
static atomic_int current_level = LOG_INFO;

void log_init(const char *role, enum log_level level)
{
    role_name = role;
    log_set_level(level);
}

void log_thread_role(const char *role)
{
    thread_role = role;
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

/* Where lines go: stderr, or for a terminal and a pipe the same one opened anew, because whether
 * writes wait belongs to the open file, and stderr's is shared with other programs. */
static struct {
    pthread_mutex_t lock;
    int fd;        /* our own; -1: stderr as it is */
    dev_t device;  /* of stderr when fd was made: */
    ino_t file;    /* it may be another one now */
    bool cut;      /* the last line was written in part */
    unsigned lost; /* lines since the last one that was written */
} output = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static void follow_stderr(void)
{
    struct stat now;
    if (fstat(STDERR_FILENO, &now) != 0 ||
        (now.st_dev == output.device && now.st_ino == output.file)) {
        return;
    }
    if (output.fd >= 0) {
        close(output.fd);
    }
    output.device = now.st_dev;
    output.file = now.st_ino;
    output.cut = false;
    output.fd = S_ISFIFO(now.st_mode) || S_ISCHR(now.st_mode)
                    ? open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
                    : -1;
}

/* One write, so that lines of several processes do not mix. */
static bool put(const char *line, size_t len)
{
    ssize_t n = write(output.fd >= 0 ? output.fd : STDERR_FILENO, line, len);
    if (n > 0) {
        output.cut = (size_t)n < len;
    }
    return n > 0;
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
                        names[level], thread_role != NULL ? thread_role : role_name, module, event);
    return n + (more > 0 ? (size_t)more : 0);
}

static void tell_lost(void)
{
    char line[LINE_MAX_BYTES / 2];
    size_t n = write_prefix(line, sizeof line, LOG_WARN, "log", "lines_lost");
    n += (size_t)snprintf(line + n, sizeof line - n, "count=%u\n", output.lost);
    if (put(line, n)) {
        output.lost = 0;
    }
}

static void write_line(const char *line, size_t len)
{
    pthread_mutex_lock(&output.lock);
    follow_stderr();
    if (output.cut && put("\n", 1)) {
        output.cut = false;
    }
    if (output.lost > 0) {
        tell_lost();
    }
    if (output.lost > 0 || !put(line, len)) {
        output.lost++;
    }
    pthread_mutex_unlock(&output.lock);
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
    write_line(line, end);
}
