/* Any text is a ladder of rungs that can be made, each under a name of its own, which says the same
 * when it is written again; or a sentence without control characters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broadcaster/jobs/ladder_json.h"

#define TEXT_MAX (PROFILE_LADDER_MAX * 512)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok) {
        abort();
    }
}

static const char *h264_name(enum profile_h264 h264)
{
    static const char *const names[] = {"None", "H264Baseline", "H264Main", "H264High",
                                        "H264ConstrainedHigh"};
    must((size_t)h264 < sizeof names / sizeof names[0]);
    return names[h264];
}

static size_t write_rung(const struct profile *p, char *out, size_t size)
{
    char gop[32] = "intra";
    if (p->gop_ms != PROFILE_GOP_INTRA) {
        snprintf(gop, sizeof gop, "%d.%03d", p->gop_ms / 1000, p->gop_ms % 1000);
    }
    int n = snprintf(out, size,
                     "{\"name\":\"%s\",\"width\":%d,\"height\":%d,\"bitrate\":%d,\"fps\":%d,"
                     "\"fpsDen\":%d,\"profile\":\"%s\",\"gop\":\"%s\",\"quality\":%d,"
                     "\"preset\":\"%s\"}",
                     p->name, p->width, p->height, p->bitrate_bps, p->fps_num, p->fps_den,
                     h264_name(p->h264), gop, p->quality, p->preset);
    must(n > 0 && (size_t)n < size);
    return (size_t)n;
}

static void check_same(const struct profile *a, const struct profile *b)
{
    must(strcmp(a->name, b->name) == 0 && strcmp(a->preset, b->preset) == 0);
    must(a->width == b->width && a->height == b->height && a->bitrate_bps == b->bitrate_bps);
    must(a->fps_num == b->fps_num && a->fps_den == b->fps_den);
    must(a->h264 == b->h264 && a->gop_ms == b->gop_ms && a->quality == b->quality);
}

static void check_again(const struct ladder *l)
{
    static char text[TEXT_MAX];
    char why[LADDER_WHY_MAX];
    struct ladder again;
    size_t len = 0;
    for (size_t i = 0; i < l->n; i++) {
        text[len++] = i == 0 ? '[' : ',';
        len += write_rung(&l->rungs[i], text + len, sizeof text - len);
    }
    text[len++] = ']';
    struct span s = span_of((const uint8_t *)text, len);
    must(ladder_json_read(s, &again, why) == ERR_OK && again.n == l->n);
    for (size_t i = 0; i < l->n; i++) {
        check_same(&l->rungs[i], &again.rungs[i]);
    }
}

static void check(const struct ladder *l)
{
    must(l->n > 0 && l->n <= PROFILE_LADDER_MAX);
    for (size_t i = 0; i < l->n; i++) {
        struct profile p = l->rungs[i];
        const char *why;
        must(ladder_check(&p, &why) == ERR_OK);
        check_same(&p, &l->rungs[i]);
        for (size_t k = 0; k < i; k++) {
            must(strcmp(l->rungs[k].name, p.name) != 0);
        }
    }
    check_again(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ladder l;
    char why[LADDER_WHY_MAX] = "";
    if (ladder_json_read(span_of(data, size), &l, why) == ERR_OK) {
        check(&l);
        return 0;
    }
    must(why[0] != '\0' && memchr(why, '\0', sizeof why) != NULL);
    for (const char *c = why; *c != '\0'; c++) {
        must((unsigned char)*c >= ' ');
    }
    return 0;
}
