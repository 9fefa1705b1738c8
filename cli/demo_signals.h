/*
 * cli/demo_signals.h - reads the demo's signals back from the broker, counts them by type and says
 * the latest in words.
 */
#ifndef CLI_DEMO_SIGNALS_H
#define CLI_DEMO_SIGNALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define DEMO_TYPES_MAX  16
#define DEMO_LATEST     6
#define DEMO_WORDS_SIZE 256

struct demo_signals {
    void *consumer; /* rd_kafka_t */
    uint64_t total;
    struct {
        char name[64];
        uint64_t count;
    } types[DEMO_TYPES_MAX];
    size_t type_count;
    char latest[DEMO_LATEST][DEMO_WORDS_SIZE]; /* a ring */
    uint64_t told;                             /* how many went into it */
};

enum err demo_signals_open(struct demo_signals *signals, const char *brokers, struct errinfo *info);

/* Takes what is there, waiting at most timeout_ms for the first. */
void demo_signals_poll(struct demo_signals *signals, int timeout_ms);

void demo_signals_close(struct demo_signals *signals);
#endif
