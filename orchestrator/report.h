/* What the orchestrator tells on /status and /metrics. */
#ifndef ORCHESTRATOR_REPORT_H
#define ORCHESTRATOR_REPORT_H

#include "base/buf.h"
#include "orchestrator/relay.h"
#include "run/json.h"

void report_status(const struct relay *r, const char *service_addr, struct json *object);
void report_metrics(const struct relay *r, struct buf *out);

#endif
