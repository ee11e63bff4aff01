/* One rung as people write it, field by field: in a file of rungs, in an answer of the auth webhook
 * and in the file of keys. Pure. */
#ifndef BROADCASTER_JOBS_RUNG_FORM_H
#define BROADCASTER_JOBS_RUNG_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "media/profile.h"

#define RUNG_FORM_WHY_MAX 256

#define RUNG_FORM_FIELDS                                                                           \
    "name, width, height, bitrate, fps, fpsDen, profile, gop, quality, preset, encoder, "          \
    "colorDepth, chromaFormat, audioBitrate, audioChannels"

/* What stands at a field: a text (borrowed), a whole number, both (where texts have no quotes), or
 * neither. */
struct rung_value {
    const char *text; /* NULL: none */
    bool is_number;
    int64_t number;
};

/* Nothing said yet. */
void rung_form_init(struct profile *p);

/* Takes one field. ERR_NOENT: there is no such field; ERR_PROTO: it takes something else;
 * ERR_UNSUPPORTED: it asks for what cannot be made yet. ret_why (RUNG_FORM_WHY_MAX bytes): a
 * sentence that begins with the field's name and holds none of the text that was given. */
enum err rung_form_set(struct profile *p, const char *field, const struct rung_value *v,
                       char *ret_why) CHECKED;

/* All fields are there: names a rung without a name "PREFIX_WxH_BITRATE", and checks it as
 * ladder_check does, whose errors it gives. */
enum err rung_form_end(struct profile *p, const char *prefix, char *ret_why) CHECKED;

#endif
