/* What this transcoder can do: the check of a job's parameters, and the encoder's fingerprint.
 * Any thread. */
#ifndef TRANSCODER_CAPABILITIES_H
#define TRANSCODER_CAPABILITIES_H

#include <stddef.h>

#include "proto/link_msg.h"
#include "transcoder/fault.h"

#define FINGERPRINT_MAX 128 /* bytes with the NUL */

/* Whether a job's track and rungs are within what can be opened. ERR_UNSUPPORTED or ERR_PROTO,
 * with the words in f, naming the rung. */
enum err capabilities_check(const struct link_job_open *open, struct fault *f) CHECKED;

/* Writes what names the encoder: equal texts on two hosts mean that one may go on with a segment
 * the other began. Encodes one small picture. The words are in f when there is no encoder. */
enum err capabilities_fingerprint(char ret_text[FINGERPRINT_MAX], struct fault *f) CHECKED;

#endif
