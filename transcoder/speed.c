#include "transcoder/speed.h"

#include <string.h>

#define MEGA           1000000
#define MEGAS_MAX      1000000000ULL /* of a setting */
#define DECIMALS       6
#define US_PER_S       1000000
#define PERMILLE       1000
#define MEMORY_CPU_US  (20 * US_PER_S) /* what has been seen longer ago than this fades */
#define NEWS_PART      10              /* 1/10 */
#define SPEED_EACH_MAX (1ULL << 32)    /* of one core: so that its product with the cores fits */
#define SPEED_MAX      (1ULL << 50)    /* less than a hello may carry */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum err read_number(const char *text, uint64_t *ret_v)
{
    uint64_t v = 0;
    unsigned decimals = 0;
    const char *c = text;
    for (; is_digit(*c); c++) {
        v = v * 10 + (uint64_t)(*c - '0');
        if (v > MEGAS_MAX) {
            return ERR_PROTO;
        }
    }
    bool any = c > text;
    if (*c == '.') {
        for (c++; is_digit(*c) && decimals < DECIMALS; c++, decimals++) {
            v = v * 10 + (uint64_t)(*c - '0');
        }
        any = any && decimals > 0;
    }
    for (; decimals < DECIMALS; decimals++) {
        v *= 10;
    }
    if (!any || *c != '\0' || v == 0) {
        return ERR_PROTO;
    }
    *ret_v = v;
    return ERR_OK;
}

enum err speed_read_setting(const char *text, struct speed_setting *ret_setting)
{
    struct speed_setting s = {.source = SPEED_UNKNOWN};
    if (strcmp(text, "off") == 0) {
        s.source = SPEED_OFF;
    } else if (text[0] != '\0' && strcmp(text, "auto") != 0) {
        s.source = SPEED_FIXED;
        enum err e = read_number(text, &s.fixed);
        if (e != ERR_OK) {
            return e;
        }
    }
    *ret_setting = s;
    return ERR_OK;
}

void speed_set(struct speed *s, const struct speed_setting *setting, uint32_t cores_permille)
{
    *s = (struct speed){.source = setting->source,
                        .fixed = setting->fixed,
                        .cores_permille = cores_permille,
                        .announced = s->announced};
}

static bool is_by_hand(const struct speed *s)
{
    return s->source == SPEED_FIXED || s->source == SPEED_OFF;
}

void speed_measured(struct speed *s, uint64_t pixels, uint64_t cpu_us)
{
    if (!is_by_hand(s) && pixels > 0 && cpu_us > 0) {
        s->source = SPEED_MEASURED;
        s->pixels = pixels;
        s->cpu_us = cpu_us;
    }
}

void speed_observe(struct speed *s, uint64_t pixels, uint64_t cpu_us)
{
    if (is_by_hand(s) || pixels == 0 || cpu_us == 0) {
        return;
    }
    /* What the estimate rests on is worth MEMORY_CPU_US at most: an average over work, in which
     * large jobs weigh more than small ones. */
    if (s->cpu_us > MEMORY_CPU_US) {
        s->pixels = s->pixels * (MEMORY_CPU_US / PERMILLE) / (s->cpu_us / PERMILLE);
        s->cpu_us = MEMORY_CPU_US;
    }
    s->source = SPEED_SEEN;
    s->pixels += pixels;
    s->cpu_us += cpu_us;
}

uint64_t speed_now(const struct speed *s)
{
    if (s->source == SPEED_FIXED) {
        return s->fixed;
    }
    if (s->source == SPEED_OFF || s->cpu_us == 0) {
        return 0;
    }
    uint64_t each = s->pixels < UINT64_MAX / US_PER_S ? s->pixels * US_PER_S / s->cpu_us
                                                      : s->pixels / s->cpu_us * US_PER_S;
    each = each < SPEED_EACH_MAX ? each : SPEED_EACH_MAX;
    uint64_t all = each * s->cores_permille / PERMILLE;
    all = all < SPEED_MAX ? all : SPEED_MAX;
    return all > 0 ? all : 1;
}

bool speed_is_news(const struct speed *s)
{
    uint64_t now = speed_now(s);
    uint64_t gap = now > s->announced ? now - s->announced : s->announced - now;
    return gap > s->announced / NEWS_PART;
}

uint64_t speed_announce(struct speed *s)
{
    s->announced = speed_now(s);
    return s->announced;
}

const char *speed_source_name(enum speed_source source)
{
    switch (source) {
    case SPEED_UNKNOWN:
        break;
    case SPEED_MEASURED:
        return "benchmark";
    case SPEED_SEEN:
        return "jobs";
    case SPEED_FIXED:
        return "flag";
    case SPEED_OFF:
        return "off";
    }
    return "unknown";
}
