/* What the orchestrator tells on /status and /metrics. */
#ifndef ORCHESTRATOR_REPORT_H
#define ORCHESTRATOR_REPORT_H

#include "orchestrator/relay.h"
#include "run/json.h"
#include "run/metrics.h"

void report_status(const struct relay *r, const char *service_addr, struct json *object);
void report_metrics(const struct relay *r, struct metrics *m);

#endif
