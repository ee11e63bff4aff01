#include "broadcaster/media/media_types.h"

#include "tests/support/unit.h"

static void is(const char *path, const char *type, enum media_kind kind)
{
    ck_assert_str_eq(media_type_of(path)->type, type);
    ck_assert_int_eq(media_type_of(path)->kind, kind);
}

START_TEST(endings)
{
    is("a.mp4", "video/mp4", MEDIA_KIND_VIDEO);
    is("x.y/a.b.MP4", "video/mp4", MEDIA_KIND_VIDEO);
    is("a.mp3", "audio/mpeg", MEDIA_KIND_AUDIO);
    is("a.m4a", "audio/mp4", MEDIA_KIND_AUDIO);
    is("a.ts", "video/mp2t", MEDIA_KIND_VIDEO);
    is("a.m4s", "video/iso.segment", MEDIA_KIND_PIECE);
    is("a.m3u8", "application/vnd.apple.mpegurl", MEDIA_KIND_PLAYLIST);
    is("a.mpd", "application/dash+xml", MEDIA_KIND_PLAYLIST);
    is("a.vtt", "text/vtt; charset=utf-8", MEDIA_KIND_OTHER);
    is("a.jpeg", "image/jpeg", MEDIA_KIND_OTHER);
}
END_TEST

START_TEST(what_is_not_known_is_bytes)
{
    static const char *const paths[] = {"",        "a",    "a.",     "mp4",    "x.mp4/a",
                                        "a.mp4.x", "a/b.", "a.html", "a.svg",  "a.js",
                                        "a.xhtml", "a.mp", "a.mp44", "a.mp4 ", "a.xml"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        is(paths[i], "application/octet-stream", MEDIA_KIND_OTHER);
    }
}
END_TEST

UNIT_MAIN("media_types", endings, what_is_not_known_is_bytes)
