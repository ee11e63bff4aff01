#include "broadcaster/media/media_types.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* RFC 4337, 6381, 8216 (4), 9559, 9639; WebVTT, 9; the registry of media types for the rest. */
static const struct media_type types[] = {
    {"mp4", "video/mp4", MEDIA_KIND_VIDEO, false},
    {"m4v", "video/mp4", MEDIA_KIND_VIDEO, false},
    {"mov", "video/quicktime", MEDIA_KIND_VIDEO, false},
    {"webm", "video/webm", MEDIA_KIND_VIDEO, false},
    {"mkv", "video/matroska", MEDIA_KIND_VIDEO, false},
    {"ogv", "video/ogg", MEDIA_KIND_VIDEO, false},
    {"mpg", "video/mpeg", MEDIA_KIND_VIDEO, false},
    {"mpeg", "video/mpeg", MEDIA_KIND_VIDEO, false},
    {"avi", "video/x-msvideo", MEDIA_KIND_VIDEO, false},
    {"flv", "video/x-flv", MEDIA_KIND_VIDEO, false},
    {"3gp", "video/3gpp", MEDIA_KIND_VIDEO, false},
    {"ts", "video/mp2t", MEDIA_KIND_VIDEO, true},
    {"m2ts", "video/mp2t", MEDIA_KIND_VIDEO, true},
    {"mp3", "audio/mpeg", MEDIA_KIND_AUDIO, false},
    {"m4a", "audio/mp4", MEDIA_KIND_AUDIO, false},
    {"m4b", "audio/mp4", MEDIA_KIND_AUDIO, false},
    {"aac", "audio/aac", MEDIA_KIND_AUDIO, true},
    {"ac3", "audio/ac3", MEDIA_KIND_AUDIO, true},
    {"eac3", "audio/eac3", MEDIA_KIND_AUDIO, true},
    {"flac", "audio/flac", MEDIA_KIND_AUDIO, false},
    {"oga", "audio/ogg", MEDIA_KIND_AUDIO, false},
    {"ogg", "audio/ogg", MEDIA_KIND_AUDIO, false},
    {"opus", "audio/ogg", MEDIA_KIND_AUDIO, false},
    {"wav", "audio/wav", MEDIA_KIND_AUDIO, false},
    {"weba", "audio/webm", MEDIA_KIND_AUDIO, false},
    {"mka", "audio/matroska", MEDIA_KIND_AUDIO, false},
    {"m3u8", "application/vnd.apple.mpegurl", MEDIA_KIND_PLAYLIST, false},
    {"mpd", "application/dash+xml", MEDIA_KIND_PLAYLIST, false},
    {"m4s", "video/iso.segment", MEDIA_KIND_PIECE, true},
    {"cmfv", "video/mp4", MEDIA_KIND_PIECE, true},
    {"cmfa", "audio/mp4", MEDIA_KIND_PIECE, true},
    {"cmft", "application/mp4", MEDIA_KIND_PIECE, true},
    {"vtt", "text/vtt; charset=utf-8", MEDIA_KIND_OTHER, false},
    {"srt", "application/x-subrip; charset=utf-8", MEDIA_KIND_OTHER, false},
    {"ttml", "application/ttml+xml", MEDIA_KIND_OTHER, false},
    {"txt", "text/plain; charset=utf-8", MEDIA_KIND_OTHER, false},
    {"json", "application/json", MEDIA_KIND_OTHER, false},
    {"jpg", "image/jpeg", MEDIA_KIND_OTHER, false},
    {"jpeg", "image/jpeg", MEDIA_KIND_OTHER, false},
    {"png", "image/png", MEDIA_KIND_OTHER, false},
    {"gif", "image/gif", MEDIA_KIND_OTHER, false},
    {"webp", "image/webp", MEDIA_KIND_OTHER, false},
    {"avif", "image/avif", MEDIA_KIND_OTHER, false},
};

/* Pages and drawings with scripts in them are among these: a browser would run them with the rights
 * of this server's own pages. */
static const struct media_type unknown = {NULL, "application/octet-stream", MEDIA_KIND_OTHER,
                                          false};

const struct media_type *media_type_of(const char *path)
{
    const char *name = strrchr(path, '/');
    const char *dot = strrchr(name != NULL ? name : path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(dot + 1, types[i].ending) == 0) {
            return &types[i];
        }
    }
    return &unknown;
}
