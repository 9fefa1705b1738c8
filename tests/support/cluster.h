/*
 * tests/support/cluster.h - a real Kafka broker and a real Redis for a test.
 *
 * Whatever can't be done fails the running test with a message, so nothing here returns an error. Both
 * servers are gone when the test program ends, however it ends (process.h). Main thread only.
 *
 * A broker takes 4 to 6 s to start. Tests that leave it alone share one: cluster_kafka_shared() takes the
 * one that STAGECOACH_TEST_KAFKA=host:port names (scripts/test sets it), else it starts one for the test
 * program. There, every topic and group name must come from cluster_name(). Tests that stop, freeze or kill
 * a broker take cluster_kafka_start().
 */
#ifndef SUPPORT_CLUSTER_H
#define SUPPORT_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/slice.h"

struct cluster_kafka;
struct cluster_redis;

/* --- Kafka ---------------------------------------------------------------------------------------- */

struct cluster_kafka *cluster_kafka_shared(void);

/* A broker of this test's own, ready when this returns. */
struct cluster_kafka *cluster_kafka_start(void);

/* host:port, for bootstrap.servers; the same over restarts. */
const char *cluster_kafka_address(const struct cluster_kafka *kafka);

/* Only on a broker of one's own. What it stored stays, unless the page cache of the machine is lost. */
void cluster_kafka_stop(struct cluster_kafka *kafka); /* in good order, waits for its end */
void cluster_kafka_kill(struct cluster_kafka *kafka); /* SIGKILL, waits for its end */
void cluster_kafka_restart(
    struct cluster_kafka *kafka); /* after stop or kill; waits until it answers */
void cluster_kafka_freeze(
    struct cluster_kafka *kafka); /* SIGSTOP: connections stay, no answer comes */
void cluster_kafka_thaw(struct cluster_kafka *kafka);

/* Kills it, unless it is shared. Accepts NULL. */
void cluster_kafka_free(struct cluster_kafka *kafka);

/* `STEM.` and something that no other test uses, for topics, groups and transactional ids. */
void cluster_name(char *name, size_t size, const char *stem);

/* `configs` is name, value, ..., NULL; or NULL. Ready to be written when this returns. */
void cluster_topic_create(struct cluster_kafka *kafka, const char *topic, int partitions,
                          const char *const configs[]);
void cluster_topic_delete(struct cluster_kafka *kafka, const char *topic);

/* To `partitions` in all. */
void cluster_topic_grow(struct cluster_kafka *kafka, const char *topic, int partitions);

/* Cuts the log: what lies before `offset` can't be read any more. */
void cluster_topic_trim(struct cluster_kafka *kafka, const char *topic, int partition,
                        int64_t offset);

struct cluster_header {
    const char *name;
    struct slice value;
};

struct cluster_message {
    int partition;   /* -1: by the key's hash */
    int64_t time_ms; /* 0: now */
    struct slice key;
    struct slice value; /* data NULL: a null value; "" and 0: an empty one */
    const struct cluster_header *headers;
    size_t header_count;
};

/* In order, lz4, all acknowledged when this returns. Messages to one partition get following offsets. */
void cluster_produce(struct cluster_kafka *kafka, const char *topic,
                     const struct cluster_message *messages, size_t count);

struct cluster_record {
    int partition;
    int64_t offset;
    int64_t time_ms;
    struct slice key;   /* NUL-terminated behind the slice, like all here; data NULL when null */
    struct slice value; /* likewise */
    struct cluster_header *headers;
    size_t header_count;
};

struct cluster_records {
    struct cluster_record *items; /* by partition, then offset */
    size_t count;
};

enum cluster_isolation {
    CLUSTER_COMMITTED,   /* up to the first open transaction */
    CLUSTER_SETTLED,     /* what is committed, once no transaction is open any more */
    CLUSTER_UNCOMMITTED, /* everything, also what was aborted */
};

/*
 * All that a consumer could read, of all partitions. To be freed. CLUSTER_SETTLED waits up to
 * transaction.timeout.ms for what a killed producer has left open; nobody may write meanwhile.
 */
struct cluster_records *cluster_read(struct cluster_kafka *kafka, const char *topic,
                                     enum cluster_isolation isolation);
void cluster_records_free(struct cluster_records *records);

/* A header's value as text, NULL when it is not there. */
const char *cluster_record_header(const struct cluster_record *record, const char *name);

/* The group's committed offset, stable; -1 when there is none. `metadata` may be NULL. */
int64_t cluster_committed(struct cluster_kafka *kafka, const char *group, const char *topic,
                          int partition, char *metadata, size_t size);

/* The end that an uncommitted reader would see: the high watermark. */
int64_t cluster_end(struct cluster_kafka *kafka, const char *topic, int partition);

/* --- Redis ---------------------------------------------------------------------------------------- */

/*
 * A redis-server on a free port and a unix socket, never saving by itself. noeviction unless `options`
 * says otherwise: further command line arguments ("--maxmemory", "100mb", NULL), or NULL.
 */
struct cluster_redis *cluster_redis_start(const char *const options[]);

const char *cluster_redis_url(const struct cluster_redis *redis);    /* redis://127.0.0.1:PORT/0 */
const char *cluster_redis_socket(const struct cluster_redis *redis); /* the unix socket's path */
int cluster_redis_port(const struct cluster_redis *redis);

void cluster_redis_stop(struct cluster_redis *redis); /* in good order, but without saving */
void cluster_redis_kill(struct cluster_redis *redis);
/* Comes back with what the command SAVE last wrote, or empty. */
void cluster_redis_restart(struct cluster_redis *redis);
/* As above, and empty in any case. */
void cluster_redis_restart_wiped(struct cluster_redis *redis);
void cluster_redis_freeze(struct cluster_redis *redis);
void cluster_redis_thaw(struct cluster_redis *redis);
void cluster_redis_free(struct cluster_redis *redis);

/* One command, its words separated by blanks; the reply as text (an array's elements on lines), to be
 * freed; NULL for nil. An error reply fails the test. For more, use hiredis. */
char *cluster_redis_command(struct cluster_redis *redis, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#endif
