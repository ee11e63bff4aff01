/* A folder of media files for tests, in the system's folder for such things. */
#ifndef SUPPORT_MEDIA_FOLDER_H
#define SUPPORT_MEDIA_FOLDER_H

#include <stddef.h>

#include "base/span.h"

#define MEDIA_FOLDER_PATH_MAX 256

struct media_folder {
    char path[64];
};

/* Both abort where they cannot. destroy removes it with all that is in it. */
struct media_folder media_folder_create(void);
void media_folder_destroy(const struct media_folder *f);

/* The path of something in it; name "" is the folder's own. */
void media_folder_path(const struct media_folder *f, const char *name,
                       char ret_path[MEDIA_FOLDER_PATH_MAX]);

void media_folder_mkdir(const struct media_folder *f, const char *name);

/* Writes a file anew. old: as if that had been an hour ago. */
void media_folder_put(const struct media_folder *f, const char *name, struct span bytes, int old);
void media_folder_append(const struct media_folder *f, const char *name, struct span bytes);

/* A tone as WAV (RIFF), mono, 16 bits, 8 kHz. Gives (mem_free). */
struct span media_folder_wav(double seconds);

#endif
