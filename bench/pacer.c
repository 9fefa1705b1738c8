#include "bench/pacer.h"

int64_t pacer_due_ns(struct pacer *pacer, int64_t time_ms, int64_t now_ns)
{
    if (!pacer->has_begun) {
        pacer->has_begun = true;
        pacer->begun_ns = now_ns;
        pacer->first_ms = pacer->newest_ms = time_ms;
    }
    if (time_ms > pacer->newest_ms)
        pacer->newest_ms = time_ms;
    double count = (double)pacer->count++;
    double passed_ns = 0;
    if (pacer->events_per_s > 0)
        passed_ns = count / pacer->events_per_s * 1e9;
    else if (pacer->speed > 0)
        passed_ns = (double)(pacer->newest_ms - pacer->first_ms) / pacer->speed * 1e6;
    return pacer->begun_ns + (int64_t)passed_ns;
}
