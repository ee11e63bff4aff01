#include "transcoder/caption_lane.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#define TRIPLET        3
#define SLOT_MAX       31  /* triplets: cc_count has five bits */
#define WAITING_MAX    248 /* triplets; eight slots full */
#define FIELDS         2
#define CC_VALID       0x04
#define CC_TYPE        0x03
#define DTVCC          2 /* and above: the type of CEA-708's triplets */
#define DTVCC_START    3
#define PARITY_MASK    0x7f
#define CONTROL_FIRST  0x10
#define CONTROL_LAST   0x1f
#define NAL_SEI        6
#define SEI_REGISTERED 4
#define RBSP_STOP      0x80
#define ESCAPE         3
#define MESSAGE_MAX    (8 + 2 + SLOT_MAX * TRIPLET + 1)
#define NAL_MAX        (1 + (2 + MESSAGE_MAX) * 3 / 2 + 2)

struct waiting {
    uint8_t triplet[TRIPLET];
    uint64_t picture;
};

struct slot {
    int64_t number;
    uint8_t count; /* triplets */
    uint8_t data[SLOT_MAX * TRIPLET];
};

struct caption_lane {
    struct waiting waiting[WAITING_MAX];
    size_t n;
    bool was_control[FIELDS]; /* the newest pair that was kept */
    bool dtvcc_lost;          /* up to the next packet's start */
    size_t n_slots;
    struct slot slots[];
};

struct caption_lane *caption_lane_create(size_t n_slots)
{
    struct caption_lane *l = mem_try_alloc(sizeof *l + n_slots * sizeof l->slots[0]);
    if (l != NULL) {
        l->n_slots = n_slots;
        for (size_t i = 0; i < n_slots; i++) {
            l->slots[i].number = -1;
        }
    }
    return l;
}

void caption_lane_destroy(struct caption_lane *l)
{
    mem_free(l);
}

static bool is_dtvcc(const uint8_t *triplet)
{
    return (triplet[0] & CC_TYPE) >= DTVCC;
}

/* A pair of zeros says nothing, but that a control code behind it is not the repetition of the one
 * before (CEA-608, 8.3). */
static bool is_wanted_pair(struct caption_lane *l, const uint8_t *triplet)
{
    bool *was_control = &l->was_control[triplet[0] & CC_TYPE];
    uint8_t first = triplet[1] & PARITY_MASK, second = triplet[2] & PARITY_MASK;
    if (first == 0 && second == 0 && !*was_control) {
        return false;
    }
    *was_control = first >= CONTROL_FIRST && first <= CONTROL_LAST;
    return true;
}

static bool is_wanted(struct caption_lane *l, const uint8_t *triplet)
{
    if ((triplet[0] & CC_VALID) == 0) {
        return false;
    }
    if (!is_dtvcc(triplet)) {
        return is_wanted_pair(l, triplet);
    }
    l->dtvcc_lost = l->dtvcc_lost && (triplet[0] & CC_TYPE) != DTVCC_START;
    return !l->dtvcc_lost;
}

static void make_room(struct caption_lane *l)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (!is_dtvcc(l->waiting[i].triplet)) {
            l->waiting[kept++] = l->waiting[i];
        }
    }
    l->dtvcc_lost = true;
    l->n = kept < WAITING_MAX ? kept : 0;
}

void caption_lane_add(struct caption_lane *l, uint64_t picture, struct span cc_data)
{
    for (size_t at = 0; at + TRIPLET <= cc_data.len; at += TRIPLET) {
        const uint8_t *triplet = cc_data.data + at;
        if (!is_wanted(l, triplet)) {
            continue;
        }
        if (l->n == WAITING_MAX) {
            make_room(l);
            if (is_dtvcc(triplet) && (triplet[0] & CC_TYPE) != DTVCC_START) {
                continue;
            }
            l->dtvcc_lost = l->dtvcc_lost && !is_dtvcc(triplet);
        }
        struct waiting *w = &l->waiting[l->n++];
        memcpy(w->triplet, triplet, TRIPLET);
        w->picture = picture;
    }
}

/* The pairs of CEA-608 stand before the others (CEA-708, 4.3.2). */
static void sort_into(struct slot *s, const struct waiting *w, size_t n)
{
    for (int dtvcc = 0; dtvcc < 2; dtvcc++) {
        for (size_t i = 0; i < n; i++) {
            if (is_dtvcc(w[i].triplet) == (dtvcc == 1)) {
                memcpy(s->data + (size_t)s->count * TRIPLET, w[i].triplet, TRIPLET);
                s->count++;
            }
        }
    }
}

void caption_lane_close(struct caption_lane *l, int64_t slot, uint64_t before)
{
    size_t n = 0;
    while (n < l->n && n < SLOT_MAX && l->waiting[n].picture < before) {
        n++;
    }
    if (n == 0 || slot < 0) {
        return;
    }
    struct slot *s = &l->slots[(size_t)slot % l->n_slots];
    s->number = slot;
    s->count = 0;
    sort_into(s, l->waiting, n);
    l->n -= n;
    memmove(l->waiting, l->waiting + n, l->n * sizeof l->waiting[0]);
}

static size_t write_message(const struct slot *s, uint8_t *message)
{
    /* itu_t_t35_country_code, provider code (ATSC), "GA94", cc_data */
    static const uint8_t head[] = {0xb5, 0x00, 0x31, 'G', 'A', '9', '4', 0x03};
    size_t at = sizeof head;
    memcpy(message, head, sizeof head);
    message[at++] = 0xc0 | s->count; /* process_em_data_flag, process_cc_data_flag */
    message[at++] = 0xff;            /* em_data */
    memcpy(message + at, s->data, (size_t)s->count * TRIPLET);
    at += (size_t)s->count * TRIPLET;
    message[at++] = 0xff; /* marker_bits */
    return at;
}

struct nal {
    uint8_t bytes[NAL_MAX];
    size_t len;
    int zeros;
};

/* With emulation prevention (ITU-T H.264, 7.4.1). */
static void put(struct nal *nal, uint8_t byte)
{
    if (nal->zeros == 2 && byte <= ESCAPE) {
        nal->bytes[nal->len++] = ESCAPE;
        nal->zeros = 0;
    }
    nal->bytes[nal->len++] = byte;
    nal->zeros = byte == 0 ? nal->zeros + 1 : 0;
}

enum err caption_lane_write(const struct caption_lane *l, int64_t slot, struct buf *out)
{
    const struct slot *s = slot >= 0 ? &l->slots[(size_t)slot % l->n_slots] : NULL;
    if (s == NULL || s->number != slot) {
        return ERR_OK;
    }
    uint8_t message[MESSAGE_MAX];
    size_t len = write_message(s, message);
    struct nal nal = {.len = 0};
    put(&nal, NAL_SEI);
    put(&nal, SEI_REGISTERED);
    put(&nal, (uint8_t)len);
    for (size_t i = 0; i < len; i++) {
        put(&nal, message[i]);
    }
    put(&nal, RBSP_STOP);
    enum err e = buf_put_be32(out, (uint32_t)nal.len);
    return e == ERR_OK ? buf_put(out, span_of(nal.bytes, nal.len)) : e;
}
