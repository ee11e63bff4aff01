#include "transcoder/fault.h"

#include <libavutil/error.h>
#include <stdarg.h>
#include <stdio.h>

enum err fault_set(struct fault *f, bool final, enum err e, const char *format, ...)
{
    if (f->text[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(f->text, sizeof f->text, format, args);
        va_end(args);
        f->final = final;
    }
    return e;
}

enum err fault_set_av(struct fault *f, bool final, const char *what, int av_error)
{
    char words[AV_ERROR_MAX_STRING_SIZE];
    av_strerror(av_error, words, sizeof words);
    enum err e = av_error == AVERROR(ENOMEM) ? ERR_NOMEM : ERR_UNSUPPORTED;
    return fault_set(f, final && e != ERR_NOMEM, e, "%s: %s", what, words);
}
