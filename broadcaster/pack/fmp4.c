#include "broadcaster/pack/fmp4.h"

#include "base/mem.h"
#include "broadcaster/codec/avc.h"
#include "broadcaster/codec/nal.h"
#include "broadcaster/codec/sets.h"
#include "broadcaster/pack/fmp4_box.h"
#include "broadcaster/stream/join.h"

#define SAMPLE_KEY     0x02000000u /* depends on no other (8.8.3.1) */
#define SAMPLE_NOT_KEY 0x01010000u /* depends on others, is no sync sample */

#define TFHD_DEFAULT_FLAGS  0x000020u
#define TFHD_BASE_IS_MOOF   0x020000u
#define TRUN_DATA_OFFSET    0x000001u
#define TRUN_FIRST_FLAGS    0x000004u
#define TRUN_DURATIONS      0x000100u
#define TRUN_SIZES          0x000200u
#define TRUN_FLAGS          0x000400u
#define TRUN_CT_OFFSETS     0x000800u
#define MDAT_HEAD_BYTES     8
#define FRAGMENT_HEAD_BYTES 120 /* of "moof" without its samples, and of the head of "mdat" */

/* --- boxes ------------------------------------------------------------------------------------ */

void box_u8(struct boxes *b, unsigned v)
{
    b->e = b->e == ERR_OK ? buf_put_u8(b->out, (uint8_t)v) : b->e;
}

void box_u16(struct boxes *b, unsigned v)
{
    b->e = b->e == ERR_OK ? buf_put_be16(b->out, (uint16_t)v) : b->e;
}

void box_u32(struct boxes *b, uint32_t v)
{
    b->e = b->e == ERR_OK ? buf_put_be32(b->out, v) : b->e;
}

void box_u64(struct boxes *b, uint64_t v)
{
    b->e = b->e == ERR_OK ? buf_put_be64(b->out, v) : b->e;
}

void box_zeros(struct boxes *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        box_u8(b, 0);
    }
}

void box_bytes(struct boxes *b, struct span bytes)
{
    b->e = b->e == ERR_OK ? buf_put(b->out, bytes) : b->e;
}

size_t box_open(struct boxes *b, const char *type)
{
    size_t at = b->out->len;
    box_u32(b, 0);
    box_bytes(b, span_of(type, 4));
    return at;
}

size_t box_open_full(struct boxes *b, const char *type, unsigned version, uint32_t flags)
{
    size_t at = box_open(b, type);
    box_u32(b, (uint32_t)version << 24 | flags);
    return at;
}

static void set_u32(struct boxes *b, size_t at, uint32_t v)
{
    for (int i = 0; b->e == ERR_OK && i < 4; i++) {
        b->out->data[at + (size_t)i] = (uint8_t)(v >> (24 - 8 * i));
    }
}

void box_close(struct boxes *b, size_t at)
{
    set_u32(b, at, (uint32_t)(b->out->len - at));
}

/* --- the initialisation section --------------------------------------------------------------- */

static void put_matrix(struct boxes *b)
{
    static const uint32_t unity[9] = {0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000};
    for (int i = 0; i < 9; i++) {
        box_u32(b, unity[i]);
    }
}

/* Of a picture of that size, shown from its upper left corner on (ISO/IEC 14496-12, 6.2.2):
 * x' = a x + c y + tx, y' = b x + d y + ty. */
static void put_turn(struct boxes *b, const struct track_turn *turn, uint32_t width,
                     uint32_t height)
{
    static const int cosines[] = {1, 0, -1, 0}, sines[] = {0, 1, 0, -1};
    int mirror = turn->mirrored ? -1 : 1;
    int ma = mirror * cosines[turn->quarters % 4], mb = mirror * sines[turn->quarters % 4];
    int mc = -sines[turn->quarters % 4], md = cosines[turn->quarters % 4];
    uint32_t tx = (ma < 0 ? width : 0) + (mc < 0 ? height : 0);
    uint32_t ty = (mb < 0 ? width : 0) + (md < 0 ? height : 0);
    const uint32_t matrix[9] = {(uint32_t)ma << 16, (uint32_t)mb << 16, 0,
                                (uint32_t)mc << 16, (uint32_t)md << 16, 0,
                                tx << 16,           ty << 16,           0x40000000};
    for (int i = 0; i < 9; i++) {
        box_u32(b, matrix[i]);
    }
}

static uint32_t track_id(const struct track_params *t)
{
    return t->kind == TRACK_VIDEO ? 1 : 2;
}

