#include <inttypes.h>

#include "publisher-tools/judge_ladder.h"

#define IRREGULAR_MAX 3 /* odd steps in a segment; with more the rate is a variable one */
#define VARIES_LEAST  2 /* so many odd steps, */
#define VARIES_ONE_IN 5 /* in one segment of so many: the rate is a variable one */
#define TICKS_PER_MS  90.0

static const struct stream_facts *picture_of(const struct judge_seen *seen)
{
    return seen != NULL && seen->has_media && seen->facts.video.present ? &seen->facts.video : NULL;
}

static bool has_hole(const struct stream_facts *v)
{
    return v->left_out > 0 && v->irregular <= IRREGULAR_MAX && v->dts_faults == 0;
}

/* Screens, phones and variable sources: an odd step is nothing that is missing. */
static bool varies(const struct judge_state *s)
{
    size_t n = 0, odd = 0, steps = 0;
    bool much = false;
    for (size_t i = 0; i < s->n_seen; i++) {
        const struct stream_facts *v = picture_of(&s->seen[i]);
        n += v != NULL;
        odd += v != NULL && v->irregular > 0;
        steps += v != NULL ? v->irregular : 0;
        much = much || (v != NULL && v->irregular > IRREGULAR_MAX);
    }
    return much || (steps >= VARIES_LEAST && odd * VARIES_ONE_IN > n);
}

/* The first one has all of them there. */
static bool is_whole_in(const struct judge_state *first, const struct judge_seen *seen)
{
    const struct stream_facts *v = picture_of(judge_state_find(first, seen->number));
    return v != NULL && v->irregular == 0 && v->packets > seen->facts.video.packets;
}

/* All others have a hole there: it came with the source. */
static bool is_shared(const struct judge_ladder *l, const struct judge_state *s,
                      const struct judge_seen *seen)
{
    size_t n = 0, alike = 0;
    for (size_t i = 0; i < l->n_states; i++) {
        const struct judge_state *o = l->states[i];
        const struct stream_facts *v =
            o != s ? picture_of(judge_state_find(o, seen->number)) : NULL;
        n += v != NULL;
        alike += v != NULL && v->left_out > 0;
    }
    return n > 0 && alike == n;
}

static void check(const struct judge_ladder *l, const struct judge_state *first,
                  const struct judge_state *s)
{
    bool excused = varies(s);
    for (size_t i = 0; i < s->n_seen; i++) {
        const struct judge_seen *seen = &s->seen[i];
        const struct stream_facts *v = picture_of(seen);
        if (v == NULL || !has_hole(v) || is_shared(l, s, seen) ||
            (excused && (s == first || !is_whole_in(first, seen)))) {
            continue;
        }
        judge_say(l->sink, JUDGE_RULE_FRAMES_LOST, s->url, seen->line, span_cstr(seen->text),
                  "segment %" PRIu64 ": %u pictures are missing between its %u (the longest step "
                  "is %.1f ms)",
                  seen->number, v->left_out, v->packets, (double)v->longest_step / TICKS_PER_MS);
    }
}

void judge_frames_check(const struct judge_ladder *l)
{
    const struct judge_state *first = NULL;
    for (size_t i = 0; i < l->n_states; i++) {
        bool any = false;
        for (size_t k = 0; k < l->states[i]->n_seen && !any; k++) {
            any = picture_of(&l->states[i]->seen[k]) != NULL;
        }
        first = first == NULL && any ? l->states[i] : first;
        if (any) {
            check(l, first, l->states[i]);
        }
    }
}
