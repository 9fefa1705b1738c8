/*
 * cli/feed.h - what generate and replay share: events into the first topic of the configuration, at
 * a pace, with what happens on the way said on stderr.
 */
#ifndef CLI_FEED_H
#define CLI_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/feeder.h"
#include "bench/pacer.h"
#include "config/config.h"

struct feed {
    const char *command; /* for messages */
    const char *topic;
    struct feeder *feeder;
    struct pacer pacer;
    int64_t started_ns;
    uint64_t sent;
    uint64_t refused;          /* too large, or the one at which it ended */
    int64_t first_ms, last_ms; /* smallest and greatest event time that was sent */
};

/* Waits until Kafka answers. Exit code 0: it can begin; else what is wrong has been said. */
int feed_open(struct feed *feed, const char *command, const struct config *config);

/*
 * Sends when it is due. False: it is over, by an interruption or an error that has been said
 * (feed_close() knows). `where` names the event in messages.
 */
bool feed_send(struct feed *feed, const struct feeder_record *record, const char *where);

/*
 * Waits for what is on its way, says what was done. The exit code: 1 where a record was not
 * delivered.
 */
int feed_close(struct feed *feed);
#endif
