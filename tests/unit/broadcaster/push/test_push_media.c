#include "broadcaster/push/push_media.h"

#include "base/mem.h"
#include "tests/support/unit.h"

enum { UPRIGHT, LEFT, SAYS_NOTHING };

static struct push_media file(int pictures_say, unsigned matrix)
{
    struct track_params p = {.kind = TRACK_VIDEO,
                             .codec = CODEC_H264,
                             .config = span_of("config", 6),
                             .width = 640,
                             .height = 360,
                             .turn.quarters = pictures_say == LEFT ? 3 : matrix};
    struct push_media m;
    push_media_init(&m);
    m.video = track_create(&p);
    m.turn_told = pictures_say != SAYS_NOTHING;
    m.turn_last.quarters = pictures_say == LEFT ? 3 : 0;
    return m;
}

/* Files one behind the other. */
static const struct {
    int pictures_say;
    unsigned matrix, quarters;
} files[] = {
    {SAYS_NOTHING, 0, 0}, {SAYS_NOTHING, 1, 1}, {SAYS_NOTHING, 0, 0}, /* the matrix is the file's */
    {LEFT, 0, 3},         {SAYS_NOTHING, 0, 3}, {SAYS_NOTHING, 0, 3}, {SAYS_NOTHING, 2, 2},
    {SAYS_NOTHING, 0, 3}, {UPRIGHT, 0, 0},      {SAYS_NOTHING, 0, 0},
};

START_TEST(what_was_said_last_holds)
{
    struct track_turn kept = {0};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct push_media m = file(files[i].pictures_say, files[i].matrix);
        ck_assert_int_eq(push_media_keep_turn(&m, &kept), ERR_OK);
        const struct track_params *p = track_params(m.video);
        ck_assert_msg(p->turn.quarters == files[i].quarters, "file %zu: %u", i, p->turn.quarters);
        ck_assert_int_eq(p->width, 640);
        ck_assert(span_equal(p->config, span_of("config", 6)));
        push_media_fini(&m);
    }
}
END_TEST

START_TEST(the_last_word_of_a_file)
{
    struct track_turn kept = {0};
    struct push_media m = file(LEFT, 0), next = file(SAYS_NOTHING, 0);
    m.turn_last = (struct track_turn){.quarters = 2, .mirrored = true};
    ck_assert_int_eq(push_media_keep_turn(&m, &kept), ERR_OK);
    ck_assert_int_eq(push_media_keep_turn(&next, &kept), ERR_OK);
    ck_assert_uint_eq(track_params(m.video)->turn.quarters, 3);
    ck_assert_uint_eq(track_params(next.video)->turn.quarters, 2);
    ck_assert(track_params(next.video)->turn.mirrored);
    push_media_fini(&m);
    push_media_fini(&next);
    push_media_init(&m);
    ck_assert_int_eq(push_media_keep_turn(&m, &kept), ERR_OK); /* sound alone */
    ck_assert_ptr_null(m.video);
    ck_assert_uint_eq(kept.quarters, 2);
}
END_TEST

START_TEST(no_memory)
{
    struct track_turn kept = {.quarters = 1};
    struct push_media m = file(SAYS_NOTHING, 0);
    mem_fail_nth(1);
    ck_assert_int_eq(push_media_keep_turn(&m, &kept), ERR_NOMEM);
    mem_fail_nth(0);
    ck_assert_uint_eq(track_params(m.video)->turn.quarters, 0);
    push_media_fini(&m);
    ck_assert_uint_eq(blob_live_bytes(), 0);
}
END_TEST

UNIT_MAIN("push_media", what_was_said_last_holds, the_last_word_of_a_file, no_memory)
