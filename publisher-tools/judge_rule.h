/* The judge's rules: names that scripts may rely on, how grave a breach is, and what the
 * specification asks. Sections are those of rfc8216bis (draft-pantos-hls-rfc8216bis-16); "Apple" is
 * the HLS authoring specification for Apple devices. Pure, any thread. */
#ifndef PUBLISHER_TOOLS_JUDGE_RULE_H
#define PUBLISHER_TOOLS_JUDGE_RULE_H

#include <stddef.h>

#include "base/span.h"

#define JUDGE_WORDS_MAX 512

enum judge_severity { JUDGE_WARNING, JUDGE_ERROR };

#define JUDGE_RULES(X)                                                                             \
    /* one playlist by itself */                                                                   \
    X(UNREACHABLE, "playlist-unreachable", ERROR, "6.2.1", "a playlist answers with 200")          \
    X(SYNTAX, "playlist-syntax", ERROR, "4.1, 4.2",                                                \
      "lines, tags and attributes follow the grammar")                                             \
    X(VERSION, "version-too-low", ERROR, "4.4.1.2, 7",                                             \
      "EXT-X-VERSION covers every tag that is used")                                               \
    X(TARGET_MISSING, "target-duration-missing", ERROR, "4.4.3.1",                                 \
      "a media playlist has one EXT-X-TARGETDURATION")                                             \
    X(EXTINF_OVER, "extinf-over-target", ERROR, "4.4.3.1",                                         \
      "each EXTINF, rounded to seconds, is at most the target duration")                           \
    X(MAP_MISSING, "map-missing", ERROR, "3.1.2, 4.4.4.5",                                         \
      "an fMP4 segment has an EXT-X-MAP in front of it")                                           \
    X(URI, "uri", ERROR, "4.1, 4.2", "every URI resolves to an http or https address")             \
    X(QUERY_LEAKED, "hls-query-leaked", ERROR, "6.2.5",                                            \
      "_HLS_ directives of a request do not appear in URIs of the answer")                         \
    X(PART_TARGET_MISSING, "part-target-missing", ERROR, "4.4.3.7",                                \
      "a playlist with EXT-X-PART has EXT-X-PART-INF")                                             \
    X(PART_LONG, "part-too-long", ERROR, "4.4.4.9",                                                \
      "a part lasts at most the part target duration")                                             \
    X(PART_SHORT, "part-too-short", ERROR, "4.4.4.9",                                              \
      "a part lasts at least 85 % of the part target, but for a segment's last, independent "      \
      "ones, "                                                                                     \
      "those at gaps and where pictures come at a variable rate")                                  \
    X(PART_SUM, "parts-differ-from-extinf", ERROR, "4.4.4.9",                                      \
      "the parts of a segment last as long as the segment")                                        \
    X(PARTS_OLD, "parts-too-old", WARNING, "6.2.2",                                                \
      "parts are listed only within three target durations of the end")                            \
    X(PHB_MISSING, "part-hold-back-missing", ERROR, "4.4.3.8",                                     \
      "a playlist with EXT-X-PART-INF tells PART-HOLD-BACK")                                       \
    X(PHB_SMALL, "part-hold-back-too-small", ERROR, "4.4.3.8",                                     \
      "PART-HOLD-BACK is at least twice the part target")                                          \
    X(PHB_TIGHT, "part-hold-back-tight", WARNING, "4.4.3.8",                                       \
      "PART-HOLD-BACK should be at least three times the part target")                             \
    X(HB_SMALL, "hold-back-too-small", ERROR, "4.4.3.8",                                           \
      "HOLD-BACK is at least three times the target duration")                                     \
    X(SKIP_SMALL, "can-skip-until-too-small", ERROR, "4.4.3.8",                                    \
      "CAN-SKIP-UNTIL is at least six times the target duration")                                  \
    X(BLOCK_MISSING, "can-block-reload-missing", ERROR, "4.4.3.8, B.1",                            \
      "a low-latency playlist tells CAN-BLOCK-RELOAD=YES")                                         \
    X(HINT_MISSING, "preload-hint-missing", ERROR, "4.4.5.3, B.1",                                 \
      "a live low-latency playlist hints at its next part")                                        \
    X(REPORT_MISSING, "rendition-report-missing", ERROR, "4.4.5.4, B.1",                           \
      "a low-latency playlist reports on each other playlist of the master")                       \
    X(REPORT_WRONG, "rendition-report-wrong", ERROR, "4.4.5.4",                                    \
      "a rendition report names a playlist of the master and where it really is")                  \
    X(DATE_MISSING, "program-date-time-missing", WARNING, "4.4.4.6, B.1",                          \
      "a low-latency playlist has EXT-X-PROGRAM-DATE-TIME")                                        \
    /* a playlist over time */                                                                     \
    X(TARGET_CHANGED, "target-duration-changed", ERROR, "6.2.1",                                   \
      "the target duration stays the same for the life of a playlist")                             \
    X(PART_TARGET_CHANGED, "part-target-changed", ERROR, "4.4.3.7, 6.2.1",                         \
      "the part target stays the same for the life of a playlist")                                 \
    X(SEQUENCE_BACK, "media-sequence-went-back", ERROR, "6.2.2",                                   \
      "EXT-X-MEDIA-SEQUENCE never falls")                                                          \
    X(DISCONTINUITY, "discontinuity-sequence", ERROR, "4.4.3.3, 6.2.2",                            \
      "EXT-X-DISCONTINUITY-SEQUENCE counts each EXT-X-DISCONTINUITY that left")                    \
    X(REWRITTEN, "segment-rewritten", ERROR, "6.2.1",                                              \
      "the tags of a listed segment or part stay as they are")                                     \
    X(VANISHED, "segment-vanished", ERROR, "6.2.1, 6.2.2",                                         \
      "segments leave a playlist at its beginning only")                                           \
    X(REMOVED_EARLY, "segment-removed-too-early", ERROR, "6.2.2",                                  \
      "a segment leaves only when three target durations remain")                                  \
    X(ENDED_BACK, "endlist-taken-back", ERROR, "4.4.3.4, 6.2.1",                                   \
      "nothing changes behind EXT-X-ENDLIST")                                                      \
    X(LATE, "playlist-late", WARNING, "6.2.1",                                                     \
      "a new segment comes within one and a half target durations")                                \
    X(STALE, "playlist-stale", ERROR, "6.2.1, 4.4.3.4",                                            \
      "a live playlist goes on, or ends with EXT-X-ENDLIST")                                       \
    X(DATE_DRIFT, "pdt-drift", ERROR, "4.4.4.6", "dates advance as the media between them lasts")  \
    X(GAP, "gap", WARNING, "4.4.4.7", "media is there")                                            \
    /* low latency over HTTP */                                                                    \
    X(EARLY, "blocking-reload-answers-early", ERROR, "6.2.5.2",                                    \
      "a blocked reload answers with the segment or part that was asked for")                      \
    X(HELD_LONG, "blocking-reload-held-too-long", ERROR, "6.2.5.2",                                \
      "a blocked reload ends, with 503 if it must, within three target durations")                 \
    X(RELOAD_REFUSED, "blocking-reload-refused", ERROR, "6.2.5.2",                                 \
      "asking for the next part, or one past a segment's end, is answered")                        \
    X(FAR_AHEAD, "far-ahead-not-400", ERROR, "6.2.5.2",                                            \
      "asking more than two segments or three seconds of parts ahead gets 400 at once")            \
    X(PART_ALONE, "part-without-msn-not-400", WARNING, "6.2.5.2",                                  \
      "_HLS_part without _HLS_msn gets 400")                                                       \
    X(SKIP_WINDOW, "skip-window", ERROR, "4.4.5.2, 6.2.5.1",                                       \
      "a delta update leaves out only segments older than CAN-SKIP-UNTIL")                         \
    X(DELTA_DIFFERS, "delta-differs", ERROR, "6.2.5.1",                                            \
      "a delta update, merged, is the full playlist")                                              \
    X(HINT_BROKEN, "preload-hint-broken", WARNING, "4.4.5.3",                                      \
      "what is hinted at becomes the next part")                                                   \
    X(HINT_NOT_HELD, "preload-hint-not-held", ERROR, "6.2.6",                                      \
      "a GET of the hinted part waits until it is there")                                          \
    /* HTTP */                                                                                     \
    X(CONTENT_TYPE, "content-type", ERROR, "4, 3.1", "the Content-Type fits")                      \
    X(CORS, "cors-missing", WARNING, "Apple 9, Fetch",                                             \
      "every answer, of errors too, lets other sites' pages read it")                              \
    X(CACHE, "cache-control", WARNING, "6.2.1, B.1",                                               \
      "caches keep segments long, a playlist for half a target duration, a 404 a second")          \
    X(GZIP, "gzip-missing", WARNING, "Apple 9, B.1", "playlists come compressed when asked")       \
    X(ETAG, "etag-missing", WARNING, "RFC 9110 8.8.3",                                             \
      "playlists, segments, parts and maps have an ETag")                                          \
    X(RANGE, "range-refused", WARNING, "RFC 9110 14.2", "part of a segment can be asked for")      \
    X(HEAD, "head-refused", WARNING, "RFC 9110 9.3.2", "HEAD answers like GET")                    \
    X(SEGMENT_MISSING, "segment-unreachable", ERROR, "6.2.1",                                      \
      "whatever a playlist lists can be fetched")                                                  \
    X(CHANGED_BYTES, "segment-changed-bytes", ERROR, "6.2.1, 3.1",                                 \
      "the same URI gives the same bytes")                                                         \
    X(MAP_CHANGED, "map-same-uri-new-bytes", ERROR, "4.4.4.5, 6.2.1",                              \
      "another initialisation section has another URI")                                            \
    X(PARTS_BYTES, "parts-differ-from-segment", ERROR, "4.4.4.9, 6.2.2",                           \
      "the parts of a segment hold the media of the segment")                                      \
    X(GONE_EARLY, "segment-gone-too-early", ERROR, "6.2.2",                                        \
      "a segment stays for its and the playlist's duration after it left")                         \
    /* media */                                                                                    \
    X(UNREADABLE, "segment-unreadable", ERROR, "3.1", "a segment holds media of a known form")     \
    X(DECODE, "decode-error", ERROR, "3.1", "all of it decodes")                                   \
    X(FRAMES_LOST, "frames-lost", ERROR, "3, 4.4.4.1",                                             \
      "there are as many frames as duration and rate ask for, where the rate is not a variable "   \
      "one and not all playlists lack them")                                                       \
    X(EXTINF_WRONG, "extinf-wrong", ERROR, "4.4.4.1", "EXTINF is what the media lasts")            \
    X(TIMES, "timestamps-not-rising", ERROR, "3",                                                  \
      "decoding times rise inside and across segments")                                            \
    X(JOIN_GAP, "timestamp-gap-at-join", ERROR, "3, 4.4.4.3",                                      \
      "media goes on where it ended, unless EXT-X-DISCONTINUITY says otherwise")                   \
    X(TRACKS, "tracks-changed", ERROR, "4.4.4.3",                                                  \
      "tracks, codecs and picture size change at EXT-X-DISCONTINUITY only")                        \
    X(INDEPENDENT, "independent-claim-false", ERROR, "4.4.2.1, 4.4.4.9",                           \
      "a segment said to be independent begins with a key frame, a part has one")                  \
    X(INDEPENDENT_UNTOLD, "independent-not-told", WARNING, "4.4.4.9",                              \
      "a part that holds a key frame tells INDEPENDENT=YES")                                       \
    X(APART, "audio-video-apart", ERROR, "3, 6.2.4",                                               \
      "sound and picture of a segment begin and end together")                                     \
    X(TS_FORM, "ts-form", ERROR, "3.1.1",                                                          \
      "an MPEG-TS segment begins with PAT and PMT and keeps its continuity counters")              \
    /* the master and its ladder */                                                                \
    X(BANDWIDTH_MISSING, "bandwidth-missing", ERROR, "4.4.6.2", "each variant tells BANDWIDTH")    \
    X(BANDWIDTH, "bandwidth-exceeded", ERROR, "4.4.6.2",                                           \
      "BANDWIDTH is at least the measured peak, audio group included")                             \
    X(BANDWIDTH_HIGH, "bandwidth-too-high", WARNING, "Apple 9",                                    \
      "BANDWIDTH of what is there as a whole is at most a tenth over the measured peak")           \
    X(AVERAGE_MISSING, "average-bandwidth-missing", WARNING, "4.4.6.2, Apple 9",                   \
      "each variant tells AVERAGE-BANDWIDTH")                                                      \
    X(AVERAGE, "average-bandwidth-exceeded", WARNING, "4.4.6.2",                                   \
      "AVERAGE-BANDWIDTH is what was measured over the run")                                       \
    X(CODECS_MISSING, "codecs-missing", WARNING, "4.4.6.2", "each variant tells CODECS")           \
    X(CODECS, "codecs-wrong", ERROR, "4.4.6.2, RFC 6381", "CODECS lists what is really inside")    \
    X(RESOLUTION_MISSING, "resolution-missing", WARNING, "4.4.6.2, Apple 9",                       \
      "a variant with pictures tells RESOLUTION")                                                  \
    X(RESOLUTION, "resolution-wrong", ERROR, "4.4.6.2", "RESOLUTION is the real picture size")     \
    X(RATE_MISSING, "frame-rate-missing", WARNING, "4.4.6.2, Apple 9",                             \
      "a variant with pictures tells FRAME-RATE")                                                  \
    X(RATE, "frame-rate-wrong", ERROR, "4.4.6.2", "FRAME-RATE is the real rate to three places")   \
    X(CAPTIONS, "captions-not-told", WARNING, "4.4.6.2, Apple 9",                                  \
      "a variant without captions tells CLOSED-CAPTIONS=NONE")                                     \
    X(CAPTIONS_DIFFER, "captions-differ", ERROR, "4.4.6.2",                                        \
      "CLOSED-CAPTIONS=NONE stands in all variants, those of sound alone too, or in none")         \
    X(VIDEO_RANGE, "video-range-missing", ERROR, "4.4.6.2, Apple 9",                               \
      "a variant of high dynamic range tells VIDEO-RANGE")                                         \
    X(GROUP, "rendition-group", ERROR, "4.4.6.1, 4.4.6.2",                                         \
      "a group that is referred to exists, and its tags are whole")                                \
    X(TARGETS_DIFFER, "variants-target-differs", ERROR, "6.2.4",                                   \
      "all playlists of a master have the same target duration")                                   \
    X(NOT_ALIGNED, "variants-not-aligned", ERROR, "6.2.4",                                         \
      "all variants have the same content at the same times, cut at the same places")              \
    X(DISCONTINUITIES_DIFFER, "variants-discontinuities-differ", ERROR, "6.2.4",                   \
      "all variants have the same discontinuities with the same numbers")                          \
    X(DATES_DIFFER, "pdt-differs", ERROR, "6.2.4",                                                 \
      "dates of the same content are the same in all playlists, or in none")

enum judge_rule {
#define X(id, name, severity, section, asks) JUDGE_RULE_##id,
    JUDGE_RULES(X)
#undef X
        JUDGE_RULE_COUNT_
};

struct judge_rule_facts {
    const char *name;
    enum judge_severity severity;
    const char *section;
    const char *asks;
};

const struct judge_rule_facts *judge_rule_facts(enum judge_rule rule);

/* One finding. All is borrowed for the call. */
struct judge_finding {
    enum judge_rule rule;
    const char *url;   /* of the playlist, or of the segment where the fault is in there */
    unsigned line;     /* of the playlist, from 1; 0: of no line in particular */
    struct span text;  /* that line */
    const char *words; /* what is wrong, a sentence without its full stop */
};

struct judge_sink {
    void (*on_finding)(void *arg, const struct judge_finding *f);
    void *arg;
};

/* format as printf; at most JUDGE_WORDS_MAX. */
void judge_say(const struct judge_sink *sink, enum judge_rule rule, const char *url, unsigned line,
               struct span text, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
