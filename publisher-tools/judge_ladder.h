/* The rules between the playlists of a master, and between a master and what is inside them
 * (rfc8216bis sections 4.4.6 and 6.2.4). Pure; judged once, at the end of a run. */
#ifndef PUBLISHER_TOOLS_JUDGE_LADDER_H
#define PUBLISHER_TOOLS_JUDGE_LADDER_H

#include "publisher-tools/judge_state.h"

struct judge_ladder {
    const char *url;                   /* of the master */
    const struct judge_list *master;   /* NULL: a media playlist was judged by itself */
    struct judge_state *const *states; /* each playlist once */
    size_t n_states;
    const struct judge_sink *sink;
};

/* A master playlist by itself. */
void judge_master_check(const struct judge_list *master, const char *url,
                        const struct judge_sink *sink);

void judge_ladder_check(const struct judge_ladder *l);

/* judge_frames.c: pictures that are missing inside of segments. What a variable rate leaves out, or
 * the source left out in all playlists, is none. */
void judge_frames_check(const struct judge_ladder *l);

/* Bits per second: the largest rate of successive segments that last half a target duration to one
 * and a half, and the mean of all; 0: nothing measured. */
int64_t judge_ladder_peak_bps(const struct judge_state *s);
int64_t judge_ladder_mean_bps(const struct judge_state *s);

/* Whether a name of CODECS stands for what a track holds ("avc1.4D401F" for "avc1.4d001f"). */
bool judge_ladder_codec_fits(struct span listed, const char *inside);

#endif
