#include "broadcaster/push/push_parts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/id.h"
#include "broadcaster/pack/packager.h"
#include "broadcaster/push/push_mp4.h"

#define BOUNDARY_BYTES 10

static enum err put_part(struct buf *out, const struct push_answer *a, size_t i,
                         const char *boundary)
{
    struct segment *whole = NULL;
    struct blob *blob = NULL;
    enum err e = push_join(a->segments[i], a->n_pieces, &whole);
    if (e == ERR_OK) {
        e = a->mp4 ? push_mp4(whole, &blob)
                   : segment_container(whole, SEGMENT_TS, packager_mpegts, &blob);
    }
    segment_unref(whole);
    if (e != ERR_OK) {
        return e;
    }
    struct span bytes = blob_span(blob);
    e = buf_printf(out,
                   "%s--%s\r\n"
                   "Content-Disposition: attachment; filename=\"%s_%" PRIu64 ".%s\"\r\n"
                   "Content-Length: %zu\r\n"
                   "Content-Type: %s\r\n"
                   "Rendition-Name: %s\r\n"
                   "\r\n",
                   i > 0 ? "\r\n" : "", boundary, a->names[i], a->number, a->mp4 ? "mp4" : "ts",
                   bytes.len, a->mp4 ? "video/mp4" : "video/MP2T", a->names[i]);
    if (e == ERR_OK) {
        e = buf_put(out, bytes);
    }
    blob_unref(blob);
    return e;
}

enum err push_parts_write(const struct push_answer *a, struct buf *ret_body, char *ret_type)
{
    char boundary[2 * BOUNDARY_BYTES + 1];
    struct buf out;
    enum err e = ERR_OK;
    buf_init(&out, PUSH_PARTS_MAX);
    id_random_hex(boundary, BOUNDARY_BYTES);
    for (size_t i = 0; i < a->n && e == ERR_OK; i++) {
        e = put_part(&out, a, i, boundary);
    }
    if (e == ERR_OK) {
        e = buf_printf(&out, "%s--%s--\r\n", a->n > 0 ? "\r\n" : "", boundary);
    }
    if (e != ERR_OK) {
        buf_fini(&out);
        return e;
    }
    snprintf(ret_type, PUSH_PARTS_TYPE_MAX, "multipart/mixed; boundary=%s", boundary);
    *ret_body = out;
    return ERR_OK;
}
