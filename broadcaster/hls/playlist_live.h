/* Writing the playlists of fMP4 (RFC 8216 and the draft of its second edition):
 * /stream/ID/live.m3u8 and those below it. Picture and sound apart: each rendition's picture, and
 * the sound as a group of its own that all of them share. Pure. */
#ifndef BROADCASTER_HLS_PLAYLIST_LIVE_H
#define BROADCASTER_HLS_PLAYLIST_LIVE_H

#include "base/buf.h"
#include "base/err.h"
#include "broadcaster/stream/board.h"

/* Adds "/stream/ID/live.m3u8" with the id percent-encoded. */
enum err playlist_put_live_path(struct buf *out, const char *id) CHECKED;

/* Adds the master playlist: the sound in groups, a variant for each rendition that has a picture,
 * in their order, and the sound alone as the last variant. The first sound is that of the first
 * rendition; renditions that are audio tracks themselves (hls_is_audio) come behind it by their
 * numbers. A group's members have one codec: for each further codec there is a group of its own,
 * and all variants once more. The draft (rfc8216bis, 4.4.6.1.1) wants the same members in all
 * groups, which only those of light sound have: a group with members of several codecs has to name
 * all in CODECS, and a player that lacks one of them (AC-3 in Chrome) plays none of it, the first
 * sound neither. from: the id of the stream when the playlist is read at another one's place
 * ("current"), or NULL; URIs are relative. ERR_NOENT: there is neither a picture nor sound;
 * ERR_LIMIT, ERR_NOMEM: out keeps what it had. */
enum err playlist_live_master(struct buf *out, const char *from, const struct variant *list,
                              size_t n) CHECKED;

/* What EXT-X-RENDITION-REPORT says of another live playlist of the stream. */
struct live_report {
    char name[RENDITION_NAME_MAX + 1];
    uint64_t msn;
    bool has_part;
    uint32_t part;
};

struct live_media {
    const struct window *window;
    enum track_kind kind;  /* of sound all segments are independent */
    const uint64_t *inits; /* for each of the window's listed_live segments the hash in its
                              initialisation section's address; 0: there is nothing of this kind
                              in it, which is a gap */
    uint64_t open_init;    /* that of the parts behind them */
    const struct live_report *reports;
    size_t n_reports;
    bool skip; /* a delta update, where it leaves something out */
};

/* Adds the media playlist, with relative URIs; of low-latency HLS (draft-pantos-hls-rfc8216bis)
 * when there are parts in the window's lane. ERR_LIMIT, ERR_NOMEM: out keeps what it had. */
enum err playlist_live_media(struct buf *out, const struct live_media *m) CHECKED;

#endif
