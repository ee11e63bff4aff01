/* What a viewer gets below /stream/ID/live.m3u8: fMP4, picture and sound apart. */
#include "base/mem.h"
#include "broadcaster/packager.h"
#include "broadcaster/playlist_live.h"
#include "broadcaster/viewers_answer_internal.h"

void answer_live_master(struct answer *a, struct board *board, struct hls_ask *ask)
{
    struct variant list[BOARD_RENDITIONS_MAX];
    answer_resolve(board, ask);
    size_t n = board_variants(board, ask->id, list, BOARD_RENDITIONS_MAX);
    enum err e =
        n > 0 ? playlist_live_master(&a->text, ask->current ? ask->id : NULL, list, n) : ERR_OK;
    if (n == 0) {
        answer_no_stream(a, ask);
    } else if (e == ERR_NOENT) {
        answer_say(a, 404, "Stream \"%s\" has neither picture nor sound yet.", ask->id, "");
    } else {
        answer_playlist(a, e);
    }
}

/* The hash of a segment's initialisation section; 0: there is nothing of this kind in it. */
static enum err init_hash(struct segment *s, const struct hls_ask *ask, uint64_t *ret_hash)
{
    const struct answer_form *form = answer_form_of(ask);
    struct blob *init = NULL;
    enum err e = segment_container(s, form->form, form->make, &init);
    if (e == ERR_NOMEM) {
        return e;
    }
    *ret_hash = e == ERR_OK ? packager_hash(blob_span(init)) : 0;
    blob_unref(init);
    return ERR_OK;
}

static enum err put_live_media(struct answer *a, const struct window *w, const struct hls_ask *ask)
{
    uint64_t *inits = mem_alloc((w->listed + 1) * sizeof *inits);
    bool any = false;
    enum err e = ERR_OK;
    for (size_t i = 0; i < w->listed && e == ERR_OK; i++) {
        struct segment *s = w->segments[w->count - w->listed + i];
        e = init_hash(s, ask, &inits[i]);
        any = any || inits[i] != 0 || segment_info(s)->gap; /* what is away may come back */
    }
    if (e == ERR_OK) {
        e = any ? playlist_live_media(&a->text, w, inits, hls_is_audio(ask->rendition)) : ERR_NOENT;
    }
    mem_free(inits);
    return e;
}

void answer_live_media(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct window *w = answer_live_window(a, board, ask);
    if (w == NULL) {
        return;
    }
    enum err e = put_live_media(a, w, ask);
    if (e == ERR_NOENT) {
        answer_say(
            a, 404,
            hls_is_audio(ask->rendition)
                ? "There is no sound in rendition \"%s\" of stream \"%s\" now."
                : "There is no picture in rendition \"%s\" of stream \"%s\" now: its sound is in "
                  "rendition \"" HLS_AUDIO "\".",
            ask->rendition, ask->id);
    } else {
        answer_playlist(a, e);
        answer_playlist_age(a, w);
    }
    window_unref(w);
}

void answer_live_init(struct answer *a, struct board *board, const struct hls_ask *ask)
{
    struct window *w = answer_live_window(a, board, ask);
    if (w == NULL) {
        return;
    }
    enum err e = ERR_NOENT;
    for (size_t i = w->count; i > 0 && e == ERR_NOENT; i--) {
        uint64_t hash = 0;
        if (init_hash(w->segments[i - 1], ask, &hash) == ERR_OK && hash == ask->hash) {
            answer_container(a, w->segments[i - 1], ask);
            e = ERR_OK;
        }
    }
    if (e != ERR_OK) {
        answer_say(
            a, 404,
            "No segment of rendition \"%s\" of stream \"%s\" that is still here begins with that.",
            ask->rendition, ask->id);
    }
    window_unref(w);
}
