#include "transcoder/cores.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CGROUP_FILE_MAX 4096
#define CGROUP_PATH_MAX 2048
#define CPUS_MAX        8192
#define CORE            1000 /* permille */
#define MICROS_MAX      1000000000000

static size_t read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;
    if (fd >= 0) {
        close(fd);
    }
    n = n < 0 ? 0 : n;
    text[n] = '\0';
    return (size_t)n;
}

/* Digits up to a space, a line's end or the end. */
static bool read_micros(struct span text, size_t *at, uint64_t *ret_v)
{
    uint64_t v = 0;
    size_t from = *at;
    while (*at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9' && v < MICROS_MAX) {
        v = v * 10 + (text.data[(*at)++] - '0');
    }
    bool ended = *at == text.len || text.data[*at] == ' ' || text.data[*at] == '\n';
    *ret_v = v;
    return *at > from && ended && v > 0;
}

bool cores_read_quota(struct span text, uint32_t *ret_permille)
{
    uint64_t quota = 0;
    uint64_t period = 0;
    size_t at = 0;
    if (!read_micros(text, &at, &quota)) {
        return false;
    }
    at++;
    if (at >= text.len || !read_micros(text, &at, &period)) {
        return false;
    }
    uint64_t permille = quota * CORE / period;
    permille = permille < 1 ? 1 : permille;
    *ret_permille = permille < UINT32_MAX ? (uint32_t)permille : UINT32_MAX;
    return true;
}

/* Version 2 has the line "0::/path". */
static bool find_group(const char *self_path, char *ret_group)
{
    char text[CGROUP_FILE_MAX];
    read_text(self_path, text, sizeof text);
    const char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
    if (line == NULL) {
        return false;
    }
    const char *path = strchr(line, '/');
    size_t len = strcspn(path, "\n");
    if (len >= CGROUP_PATH_MAX) {
        return false;
    }
    memcpy(ret_group, path, len);
    ret_group[len] = '\0';
    return true;
}

uint32_t cores_quota(const char *self_path, const char *tree_path)
{
    char group[CGROUP_PATH_MAX];
    uint32_t least = UINT32_MAX;
    if (!find_group(self_path, group)) {
        return least;
    }
    for (char *cut = group + strlen(group); cut != NULL; cut = strrchr(group, '/')) {
        char path[CGROUP_PATH_MAX + 256];
        char text[64];
        uint32_t permille = 0;
        *cut = '\0';
        snprintf(path, sizeof path, "%.200s%s/cpu.max", tree_path, group);
        size_t len = read_text(path, text, sizeof text);
        if (cores_read_quota(span_of(text, len), &permille) && permille < least) {
            least = permille;
        }
    }
    return least;
}

static uint32_t allowed_cpus(void)
{
    size_t size = CPU_ALLOC_SIZE(CPUS_MAX);
    cpu_set_t *set = CPU_ALLOC(CPUS_MAX);
    int n = 0;
    if (set != NULL && sched_getaffinity(0, size, set) == 0) {
        n = CPU_COUNT_S(size, set);
    }
    CPU_FREE(set);
    return n > 0 ? (uint32_t)n : 1;
}

uint32_t cores_permille(void)
{
    uint32_t cpus = allowed_cpus() * CORE;
    uint32_t quota = cores_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota < cpus ? quota : cpus;
}

uint32_t cores_threads(uint32_t permille)
{
    return permille / CORE + (permille % CORE > 0);
}
