#include "broadcaster/paywall/toll.h"

#include <stdio.h>

#include "broadcaster/paywall/money.h"

#define TICKS_PER_MINUTE 5400000
#define BYTES_PER_MB     1000000
#define MS_PER_MINUTE    60000

typedef unsigned __int128 wide;

static uint64_t narrow(wide v)
{
    return v > MONEY_MAX ? MONEY_MAX : (uint64_t)v;
}

uint64_t toll_cost(const struct toll *t, int64_t ticks, uint64_t bytes, uint32_t carried,
                   uint32_t *ret_carried)
{
    wide parts = carried;
    if (t->per == TOLL_PER_MINUTE && ticks > 0) {
        parts += (wide)t->amount * (uint64_t)ticks * (TOLL_PARTS / TICKS_PER_MINUTE);
    } else if (t->per == TOLL_PER_MB) {
        parts += (wide)t->amount * bytes * (TOLL_PARTS / BYTES_PER_MB);
    }
    *ret_carried = (uint32_t)(parts % TOLL_PARTS);
    return narrow(parts / TOLL_PARTS);
}

/* offset * whole / (size * per), without losing digits of what does not fit at once. */
static uint64_t share(uint64_t offset, wide whole, uint64_t size, uint64_t per)
{
    wide divisor = (wide)size * per;
    wide times = whole / divisor, rest = whole % divisor;
    if (times > MONEY_MAX) {
        times = MONEY_MAX;
    }
    return narrow(times * offset + rest * offset / divisor);
}

uint64_t toll_file_cost(const struct toll *t, const struct toll_file *f, uint64_t offset)
{
    uint64_t size = f->size < TOLL_SIZE_MAX ? f->size : TOLL_SIZE_MAX;
    uint64_t at = offset < size ? offset : size;
    if (t->per == TOLL_FREE || size == 0) {
        return 0;
    }
    if (t->per == TOLL_PER_MB) {
        return narrow((wide)t->amount * at / BYTES_PER_MB);
    }
    uint64_t ms = f->duration_ms < TOLL_DURATION_MAX_MS ? f->duration_ms : TOLL_DURATION_MAX_MS;
    return share(at, (wide)t->amount * ms, size, MS_PER_MINUTE);
}

void toll_format(const struct toll *t, int scale, const char *asset, char ret_text[TOLL_TEXT_MAX])
{
    char amount[MONEY_TEXT_MAX];
    money_format(t->amount, scale, amount);
    if (t->per == TOLL_FREE) {
        snprintf(ret_text, TOLL_TEXT_MAX, "free");
    } else {
        snprintf(ret_text, TOLL_TEXT_MAX, "%s %s a %s", amount, asset,
                 t->per == TOLL_PER_MINUTE ? "minute" : "megabyte");
    }
}
