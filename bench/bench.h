/*
 * bench/bench.h - what the benchmarks of stagecoach-bench share: their entry points, and the facts that a number is
 * worth nothing without.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/* Exit codes as of the commands: 0, 1 failed, 2 wrong usage. */
int bench_decode(int argc, char **argv);
int bench_rules(int argc, char **argv);
int bench_kafka(int argc, char **argv);

/* Appends `"commit":...,"cpu":...,"compiler":...,"libraries":...` to a JSON object. */
void bench_add_machine(struct buf *json);

/* CPU time of this thread: waiting for the core behind somebody else is not counted. */
int64_t bench_thread_cpu_ns(void);

/* Sorts `values`. */
double bench_median(double *values, size_t count);
#endif
