/* Writing HLS playlists (RFC 8216; EXT-X-GAP of its second edition), word for word as the players
 * and scripts of the known system expect them. Pure. */
#ifndef BROADCASTER_HLS_PLAYLIST_H
#define BROADCASTER_HLS_PLAYLIST_H

#include "base/buf.h"
#include "base/err.h"
#include "broadcaster/stream/board.h"

#define PLAYLIST_TYPE "application/vnd.apple.mpegurl" /* RFC 8216, section 4 */

/* Adds text with every byte outside of RFC 3986's "unreserved" percent-encoded. */
enum err playlist_put_escaped(struct buf *out, const char *text) CHECKED;

/* Adds "/stream/ID.m3u8" with the id percent-encoded. */
enum err playlist_put_master_path(struct buf *out, const char *id) CHECKED;

/* Adds the master playlist: one variant per item, in their order, with URIs relative to /stream/.
 * Left out is what has no segment yet, and that of which MPEG-TS can carry nothing; that of which
 * it can carry the sound alone stands behind the others. ERR_NOENT: none is left; ERR_LIMIT,
 * ERR_NOMEM. out keeps what it had then. */
enum err playlist_master(struct buf *out, const char *id, const struct variant *list,
                         size_t n) CHECKED;

/* Adds the EXTINF line of a segment: milliseconds, cut on one grid from the segments' start times,
 * so that their sum does not drift. */
enum err playlist_put_extinf(struct buf *out, const struct segment_info *info) CHECKED;

/* Adds the EXT-X-PROGRAM-DATE-TIME line: UTC, with milliseconds. */
enum err playlist_put_program_date_time(struct buf *out, int64_t wall_ms) CHECKED;

/* Adds the text of a playlist of ours with the query behind each of its addresses (which have none
 * yet). query: see hls_query_parse. ERR_LIMIT, ERR_NOMEM: out keeps what it had. */
enum err playlist_put_with_query(struct buf *out, struct span text, const char *query) CHECKED;

/* Adds the media playlist of the window's listed segments, with URIs from the root. dated: with
 * the first segment's wall clock, and anew behind each discontinuity. ERR_LIMIT, ERR_NOMEM: out
 * keeps what it had. */
enum err playlist_media(struct buf *out, const char *id, const char *rendition,
                        const struct window *w, bool dated) CHECKED;

#endif
