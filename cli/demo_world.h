/*
 * cli/demo_world.h - what the demo brings itself: a broker inside the process (librdkafka's mock
 * cluster) and a redis-server child on a unix socket, both gone when it ends.
 */
#ifndef CLI_DEMO_WORLD_H
#define CLI_DEMO_WORLD_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/err.h"

#define DEMO_PARTITIONS                                                                            \
    64 /* the mock keeps at most 5 MiB a partition, and drops what exceeds it without a word */
#define DEMO_TOPIC "shop.events"
#define DEMO_GROUP "demo"

struct demo_world {
    char folder[64]; /* temporary: socket, Redis' log, the configuration */
    char config_path[96];
    const char *brokers; /* borrowed from the broker */
    void *kafka;         /* rd_kafka_t that hosts the mock */
    void *cluster;
    pid_t redis;
    bool keep; /* the folder stays, and Redis goes on */
};

/* ERR_NONE, or ERR_FATAL with what to install or mend. demo_world_close() in either case. */
enum err demo_world_open(struct demo_world *world, struct errinfo *info);
void demo_world_close(struct demo_world *world);
#endif
