/* Which playlist of a ladder is which. */
#ifndef PUBLISHER_TOOLS_JUDGE_LADDER_FIND_H
#define PUBLISHER_TOOLS_JUDGE_LADDER_FIND_H

#include "publisher-tools/judge_ladder.h"

/* The state of the playlist that a URI of the master leads to; NULL: it was not followed. */
const struct judge_state *judge_ladder_state(const struct judge_ladder *l, struct span uri);

/* The playlist of the audio group of a variant, the first one of the group; NULL: none. */
const struct judge_state *judge_ladder_audio(const struct judge_ladder *l,
                                             const struct judge_variant *v);

/* judge_master.c: the master's words against what is inside. */
void judge_master_contents(const struct judge_ladder *l);

#endif
