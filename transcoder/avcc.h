/* H.264 packaging between Annex B (ITU-T H.264, annex B: start codes) and AVCC (ISO/IEC 14496-15:
 * length before each NAL unit, parameter sets apart). Pure. */
#ifndef TRANSCODER_AVCC_H
#define TRANSCODER_AVCC_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Checks the frame of an AVCDecoderConfigurationRecord (14496-15, 5.3.3.1): version, counts and
 * lengths, and that there is at least one sequence and one picture parameter set. The sets
 * themselves are not read. ERR_PROTO. */
enum err avcc_check_config(struct span config) CHECKED;

/* Makes the record (4-byte lengths) from an encoder's global header in Annex B form.
 * ERR_PROTO: no parameter sets in it; ERR_LIMIT, ERR_NOMEM from out. */
enum err avcc_write_config(struct span annex_b, struct buf *out) CHECKED;

/* Appends an Annex B access unit with 4-byte lengths, without parameter sets, delimiters, filler
 * and user-data SEI. ERR_PROTO: no NAL unit is left; ERR_LIMIT, ERR_NOMEM from out. On failure
 * out may hold a part of it. */
enum err avcc_write_unit(struct span annex_b, struct buf *out) CHECKED;

/* The text of the first unregistered user data SEI message of an Annex B access unit or header
 * (where x264 says which build it is), as borrowed bytes. ERR_NOENT. */
enum err avcc_user_data(struct span annex_b, struct span *ret_text) CHECKED;

/* A 64-bit hash (FNV-1a) that names a set of bytes; not for security. */
uint64_t avcc_hash(struct span bytes);

#endif
