#include "broadcaster/ingest/proxy_protocol.h"

#include <string.h>

#include "broadcaster/auth/cidr.h"

#define V2_HEAD_BYTES     16
#define V2_SIGNATURE      "\r\n\r\n\0\r\nQUIT\n"
#define V2_SIGNATURE_LEN  12
#define V2_VERSION        2
#define V2_COMMAND_LOCAL  0
#define V2_COMMAND_PROXY  1
#define V2_TCP4           0x11
#define V2_TCP6           0x21
#define V2_TCP4_BYTES     12
#define V2_TCP6_BYTES     36
#define V1_START          "PROXY "
#define V1_START_LEN      6
#define V1_WORDS          6
#define PORT_MAX          65535
#define FIRST_PIECE_BYTES 6 /* enough to tell the versions apart */

void proxy_header_init(struct proxy_header *h)
{
    *h = (struct proxy_header){0};
}

bool proxy_header_begins(struct span bytes)
{
    size_t n = bytes.len < FIRST_PIECE_BYTES ? bytes.len : FIRST_PIECE_BYTES;
    return n == FIRST_PIECE_BYTES &&
           (memcmp(bytes.data, V1_START, n) == 0 || memcmp(bytes.data, V2_SIGNATURE, n) == 0);
}

static enum err read_port(const char *word, int *ret_port)
{
    int port = 0;
    size_t n = strlen(word);
    if (n == 0 || n > 5 || (n > 1 && word[0] == '0')) {
        return ERR_PROTO;
    }
    for (; *word != '\0'; word++) {
        if (*word < '0' || *word > '9') {
            return ERR_PROTO;
        }
        port = port * 10 + (*word - '0');
    }
    if (port > PORT_MAX) {
        return ERR_PROTO;
    }
    *ret_port = port;
    return ERR_OK;
}

/* Words with single spaces between; an empty one is a breach that the words' readers notice. */
static size_t split_words(char *line, char **words)
{
    size_t n = 0;
    while (n < V1_WORDS) {
        words[n++] = line;
        line = strchr(line, ' ');
        if (line == NULL) {
            return n;
        }
        *line++ = '\0';
    }
    return n + 1; /* too many */
}

/* 2.1 */
static enum err read_line(const struct proxy_header *h, struct proxy_source *ret_source)
{
    char line[PROXY_LINE_MAX + 1], *words[V1_WORDS];
    struct proxy_source s = {.known = true};
    uint8_t destination[CIDR_ADDRESS_BYTES];
    int destination_port;
    memcpy(line, h->bytes, h->len - 2);
    line[h->len - 2] = '\0';
    if (strlen(line) != h->len - 2) {
        return ERR_PROTO; /* a NUL inside */
    }
    size_t n = split_words(line, words);
    if (n >= 2 && strcmp(words[1], "UNKNOWN") == 0) {
        *ret_source = (struct proxy_source){.known = false};
        return ERR_OK;
    }
    bool v4 = n == V1_WORDS && strcmp(words[1], "TCP4") == 0;
    bool v6 = n == V1_WORDS && strcmp(words[1], "TCP6") == 0;
    if ((!v4 && !v6) || (strchr(words[2], ':') != NULL) != v6) {
        return ERR_PROTO;
    }
    enum err e = cidr_address_parse(words[2], s.address);
    e = e == ERR_OK ? cidr_address_parse(words[3], destination) : e;
    e = e == ERR_OK ? read_port(words[4], &s.port) : e;
    e = e == ERR_OK ? read_port(words[5], &destination_port) : e;
    if (e == ERR_OK) {
        *ret_source = s;
    }
    return e;
}

/* 2.2: the address as it stands behind the first 16 bytes. */
static struct proxy_source read_addresses(const struct proxy_header *h)
{
    struct proxy_source s = {.known = false};
    const uint8_t *at = h->bytes + V2_HEAD_BYTES;
    if ((h->bytes[12] & 0x0f) == V2_COMMAND_LOCAL) {
        return s;
    }
    if (h->bytes[13] == V2_TCP4) {
        s.known = true;
        s.address[10] = s.address[11] = 0xff;
        memcpy(s.address + 12, at, 4);
        s.port = at[8] << 8 | at[9];
    } else if (h->bytes[13] == V2_TCP6) {
        s.known = true;
        memcpy(s.address, at, sizeof s.address);
        s.port = at[32] << 8 | at[33];
    }
    return s;
}

/* What must be kept of version 2 behind the first 16 bytes; the rest is skipped. */
static enum err begin_v2(struct proxy_header *h, size_t *ret_kept)
{
    int version = h->bytes[12] >> 4, command = h->bytes[12] & 0x0f;
    size_t extra = (size_t)h->bytes[14] << 8 | h->bytes[15];
    size_t kept = 0;
    if (version != V2_VERSION || command > V2_COMMAND_PROXY) {
        return ERR_PROTO;
    }
    if (extra > PROXY_EXTRA_MAX) {
        return ERR_LIMIT;
    }
    if (command == V2_COMMAND_PROXY) {
        kept = h->bytes[13] == V2_TCP4   ? V2_TCP4_BYTES
               : h->bytes[13] == V2_TCP6 ? V2_TCP6_BYTES
                                         : 0;
    }
    if (kept > extra) {
        return ERR_PROTO;
    }
    h->skip = extra - kept;
    *ret_kept = kept;
    return ERR_OK;
}

/* A byte at a time: a header is short, and comes once. ERR_OK: that was its last kept one. */
static enum err take_byte(struct proxy_header *h, uint8_t byte, struct proxy_source *ret_source)
{
    h->bytes[h->len++] = byte;
    bool v2 = h->bytes[0] == (uint8_t)V2_SIGNATURE[0];
    const char *start = v2 ? V2_SIGNATURE : V1_START;
    size_t start_len = v2 ? V2_SIGNATURE_LEN : V1_START_LEN;
    if (h->len <= start_len) {
        return byte == (uint8_t)start[h->len - 1] ? ERR_AGAIN : ERR_PROTO;
    }
    if (v2) {
        size_t kept;
        if (h->len < V2_HEAD_BYTES) {
            return ERR_AGAIN;
        }
        enum err e = begin_v2(h, &kept);
        if (e != ERR_OK || h->len < V2_HEAD_BYTES + kept) {
            return e != ERR_OK ? e : ERR_AGAIN;
        }
        *ret_source = read_addresses(h);
        return ERR_OK;
    }
    if (byte == '\n') {
        return h->bytes[h->len - 2] == '\r' ? read_line(h, ret_source) : ERR_PROTO;
    }
    return h->len < PROXY_LINE_MAX ? ERR_AGAIN : ERR_PROTO;
}

static bool skip(struct proxy_header *h, struct span *in)
{
    size_t n = in->len < h->skip ? in->len : h->skip;
    *in = span_of(in->data + n, in->len - n);
    h->skip -= n;
    return h->skip == 0;
}

enum err proxy_header_feed(struct proxy_header *h, struct span *in, struct proxy_source *ret_source)
{
    while (!h->complete) {
        uint8_t byte;
        struct proxy_source source;
        if (span_read_u8(in, &byte) != ERR_OK) {
            return ERR_AGAIN;
        }
        enum err e = take_byte(h, byte, &source);
        if (e != ERR_OK && e != ERR_AGAIN) {
            return e;
        }
        h->complete = e == ERR_OK;
        if (h->complete) {
            h->source = source;
        }
    }
    if (!skip(h, in)) {
        return ERR_AGAIN;
    }
    *ret_source = h->source;
    return ERR_OK;
}
