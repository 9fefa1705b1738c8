/*
 * tests/support/pipeline.h - Stagecoach as a user starts it, between a real Kafka and a real Redis,
 * and what its signals must be.
 *
 * A pipeline is a topic of events, the topics of signals, a Redis of its own and up to
 * PIPELINE_PROCESSES processes of `stagecoach run` in one group. It remembers every message that it
 * was given, so that what the machines must signal can be computed without Kafka and Redis,
 * partition by partition (engine/backtest.h), and compared with what a read_committed consumer
 * finds. Where the rules change on the way, the journal says at which offset of each partition; what
 * the rules then are is what the test has noted, not what the journal holds.
 *
 * Whatever is not right fails the running test with a message and the last lines of the processes'
 * logs. Main thread only.
 */
#ifndef SUPPORT_PIPELINE_H
#define SUPPORT_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/shop.h"
#include "core/slice.h"
#include "tests/support/cluster.h"
#include "tests/support/process.h"

#define PIPELINE_PROCESSES      3
#define PIPELINE_TIMEOUT_MS     120000
#define PIPELINE_RULES_MAX      8
#define PIPELINE_PARTITIONS_MAX 16
#define PIPELINE_DAY_MS         INT64_C(86400000)

/* How much less a sanitizer's build is asked to do: it is 5 to 15 times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PIPELINE_SHARE 5
#else
#define PIPELINE_SHARE 1
#endif

struct pipeline_options {
    int partitions;
    struct cluster_kafka *kafka; /* NULL: the shared one */
    const char *machines;        /* paths, separated by commas; NULL: the three that are shipped */
    const char *const *redis;    /* options of its server, or NULL */
    const char *more;            /* further lines of the configuration, or NULL */
};

struct pipeline_message {
    int partition;
    int64_t time_ms;         /* of the record */
    struct slice key, value; /* owned */
};

struct project; /* cli/project.h */
struct lines;   /* private */

/* From which offsets on, in order, a partition has been under which of the noted rules. */
struct pipeline_changes {
    struct {
        int64_t offset;
        size_t rules; /* number of the note, from 0 */
    } items[PIPELINE_RULES_MAX];
    size_t count;
    unsigned with_files; /* a bit for each of the noted rules whose files the journal holds */
};

struct pipeline {
    struct cluster_kafka *kafka;
    struct cluster_redis *redis;
    int partitions;
    const char *more;
    char machines[1024];
    char group[96], events[96], carts[96], stages[96], signals[96], dead_letters[96];
    struct process *processes[PIPELINE_PROCESSES];
    char folders[PIPELINE_PROCESSES][400]; /* "" before the first start */
    struct pipeline_message *messages;     /* in the order of sending */
    size_t message_count, message_capacity, sent;
    struct project *rules[PIPELINE_RULES_MAX]; /* noted, owned */
    size_t rules_count;
    struct pipeline_changes changes[PIPELINE_PARTITIONS_MAX]; /* as the last check found them */
    struct lines *found;                                      /* signals, likewise */
    void *offsets; /* a consumer of the group that is no member, to look at what is committed */
};

/* Topics and Redis are there when this returns; nothing runs. */
void pipeline_open(struct pipeline *pipeline, const struct pipeline_options *options);
void pipeline_close(struct pipeline *pipeline);

/* ---- processes, numbered from 0; `instance` is different for each ---- */

/*
 * Writes its configuration, and starts `stagecoach run`; its log goes on where that of its former
 * life ended.
 */
void pipeline_start(struct pipeline *pipeline, int number);
void pipeline_kill(struct pipeline *pipeline, int number); /* SIGKILL */
void pipeline_stop(struct pipeline *pipeline, int number); /* SIGTERM; it must end with 0 */

/* ... it must end by itself, with `code`, having said `text`. */
void pipeline_await_failure(struct pipeline *pipeline, int number, int code, const char *text);

/* The configuration's path of a process, written anew. */
const char *pipeline_configure(struct pipeline *pipeline, int number);

/*
 * A file in the test's folder, for a machine of the test's own; the path is good until the next
 * call. Nobody sees half of it, nor of the configuration: each is written beside and renamed.
 */
const char *pipeline_write(const char *name, const char *text);

/* How often the text stands in the log. */
size_t pipeline_log_count(struct pipeline *pipeline, int number, const char *text);
#define pipeline_await_log(pipeline, number, text, times)                                          \
    wait_until(pipeline_log_count(pipeline, number, text) >= (times), PIPELINE_TIMEOUT_MS)

/* ---- rules that change on the way ---- */

/*
 * What the files of process 0 say now is in force some time: from the offsets that the journal
 * names. Noted before the process can see the files, or at least before the signals are checked.
 * The id of the ruleset. Without any note the rules are those of the configuration, throughout.
 */
uint64_t pipeline_note_rules(struct pipeline *pipeline);

/* ---- events ---- */

/* Copies; not sent yet. */
void pipeline_add(struct pipeline *pipeline, int partition, int64_t time_ms, struct slice key,
                  struct slice value);

/* A Segment message of {userId, event, timestamp}, to the partition of its customer. */
void pipeline_add_event(struct pipeline *pipeline, const char *customer, const char *event,
                        int64_t time_ms);

/* `count` events of a made-up shop. */
void pipeline_add_shop(struct pipeline *pipeline, const struct shop_options *options, size_t count);

/* A customer of each partition's own, so far ahead that every timer up to there fires. */
void pipeline_add_closers(struct pipeline *pipeline, int64_t time_ms);

/* The next `count` of those added, all acknowledged when this returns; how many that were. */
size_t pipeline_send(struct pipeline *pipeline, size_t count);

/* ---- how far it has come ---- */

/* Sum over the partitions, of offsets whose transaction is through. -1: Kafka does not answer. */
int64_t pipeline_committed(struct pipeline *pipeline);

/* Until everything sent is committed; fails when a process that was started has ended by itself. */
void pipeline_await_end(struct pipeline *pipeline);
/* ... at least `messages` of them. */
void pipeline_await_committed(struct pipeline *pipeline, int64_t messages);

/* ---- what must be ---- */

/*
 * Signals and their ids are those of the plain computation, each once, each in its topic. How many
 * there were. The journal holds the files of each of the rules that it names, once and before that.
 */
size_t pipeline_check_signals(struct pipeline *pipeline);

/* How many of those that the last check found hold the text in their value. */
size_t pipeline_count_found(const struct pipeline *pipeline, const char *text);

/* Committed signals of the type; each has been seen with an id of its own. */
size_t pipeline_count_signals(struct pipeline *pipeline, const char *type);

/* Waits until Redis has all that is committed, so that nothing more will be written. */
void pipeline_await_checkpoints(struct pipeline *pipeline);

/* After a clean stop: the committed offset is the end, and Redis has a checkpoint of just that. */
void pipeline_check_stopped(struct pipeline *pipeline);

/* A field of a partition's meta in Redis, to be freed; NULL when it is not there. */
char *pipeline_meta(struct pipeline *pipeline, int partition, const char *field);

/*
 * All that Redis holds of customers, statistics and positions, as sorted lines; to be given back to
 * pipeline_check_state(), which frees it. Without owner, version, epoch and times of writing.
 */
struct pipeline_state;
struct pipeline_state *pipeline_state(struct pipeline *pipeline);

/* It is still, or again, the same. */
void pipeline_check_state(struct pipeline *pipeline, struct pipeline_state *state);

void pipeline_fail(struct pipeline *pipeline, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5), noreturn));
#endif