static void put_ftyp(struct boxes *b)
{
    size_t at = box_open(b, "ftyp");
    box_bytes(b, span_cstr("iso6"));
    box_u32(b, 0);
    box_bytes(b, span_cstr("iso6mp41"));
    box_close(b, at);
}

static void put_mvhd(struct boxes *b, const struct track_params *t)
{
    size_t at = box_open_full(b, "mvhd", 0, 0);
    box_zeros(b, 8); /* times of creation and change */
    box_u32(b, TICKS_PER_S);
    box_u32(b, 0);       /* duration */
    box_u32(b, 0x10000); /* rate */
    box_u16(b, 0x100);   /* volume */
    box_zeros(b, 10);
    put_matrix(b);
    box_zeros(b, 24);
    box_u32(b, track_id(t) + 1);
    box_close(b, at);
}

/* With pixels made square. */
static uint32_t shown_width(const struct track_params *t)
{
    int64_t w = t->width;
    if (t->sar_num > 0 && t->sar_den > 0) {
        w = w * t->sar_num / t->sar_den;
    }
    return w > 0 && w <= UINT16_MAX ? (uint32_t)w : (uint32_t)t->width & UINT16_MAX;
}

static void put_tkhd(struct boxes *b, const struct track_params *t)
{
    bool video = t->kind == TRACK_VIDEO;
    size_t at = box_open_full(b, "tkhd", 0, 7); /* enabled, in the movie, in the preview */
    box_zeros(b, 8);
    box_u32(b, track_id(t));
    box_zeros(b, 4 + 4 + 8 + 2 + 2);
    box_u16(b, video ? 0 : 0x100);
    box_u16(b, 0);
    uint32_t width = video ? shown_width(t) : 0;
    uint32_t height = video ? (uint32_t)t->height & UINT16_MAX : 0;
    put_turn(b, &t->turn, width, height);
    box_u32(b, width << 16);
    box_u32(b, height << 16);
    box_close(b, at);
}

static void put_mdhd(struct boxes *b)
{
    size_t at = box_open_full(b, "mdhd", 0, 0);
    box_zeros(b, 8);
    box_u32(b, TICKS_PER_S);
    box_u32(b, 0);
    box_u16(b, 0x55c4); /* "und" */
    box_u16(b, 0);
    box_close(b, at);
}

static void put_hdlr(struct boxes *b, bool video)
{
    size_t at = box_open_full(b, "hdlr", 0, 0);
    box_u32(b, 0);
    box_bytes(b, span_cstr(video ? "vide" : "soun"));
    box_zeros(b, 12);
    box_bytes(b, span_cstr(video ? "video" : "audio"));
    box_u8(b, 0);
    box_close(b, at);
}

static void put_media_head(struct boxes *b, bool video)
{
    size_t at = box_open_full(b, video ? "vmhd" : "smhd", 0, video ? 1 : 0);
    box_zeros(b, video ? 8 : 4);
    box_close(b, at);
    size_t dinf = box_open(b, "dinf");
    size_t dref = box_open_full(b, "dref", 0, 0);
    box_u32(b, 1);
    size_t url = box_open_full(b, "url ", 0, 1); /* in this file */
    box_close(b, url);
    box_close(b, dref);
    box_close(b, dinf);
}

static void put_stbl(struct boxes *b, const struct track_params *t, struct span first_frame)
{
    static const char *const empty[] = {"stts", "stsc", "stco"};
    size_t stbl = box_open(b, "stbl");
    size_t stsd = box_open_full(b, "stsd", 0, 0);
    box_u32(b, 1);
    box_sample_entry(b, t, first_frame);
    box_close(b, stsd);
    for (size_t i = 0; i < 3; i++) {
        size_t at = box_open_full(b, empty[i], 0, 0);
        box_u32(b, 0);
        box_close(b, at);
    }
    size_t stsz = box_open_full(b, "stsz", 0, 0);
    box_zeros(b, 8);
    box_close(b, stsz);
    box_close(b, stbl);
}

static void put_trak(struct boxes *b, const struct track_params *t, struct span first_frame)
{
    bool video = t->kind == TRACK_VIDEO;
    size_t trak = box_open(b, "trak");
    put_tkhd(b, t);
    size_t mdia = box_open(b, "mdia");
    put_mdhd(b);
    put_hdlr(b, video);
    size_t minf = box_open(b, "minf");
    put_media_head(b, video);
    put_stbl(b, t, first_frame);
    box_close(b, minf);
    box_close(b, mdia);
    box_close(b, trak);
}

