#include "orchestrator/receipts/spsp.h"

#include <string.h>

#include "run/json_read.h"

static bool is_text(const struct json *j, const char *name)
{
    const char *text = json_string_of(json_member(j, name));
    return text != NULL && text[0] != '\0';
}

enum spsp_verdict spsp_read(struct span body)
{
    char why[JSON_READ_WHY_MAX];
    struct json *j;
    if (body.len > SPSP_ANSWER_MAX || json_read(body, &j, why) != ERR_OK) {
        return SPSP_RUBBISH;
    }
    bool is_answer = is_text(j, "destination_account") && is_text(j, "shared_secret");
    bool receipts = json_bool_of(json_member(j, "receipts_enabled"));
    json_destroy(j);
    return !is_answer ? SPSP_RUBBISH : receipts ? SPSP_GOOD : SPSP_NO_RECEIPTS;
}

bool spsp_accepted(const char *accept)
{
    return accept != NULL && strcasestr(accept, SPSP_TYPE) != NULL;
}
