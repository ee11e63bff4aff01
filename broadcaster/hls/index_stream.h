/* One stream as the index lists it: what index_json and playlist_index write of it. */
#ifndef BROADCASTER_HLS_INDEX_STREAM_H
#define BROADCASTER_HLS_INDEX_STREAM_H

#include "broadcaster/stream/board.h"

struct index_stream {
    const char *id;
    struct board_facts facts;
    const struct variant *variants; /* in the order of the board: the source first */
    size_t n_variants;
    unsigned viewers;
};

#endif
