#include "publisher-tools/judge_ts.h"

#include <stdint.h>
#include <string.h>

#define PACKET   188
#define SYNC     0x47
#define PIDS     8192
#define NULL_PID 8191
#define UNSEEN   0xff

bool judge_ts_is(struct span s)
{
    return s.len >= PACKET && s.data[0] == SYNC && (s.len < 2 * PACKET || s.data[PACKET] == SYNC);
}

/* Where the payload of a packet begins; PACKET: it has none. */
static size_t payload_at(const uint8_t *p)
{
    bool has_payload = (p[3] & 0x10) != 0;
    size_t at = (p[3] & 0x20) != 0 ? 5 + (size_t)p[4] : 4;
    return has_payload && at < PACKET ? at : PACKET;
}

static unsigned pid_of(const uint8_t *p)
{
    return (unsigned)(p[1] & 0x1f) << 8 | p[2];
}

/* The PID of the first programme's map in a PAT packet; 0: none. */
static unsigned pmt_pid(const uint8_t *p)
{
    size_t at = payload_at(p);
    if (at == PACKET) {
        return 0;
    }
    at += 1 + (size_t)p[at] + 8; /* pointer, then the section's header */
    for (; at + 8 <= PACKET; at += 4) {
        if ((p[at] | p[at + 1]) != 0) {
            return (unsigned)(p[at + 2] & 0x1f) << 8 | p[at + 3];
        }
    }
    return 0;
}

static const char *counter_fault(uint8_t counters[PIDS], const uint8_t *p)
{
    unsigned pid = pid_of(p);
    uint8_t counter = p[3] & 15;
    bool has_payload = (p[3] & 0x10) != 0;
    bool jumps = (p[3] & 0x20) != 0 && p[4] > 0 && (p[5] & 0x80) != 0;
    uint8_t last = counters[pid];
    if (pid == NULL_PID || !has_payload) {
        return NULL;
    }
    counters[pid] = counter;
    bool repeated = last == counter;
    bool follows = last == UNSEEN || ((last + 1) & 15) == counter;
    return follows || jumps || repeated ? NULL : "a continuity counter jumps";
}

const char *judge_ts_fault(struct span s)
{
    uint8_t counters[PIDS];
    unsigned map = 0;
    bool has_map = false;
    memset(counters, UNSEEN, sizeof counters);
    if (s.len % PACKET != 0) {
        return "its length is not a multiple of 188 bytes";
    }
    for (size_t at = 0; at < s.len; at += PACKET) {
        const uint8_t *p = s.data + at;
        if (p[0] != SYNC) {
            return "a packet does not begin with 0x47";
        }
        unsigned pid = pid_of(p);
        map = pid == 0 && map == 0 ? pmt_pid(p) : map;
        has_map |= map != 0 && pid == map;
        bool pes = (p[1] & 0x40) != 0 && payload_at(p) + 3 < PACKET &&
                   memcmp(p + payload_at(p), "\0\0\1", 3) == 0;
        if (pes && !has_map) {
            return "media comes before PAT and PMT";
        }
        const char *why = counter_fault(counters, p);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}
