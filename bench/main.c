/*
 * bench/main.c - stagecoach-bench: how fast it is, by one file per benchmark.
 */
#include <stdio.h>
#include <string.h>

#include "bench/bench.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} benchmarks[] = {
    {"decode", bench_decode, "an event's bytes to its fields, against msgpack-c"},
    {"rules", bench_rules, "the shop through 1, 3 and 9 machines, everything in memory"},
    {"kafka", bench_kafka,
     "a topic through the whole engine, against a bare consumer, on a real broker"},
};
#define BENCHMARK_COUNT (sizeof benchmarks / sizeof benchmarks[0])

static int usage(FILE *out, int code)
{
    fprintf(out, "usage: stagecoach-bench NAME [--json] [options; --help shows them]\n\n");
    for (size_t i = 0; i < BENCHMARK_COUNT; i++)
        fprintf(out, "  %-10s %s\n", benchmarks[i].name, benchmarks[i].help);
    return code;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return usage(stderr, 2);
    if (strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    for (size_t i = 0; i < BENCHMARK_COUNT; i++)
        if (strcmp(argv[1], benchmarks[i].name) == 0)
            return benchmarks[i].run(argc - 1, argv + 1);
    fprintf(stderr, "stagecoach-bench: there is no benchmark `%s`\n", argv[1]);
    return usage(stderr, 2);
}
