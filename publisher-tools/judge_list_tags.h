/* What each tag means: the part of reading a playlist behind its lines (judge_list.c). */
#ifndef PUBLISHER_TOOLS_JUDGE_LIST_TAGS_H
#define PUBLISHER_TOOLS_JUDGE_LIST_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "publisher-tools/judge_list.h"

struct judge_reader {
    struct judge_list *list;
    unsigned line;
    struct judge_segment next; /* what is known of the segment whose URI is still to come */
    bool has_inf, has_variant;
    struct judge_variant variant;
    uint64_t range_end; /* where the last EXT-X-BYTERANGE ended */
    uint64_t timeline;
    size_t map; /* the map in force + 1; 0: none */
};

/* Makes room for item n of an array; ERR_LIMIT, ERR_NOMEM. */
enum err judge_reader_grow(void **items, size_t n, size_t item_size) CHECKED;
void judge_reader_complain(struct judge_reader *r, enum judge_rule rule, const char *words);

void judge_reader_begin(struct judge_reader *r);
bool judge_reader_has_attributes(struct span tag_name);
enum err judge_reader_tag(struct judge_reader *r, const struct judge_tag *t) CHECKED;
enum err judge_reader_uri(struct judge_reader *r, struct span uri) CHECKED;
void judge_reader_end(struct judge_reader *r);

#endif