static void put_mvex(struct boxes *b, const struct track_params *t)
{
    size_t mvex = box_open(b, "mvex");
    size_t trex = box_open_full(b, "trex", 0, 0);
    box_u32(b, track_id(t));
    box_u32(b, 1); /* the sample entry */
    box_zeros(b, 12);
    box_close(b, trex);
    box_close(b, mvex);
}

enum err fmp4_put_init(struct buf *out, const struct track_params *track, struct span first_frame)
{
    size_t before = out->len;
    struct boxes b = {.out = out, .e = ERR_OK};
    put_ftyp(&b);
    size_t moov = box_open(&b, "moov");
    put_mvhd(&b, track);
    put_trak(&b, track, first_frame);
    put_mvex(&b, track);
    box_close(&b, moov);
    if (b.e != ERR_OK) {
        out->len = before;
    }
    return b.e;
}

/* --- fragments -------------------------------------------------------------------------------- */

struct sample {
    struct span data;
    size_t bytes; /* of it, that go out */
    int64_t dts;
    uint32_t duration;
    uint32_t ct_offset;
    bool key;
};

struct run {
    const struct track_params *track;
    const struct sets *sets; /* of the configuration; NULL: samples are no NAL units */
    struct sample *samples;
    size_t n;
    size_t bytes;
    bool ct_offsets; /* some are not 0 */
    bool later_keys; /* there are some behind the first sample */
    bool later_not;  /* and some that are none */
};

/* Counts the bytes of a unit that go out, and writes them unless b is NULL. Parameter sets that
 * the configuration has are left out, as are NAL units of no byte, at which decoders give up. */
static size_t put_unit(const struct sets *sets, struct span unit, struct boxes *b)
{
    size_t bytes = 0;
    struct span nal;
    while (avc_next_nal(&unit, sets->length_size, &nal)) {
        if (sets_is_one(sets->codec, nal) && sets_has(sets, nal)) {
            continue;
        }
        size_t n = (size_t)sets->length_size + nal.len;
        bytes += n;
        if (b != NULL) {
            box_bytes(b, span_of(nal.data - sets->length_size, n));
        }
    }
    return bytes;
}

static void put_sample(struct boxes *b, const struct sets *sets, const struct sample *s)
{
    if (s->bytes == s->data.len) {
        box_bytes(b, s->data);
    } else {
        put_unit(sets, s->data, b);
    }
}

/* Recovery points are what streams without further IDRs have to begin at: browsers begin at sync
 * samples only, and would never show one of those to who joins later. */
static bool is_sync(const struct run *r, const struct packet *p)
{
    return (p->flags & PACKET_KEY) != 0 ||
           (r->sets != NULL && join_is_recovery_point(r->track, p->data));
}

static void add_sample(struct run *r, const struct packet *p, size_t bytes)
{
    bool key = is_sync(r, p);
    int64_t dts = p->dts;
    if (r->n > 0) {
        struct sample *last = &r->samples[r->n - 1];
        dts = dts > last->dts ? dts : last->dts + 1;
        last->duration = (uint32_t)(dts - last->dts);
        r->later_keys |= key;
        r->later_not |= !key;
    }
    struct sample s = {.data = p->data,
                       .bytes = bytes,
                       .dts = dts,
                       .duration = (uint32_t)(p->duration > 0 ? p->duration : 0),
                       .ct_offset = (uint32_t)(p->pts > dts ? p->pts - dts : 0),
                       .key = key};
    r->ct_offsets |= s.ct_offset != 0;
    r->bytes += bytes;
    r->samples[r->n++] = s;
}

static void collect(struct run *r, const struct packet *packets, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct span data = packets[i].data;
        size_t bytes = r->sets != NULL ? put_unit(r->sets, data, NULL) : data.len;
        if (bytes > 0) {
            add_sample(r, &packets[i], bytes);
        }
    }
    /* A sample without a duration would be shown for no time at all. */
    if (r->n > 1 && r->samples[r->n - 1].duration == 0) {
        r->samples[r->n - 1].duration = r->samples[r->n - 2].duration;
    }
}

