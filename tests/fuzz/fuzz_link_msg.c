/* libFuzzer target: an envelope from a peer. The first two bytes are the payload's length, so that
 * units can be accepted too. What is accepted must pack again, within the limits. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "proto/link_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_packets(const struct link_msg *m, size_t payload_len)
{
    struct blob *payload = blob_create(payload_len);
    struct packets ps;
    packets_init(&ps);
    if (link_unit_packets(&m->unit, TRACK_VIDEO, payload, &ps) != ERR_OK ||
        ps.bytes != payload_len) {
        abort();
    }
    packets_fini(&ps);
    blob_unref(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t payload_len = (size_t)data[0] << 8 | data[1];
    struct link_msg *m;
    const char *why;
    if (link_msg_unpack(span_of(data + 2, size - 2), payload_len, &m, &why) != ERR_OK) {
        return why[0] == '\0';
    }
    struct blob *again = link_msg_pack(m);
    if (again == NULL) {
        abort();
    }
    blob_unref(again);
    if (m->type == LINK_JOB_UNIT || m->type == LINK_RUNG_UNIT) {
        use_packets(m, payload_len);
    }
    link_msg_destroy(m);
    if (blob_live_bytes() != 0) {
        abort();
    }
    return 0;
}
