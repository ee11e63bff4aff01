#include "broadcaster/jobs/price.h"

#include <inttypes.h>
#include <stdio.h>

__extension__ typedef unsigned __int128 product;

bool price_is_set(const struct price *p)
{
    return p->amount > 0 && p->pixels > 0;
}

bool price_over(const struct price *p, const struct price *max)
{
    return price_is_set(p) && price_is_set(max) &&
           (product)p->amount * max->pixels > (product)max->amount * p->pixels;
}

void price_format(const struct price *p, char ret_text[PRICE_TEXT_MAX])
{
    if (price_is_set(p)) {
        snprintf(ret_text, PRICE_TEXT_MAX, "%" PRIu64 " for %" PRIu64 " pixel%s", p->amount,
                 p->pixels, p->pixels == 1 ? "" : "s");
    } else {
        snprintf(ret_text, PRICE_TEXT_MAX, "nothing");
    }
}
