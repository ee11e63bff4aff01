/* The flags of bin/publish, read and checked. Pure. */
#ifndef PUBLISHER_TOOLS_PUBLISH_CONFIG_H
#define PUBLISHER_TOOLS_PUBLISH_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "publisher-tools/args.h"
#include "publisher-tools/source.h"

#define PUBLISH_OUTPUTS_MAX 256

struct publish_config {
    struct test_source_config test_source;
    bool use_test;
    const char *file; /* "" with use_test */
    bool loop;
    bool retry;
    bool json;
    bool version;
    bool help;
    long seconds; /* 0: no end */
    char *urls[PUBLISH_OUTPUTS_MAX];
    size_t n_urls;
};

/* argv is borrowed for as long as the config lives; gives the urls (publish_config_fini).
 * ERR_PROTO: ret_why (of OPTIONS_WHY_MAX) says what is wrong. */
enum err publish_config_read(int argc, char **argv, struct publish_config *ret_config,
                             char *ret_why) CHECKED;
void publish_config_fini(struct publish_config *c);

void publish_usage(FILE *out);

#endif
