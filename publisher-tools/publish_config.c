#include "publisher-tools/publish_config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "publisher-tools/parse.h"
#include "publisher-tools/picture.h"
#include "publisher-tools/rtmp_url.h"

#define BITRATE_MIN 10000
#define BITRATE_MAX 200000000
#define FPS_MAX     240

struct flags {
    bool test;
    const char *file;
    const char *size;
    const char *fps;
    const char *bitrate;
    long keyint;
    long seconds;
    long copies;
    bool audio, loop, retry, json, version, help;
};

#define FIELD(f) offsetof(struct flags, f)

static const struct option table[] = {
    {"test", OPTION_BOOL, NULL, 0, 0, false, FIELD(test), NULL,
     "Publishes a moving test picture with a clock and a frame counter, and a tone."},
    {"file", OPTION_STRING, "", 0, 0, false, FIELD(file), "FILE",
     "Publishes this media file (H.264, AAC) in real time, as it is."},
    {"loop", OPTION_BOOL, NULL, 0, 0, false, FIELD(loop), NULL,
     "With -file: again from the start when it ends, without an end."},
    {"size", OPTION_STRING, "640x480", 0, 0, false, FIELD(size), "WxH",
     "With -test: the picture's size, even numbers."},
    {"fps", OPTION_STRING, "30", 0, 0, false, FIELD(fps), "N or N/D",
     "With -test: frames per second, such as 25 or 30000/1001."},
    {"bitrate", OPTION_STRING, "2000k", 0, 0, false, FIELD(bitrate), "RATE",
     "With -test: bits per second of the video, such as 800k or 2.5M."},
    {"keyint", OPTION_INT, "30", 1, 10000, false, FIELD(keyint), "FRAMES",
     "With -test: frames from one key frame to the next."},
    {"audio", OPTION_BOOL, "true", 0, 0, false, FIELD(audio), NULL,
     "With -test: -audio=false leaves the sound out."},
    {"seconds", OPTION_INT, "0", 0, 100000000, false, FIELD(seconds), "N",
     "Ends after so many seconds; 0: not by itself."},
    {"copies", OPTION_INT, "1", 1, PUBLISH_OUTPUTS_MAX, false, FIELD(copies), "N",
     "Publishes to N ids for each URL: id-1, id-2, ... id-N."},
    {"retry", OPTION_BOOL, NULL, 0, 0, false, FIELD(retry), NULL,
     "Connects again, for ever, when a connection is refused or lost."},
    {"json", OPTION_BOOL, NULL, 0, 0, false, FIELD(json), NULL,
     "Prints a JSON object per second and one at the end."},
    {"version", OPTION_BOOL, NULL, 0, 0, false, FIELD(version), NULL,
     "Prints the version and ends."},
    {"help", OPTION_BOOL, NULL, 0, 0, false, FIELD(help), NULL, "Prints this and ends."},
};
#define N_OPTIONS (sizeof table / sizeof table[0])

void publish_usage(FILE *out)
{
    options_usage(out, "publish", table, N_OPTIONS, NULL);
    fprintf(out, "  RTMP-URL ...\n      One or more, such as rtmp://127.0.0.1:1935/hello_world\n");
}

static enum err wrong(char *ret_why, const char *format, const char *value)
{
    snprintf(ret_why, OPTIONS_WHY_MAX, format, value);
    return ERR_PROTO;
}

static enum err read_test_source(const struct flags *f, struct test_source_config *k, char *ret_why)
{
    k->audio = f->audio;
    k->keyint = (int)f->keyint;
    if (parse_size(f->size, &k->width, &k->height) != ERR_OK || k->width % 2 != 0 ||
        k->height % 2 != 0 || k->width < PICTURE_SIDE_MIN || k->height < PICTURE_SIDE_MIN ||
        k->width > PICTURE_SIDE_MAX || k->height > PICTURE_SIDE_MAX) {
        return wrong(ret_why, "-size takes WxH, even numbers from 64 to 8192, not \"%s\"", f->size);
    }
    if (parse_ratio(f->fps, &k->fps_num, &k->fps_den) != ERR_OK ||
        k->fps_num > (int64_t)FPS_MAX * k->fps_den || k->fps_num < k->fps_den) {
        return wrong(ret_why, "-fps takes 1 to 240, as 30 or as 30000/1001, not \"%s\"", f->fps);
    }
    if (parse_bitrate(f->bitrate, &k->bitrate_bps) != ERR_OK || k->bitrate_bps < BITRATE_MIN ||
        k->bitrate_bps > BITRATE_MAX) {
        return wrong(ret_why, "-bitrate takes 10k to 200M, such as 800k or 2.5M, not \"%s\"",
                     f->bitrate);
    }
    return ERR_OK;
}

static enum err add_url(struct publish_config *c, const char *url, long copies, char *ret_why)
{
    char shown[RTMP_URL_MAX];
    if (rtmp_url_check(url) != ERR_OK) {
        return wrong(ret_why, "\"%.300s\" is not a URL like rtmp://host:1935/id", url);
    }
    rtmp_url_shown(url, shown);
    for (long i = 1; i <= copies; i++) {
        char text[RTMP_URL_MAX];
        if (c->n_urls == PUBLISH_OUTPUTS_MAX) {
            return wrong(ret_why, "more than 256 outputs%s", "");
        }
        if (rtmp_url_copy(url, i, copies, text) != ERR_OK) {
            return wrong(ret_why, "%.300s is too long", shown);
        }
        c->urls[c->n_urls++] = mem_strdup(text);
    }
    return ERR_OK;
}

static enum err read_flags(const struct flags *f, const struct args *a, struct publish_config *c,
                           char *ret_why)
{
    *c = (struct publish_config){.use_test = f->test,
                                 .file = f->file,
                                 .loop = f->loop,
                                 .retry = f->retry,
                                 .json = f->json,
                                 .version = f->version,
                                 .help = f->help,
                                 .seconds = f->seconds};
    if (c->version || c->help) {
        return ERR_OK;
    }
    if (f->test == (f->file[0] != '\0')) {
        return wrong(ret_why, "what to publish? Either -test or -file FILE%s", "");
    }
    if (f->loop && f->test) {
        return wrong(ret_why, "-loop goes with -file%s", "");
    }
    if (a->n_others == 0) {
        return wrong(ret_why, "where to? Give a URL like rtmp://127.0.0.1:1935/hello_world%s", "");
    }
    enum err e = read_test_source(f, &c->test_source, ret_why);
    for (int i = 0; e == ERR_OK && i < a->n_others; i++) {
        e = add_url(c, a->others[i], f->copies, ret_why);
    }
    return e;
}

enum err publish_config_read(int argc, char **argv, struct publish_config *ret_config,
                             char *ret_why)
{
    struct args a;
    struct flags f = {0};
    struct publish_config c = {0};
    args_init(&a, table, N_OPTIONS, argc, argv);
    enum err e = options_parse(table, N_OPTIONS, a.n_flags, a.flags, &f, ret_why);
    if (e == ERR_OK) {
        e = read_flags(&f, &a, &c, ret_why);
    }
    args_fini(&a);
    if (e != ERR_OK) {
        publish_config_fini(&c);
        return ERR_PROTO;
    }
    *ret_config = c;
    return ERR_OK;
}

void publish_config_fini(struct publish_config *c)
{
    for (size_t i = 0; i < c->n_urls; i++) {
        mem_free(c->urls[i]);
    }
    c->n_urls = 0;
}