static void put_trun(struct boxes *b, const struct run *r, size_t *ret_offset_at)
{
    bool each = r->later_keys && r->later_not;
    bool first = !each && r->n > 1 && r->samples[0].key != r->later_keys;
    uint32_t flags = TRUN_DATA_OFFSET | TRUN_DURATIONS | TRUN_SIZES | (each ? TRUN_FLAGS : 0) |
                     (first ? TRUN_FIRST_FLAGS : 0) | (r->ct_offsets ? TRUN_CT_OFFSETS : 0);
    size_t at = box_open_full(b, "trun", 0, flags);
    box_u32(b, (uint32_t)r->n);
    *ret_offset_at = b->out->len;
    box_u32(b, 0);
    if (first) {
        box_u32(b, r->samples[0].key ? SAMPLE_KEY : SAMPLE_NOT_KEY);
    }
    for (size_t i = 0; i < r->n; i++) {
        const struct sample *s = &r->samples[i];
        box_u32(b, s->duration);
        box_u32(b, (uint32_t)s->bytes);
        if (each) {
            box_u32(b, s->key ? SAMPLE_KEY : SAMPLE_NOT_KEY);
        }
        if (r->ct_offsets) {
            box_u32(b, s->ct_offset);
        }
    }
    box_close(b, at);
}

static void put_moof(struct boxes *b, uint32_t id, uint32_t sequence, const struct run *r)
{
    bool key = r->n > 1 ? r->later_keys : r->samples[0].key;
    size_t offset_at;
    size_t moof = box_open(b, "moof");
    size_t at = box_open_full(b, "mfhd", 0, 0);
    box_u32(b, sequence);
    box_close(b, at);
    size_t traf = box_open(b, "traf");
    at = box_open_full(b, "tfhd", 0, TFHD_BASE_IS_MOOF | TFHD_DEFAULT_FLAGS);
    box_u32(b, id);
    box_u32(b, key ? SAMPLE_KEY : SAMPLE_NOT_KEY);
    box_close(b, at);
    at = box_open_full(b, "tfdt", 1, 0);
    box_u64(b, (uint64_t)r->samples[0].dts);
    box_close(b, at);
    put_trun(b, r, &offset_at);
    box_close(b, traf);
    box_close(b, moof);
    set_u32(b, offset_at, (uint32_t)(b->out->len - moof + MDAT_HEAD_BYTES));
}

static enum err put_fragment(struct buf *out, uint32_t id, uint32_t sequence, const struct run *r)
{
    size_t before = out->len;
    /* All at once: a buffer that grows by doubling would copy the payload again and again. */
    size_t most = FRAGMENT_HEAD_BYTES + r->n * 16 + r->bytes;
    if (most > out->max - out->len) {
        return ERR_LIMIT;
    }
    if (buf_reserve(out, most) == NULL) {
        return ERR_NOMEM;
    }
    struct boxes b = {.out = out, .e = ERR_OK};
    put_moof(&b, id, sequence, r);
    size_t mdat = box_open(&b, "mdat");
    for (size_t i = 0; i < r->n; i++) {
        put_sample(&b, r->sets, &r->samples[i]);
    }
    box_close(&b, mdat);
    if (b.e != ERR_OK) {
        out->len = before;
    }
    return b.e;
}

static bool has_nal_units(const struct track_params *t)
{
    return t->kind == TRACK_VIDEO && (t->codec == CODEC_H264 || t->codec == CODEC_HEVC);
}

/* A configuration of which only the size of lengths can be read does to leave nothing out. */
static enum err sets_of(const struct track_params *t, struct sets *ret_sets)
{
    enum err e = sets_read(t->codec, t->config, ret_sets);
    if (e != ERR_OK) {
        ret_sets->n = 0;
        e = nal_length_size(t->codec, t->config, &ret_sets->length_size);
    }
    return e;
}

enum err fmp4_put_fragment(struct buf *out, const struct track_params *track, uint32_t sequence,
                           const struct packet *packets, size_t n)
{
    struct sets sets;
    bool units = has_nal_units(track);
    enum err e = units ? sets_of(track, &sets) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    if (n == 0) {
        return ERR_NOENT;
    }
    struct run r = {.track = track,
                    .sets = units ? &sets : NULL,
                    .samples = mem_try_alloc(n * sizeof *r.samples)};
    if (r.samples == NULL) {
        return ERR_NOMEM;
    }
    collect(&r, packets, n);
    e = r.n > 0 ? put_fragment(out, track_id(track), sequence, &r) : ERR_NOENT;
    mem_free(r.samples);
    return e;
}

size_t fmp4_overhead(enum track_kind kind, size_t n)
{
    return FRAGMENT_HEAD_BYTES + n * (kind == TRACK_VIDEO ? 12 : 8);
}
