#include "run/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define STAT_MAX 2048

static enum err read_text(const char *path, char *ret_text, size_t size)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return ERR_IO;
    }
    size_t n = fread(ret_text, 1, size - 1, f);
    fclose(f);
    ret_text[n] = '\0';
    return n > 0 ? ERR_OK : ERR_IO;
}

/* Seconds since 1970 at which the host was started (proc(5), /proc/stat). */
static int64_t boot_time_s(void)
{
    char line[256];
    int64_t found = 0;
    FILE *f = fopen("/proc/stat", "re");
    while (f != NULL && found == 0 && fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "btime %" SCNd64, &found) != 1) {
            found = 0;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

/* /proc/self/stat, fields 14, 15, 22, 23 and 24 of proc(5). */
static void stat_metrics(struct metrics *m)
{
    char text[STAT_MAX];
    if (read_text("/proc/self/stat", text, sizeof text) != ERR_OK) {
        return;
    }
    uint64_t user, system, start, bytes;
    int64_t pages;
    const char *behind_name = strrchr(text, ')'); /* a name may have blanks and brackets */
    if (behind_name == NULL ||
        sscanf(behind_name,
               ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
               " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNd64,
               &user, &system, &start, &bytes, &pages) != 5) {
        return;
    }
    double per_s = (double)sysconf(_SC_CLK_TCK);
    metrics_one(m, METRIC_COUNTER, "process_cpu_seconds_total", "Processor time used.",
                (double)(user + system) / per_s);
    metrics_one(m, METRIC_GAUGE, "process_resident_memory_bytes", "Memory held.",
                (double)pages * (double)sysconf(_SC_PAGESIZE));
    metrics_one(m, METRIC_GAUGE, "process_virtual_memory_bytes", "Addresses in use.",
                (double)bytes);
    int64_t boot = boot_time_s();
    if (boot > 0) {
        metrics_one(m, METRIC_GAUGE, "process_start_time_seconds",
                    "When the process was started, since 1970.",
                    (double)boot + (double)start / per_s);
    }
}

static void file_metrics(struct metrics *m)
{
    struct rlimit limit;
    DIR *d = opendir("/proc/self/fd");
    if (d != NULL) {
        int count = -3; /* ".", ".." and the folder's own */
        while (readdir(d) != NULL) {
            count++;
        }
        closedir(d);
        metrics_one(m, METRIC_GAUGE, "process_open_fds", "Files and sockets open.", count);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        metrics_one(m, METRIC_GAUGE, "process_max_fds", "Files and sockets that may be open.",
                    (double)limit.rlim_cur);
    }
}

void process_metrics(struct metrics *m)
{
    stat_metrics(m);
    file_metrics(m);
}
