#include "consumer/source_kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "consumer/consumer_conf.h"
#include "consumer/consumer_error.h"
#include "consumer/event.h"
#include "consumer/log_reader.h"
#include "consumer/membership.h"
#include "consumer/refill.h"
#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"

#define REQUEST_TIMEOUT_MS   5000
#define COMMITTED_TIMEOUT_MS 2000 /* while offsets of a transaction are pending it is all waited */
#define SEEK_TIMEOUT_MS      2000
#define SEEK_PAUSE_MS        1
#define LEAVE_TIMEOUT_MS     3000
#define LEAVE_POLL_MS        2

/* Fenced more often than that within this time, it is another process that has our name. */
#define REJOINS_MAX      3
#define REJOIN_WINDOW_MS 60000

/*
 * A batch that has begun waits so long for more: a worker that keeps up should not be handed
 * messages one by one.
 */
#define LINGER_MS 1

/* Of a partition, whether it is assigned or not. */
struct reading {
    bool running;
    int64_t expected; /* what lies before it is not given */
};

/*
 * A topic of the configuration. Its handle is held, so that a message's topic is known by its
 * handle's address.
 */
struct input_topic {
    const char *name;
    rd_kafka_topic_t *handle;
    bool was_assigned;        /* so it is there, whatever a broker says that is just starting */
    struct reading *readings; /* by partition; owned */
    int32_t reading_count;
};

struct source_kafka {
    struct source base;
    const struct config *config;
    unsigned worker;
    const struct source_listener *listener;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue; /* the consumer's: messages, rebalances, errors */
    bool may_refill;
    struct refill refill;
    bool subscribed;
    bool fenced;         /* to be opened anew at the next poll */
    unsigned rejoins;    /* how often that was done lately */
    int64_t rejoined_ms; /* monotonic, when the first of them was */
    struct log_reader *log_reader;

    struct input_topic *topics;
    size_t topic_count;
    size_t topic_last; /* of the latest message: the next one's is most often the same */

    rd_kafka_message_t *raw[SOURCE_BATCH_MAX]; /* of the batch that was given last */
    size_t raw_count;
    struct source_message messages[SOURCE_BATCH_MAX];
    struct source_end ends[SOURCE_BATCH_MAX];

    enum err
        pending; /* an error to be told at the next poll: messages that came with it go first */
    struct errinfo pending_info;
};

static struct source_kafka *of_source(struct source *source)
{
    return (struct source_kafka *)source;
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    CHECK(memory != NULL);
    return memory;
}

/* --- Errors ----------------------------------------------------------------------------------- */

/* A fatal error stays, and is not covered by what follows from it. */
static void note_error(struct source_kafka *source, rd_kafka_resp_err_t code, const char *what,
                       const char *why)
{
    if (source->pending != ERR_FATAL)
        source->pending = consumer_error(&source->pending_info, code, what, why);
}

static int64_t monotonic_ms(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_ms(&clock);
}

/*
 * Another consumer has joined the group under our name. It may have been ourselves: after a broker
 * did not answer for the length of a session, both the request to join and its repetitions reach it,
 * in any order (seen after a broker was frozen for 9 s, or killed and started again; on a busy machine
 * one of them came after we had come back). So we come back, some times. Of two processes with one
 * name both do, and the one that is thrown out once more says so.
 */
static bool may_rejoin(struct source_kafka *source, rd_kafka_resp_err_t code)
{
    if (code != RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        return false;
    if (source->rejoins > 0 && monotonic_ms() - source->rejoined_ms > REJOIN_WINDOW_MS)
        source->rejoins = 0;
    return source->rejoins < REJOINS_MAX;
}

static void note_fatal(struct source_kafka *source)
{
    char why[400];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(source->rk, why, sizeof(why));
    if (source->fenced || may_rejoin(source, code)) {
        source->fenced = true;
        return;
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = RD_KAFKA_RESP_ERR__FATAL;
    source->pending = consumer_error(&source->pending_info, code, source->config->group, why);
}

static void note_brokers(struct source_kafka *source, rd_kafka_resp_err_t code, const char *why)
{
    char what[300];
    snprintf(what, sizeof(what), "Kafka at %s", source->config->brokers);
    note_error(source, code, what, why);
}

/* Inside poll. One broker of several that is away is no error for us; librdkafka logs it. */
static void on_error(rd_kafka_t *rk, int code, const char *why, void *self)
{
    (void)rk;
    switch (code) {
    case RD_KAFKA_RESP_ERR__FATAL:
        note_fatal(self);
        break;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        note_brokers(self, (rd_kafka_resp_err_t)code, why);
        break;
    }
}

static const char *place(char *text, size_t size, struct topic_partition of)
{
    snprintf(text, size, "%s partition %" PRId32, of.topic, of.partition);
    return text;
}

static enum err fail_at(struct topic_partition of, rd_kafka_resp_err_t code, struct errinfo *info)
{
    char text[300];
    return consumer_error(info, code, place(text, sizeof(text), of), NULL);
}

static enum err take_pending(struct source_kafka *source, struct errinfo *info)
{
    enum err rc = source->pending;
    if (rc == ERR_NONE)
        return rc;
    if (rc != ERR_FATAL)
        source->pending = ERR_NONE;
    return err_set(info, rc, "%s", source->pending_info.text);
}

/* --- Topics and partitions -------------------------------------------------------------------- */

static struct input_topic *find_topic(struct source_kafka *source, const char *name)
{
    for (size_t i = 0; i < source->topic_count; i++) {
        if (source->topics[i].name == name || strcmp(source->topics[i].name, name) == 0)
            return &source->topics[i];
    }
    return NULL;
}

/* NULL for a topic that is not of the configuration. */
static struct reading *get_reading(struct source_kafka *source, struct topic_partition of)
{
    struct input_topic *topic = find_topic(source, of.topic);
    if (!topic || of.partition < 0)
        return NULL;
    if (of.partition >= topic->reading_count) {
        int32_t count = of.partition + 1;
        topic->readings = realloc(topic->readings, (size_t)count * sizeof(*topic->readings));
        CHECK(topic->readings != NULL);
        for (int32_t i = topic->reading_count; i < count; i++)
            topic->readings[i] = (struct reading){0};
        topic->reading_count = count;
    }
    return &topic->readings[of.partition];
}

static void stop_reading(struct source_kafka *source)
{
    for (size_t i = 0; i < source->topic_count; i++) {
        for (int32_t p = 0; p < source->topics[i].reading_count; p++)
            source->topics[i].readings[p].running = false;
    }
}

static rd_kafka_topic_partition_list_t *list_of(struct topic_partition of, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, of.topic, of.partition)->offset = offset;
    return list;
}

/* --- Rebalances ------------------------------------------------------------------------------- */

/*
 * Paused before it is assigned, a partition is not fetched at all, and its position is never used:
 * the engine says later where to read from, so asking for the committed offset would be in vain.
 * Where librdkafka does not know the partition yet it can't be paused before; from its end at least
 * nothing can come that is outside the log.
 */
static void assign_paused(struct source_kafka *source, rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_pause_partitions(source->rk, list);
    for (int i = 0; i < list->cnt; i++) {
        bool is_paused = list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR;
        list->elems[i].offset = is_paused ? 0 : RD_KAFKA_OFFSET_END;
        list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(source->rk, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        note_error(source, code, "taking the assignment", NULL);
    rd_kafka_pause_partitions(source->rk, list);
}

static void tell_assigned(struct source_kafka *source, const rd_kafka_topic_partition_list_t *list)
{
    size_t count = 0;
    struct topic_partition *assigned = allocate((size_t)list->cnt, sizeof(*assigned));
    for (int i = 0; i < list->cnt; i++) {
        struct input_topic *topic = find_topic(source, list->elems[i].topic);
        if (!topic)
            continue;
        topic->was_assigned = true;
        assigned[count++] = (struct topic_partition){topic->name, list->elems[i].partition};
    }
    source->listener->assigned(source->listener->self, assigned, count);
    free(assigned);
}

/* Inside poll and close. */
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *list, void *self)
{
    struct source_kafka *source = self;
    stop_reading(source);
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
        assign_paused(source, list);
        tell_assigned(source, list);
        return;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
        source->listener->revoked(source->listener->self, rd_kafka_assignment_lost(rk) != 0);
        break;
    default:
        note_error(source, code, "rebalancing", NULL);
        break;
    }
    rd_kafka_assign(rk, NULL);
}

/* --- Polling ---------------------------------------------------------------------------------- */

static void give_back(struct source_kafka *source)
{
    for (size_t i = 0; i < source->raw_count; i++)
        rd_kafka_message_destroy(source->raw[i]);
    source->raw_count = 0;
}

/*
 * librdkafka waits until the array is full or the time is over, so it is never asked to wait for
 * many.
 */
static void fetch(struct source_kafka *source, int timeout_ms)
{
    rd_kafka_message_t **raw = source->raw;
    ssize_t count = rd_kafka_consume_batch_queue(source->queue, 0, raw, SOURCE_BATCH_MAX);
    CHECK(count >= 0);
    if (count == 0 && timeout_ms > 0 &&
        (raw[0] = rd_kafka_consume_queue(source->queue, timeout_ms)))
        count = 1;
    if (count > 0 && count < SOURCE_BATCH_MAX && timeout_ms > 0) {
        ssize_t more = rd_kafka_consume_batch_queue(source->queue, LINGER_MS, raw + count,
                                                    (size_t)(SOURCE_BATCH_MAX - count));
        count += more > 0 ? more : 0;
    }
    source->raw_count = (size_t)count;
    if (source->may_refill)
        refill_look(&source->refill, source->rk, source->queue, source->raw_count, monotonic_ms());
}

static struct input_topic *topic_of(struct source_kafka *source, const rd_kafka_topic_t *handle)
{
    if (source->topics[source->topic_last].handle == handle)
        return &source->topics[source->topic_last];
    for (size_t i = 0; i < source->topic_count; i++) {
        if (source->topics[i].handle == handle) {
            source->topic_last = i;
            return &source->topics[i];
        }
    }
    return NULL;
}

/* NULL where the message's partition is not being read, or not from so far back. */
static struct reading *wanted(const struct input_topic *topic, const rd_kafka_message_t *raw)
{
    if (!topic || raw->partition >= topic->reading_count)
        return NULL;
    struct reading *reading = &topic->readings[raw->partition];
    return reading->running && raw->offset >= reading->expected ? reading : NULL;
}

static int64_t time_of(const rd_kafka_message_t *raw)
{
    rd_kafka_timestamp_type_t type;
    int64_t time_ms = rd_kafka_message_timestamp(raw, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? EVENT_NO_TIME : time_ms;
}

static void add_message(struct source_kafka *source, const struct input_topic *topic,
                        rd_kafka_message_t *raw, struct source_batch *batch)
{
    source->messages[batch->message_count++] = (struct source_message){
        .from = {topic->name, raw->partition},
        .offset = raw->offset,
        .time_ms = time_of(raw),
        .key = {raw->key, raw->key_len},
        .value = {raw->payload, raw->len},
        .handle = raw,
    };
}

static void note_topic_error(struct source_kafka *source, const struct input_topic *topic,
                             const rd_kafka_message_t *raw)
{
    char what[300];
    const char *why = rd_kafka_message_errstr(raw);
    if (topic->was_assigned && raw->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        note_error(source, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, topic->name, why);
    else if (raw->partition < 0)
        note_error(source, raw->err, topic->name, why);
    else
        note_error(source, raw->err,
                   place(what, sizeof(what), (struct topic_partition){topic->name, raw->partition}),
                   why);
}

static void note_message_error(struct source_kafka *source, const rd_kafka_message_t *raw)
{
    const struct input_topic *topic = raw->rkt ? topic_of(source, raw->rkt) : NULL;
    if (raw->err == RD_KAFKA_RESP_ERR__FATAL)
        note_fatal(source);
    else if (raw->err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        note_brokers(source, raw->err, rd_kafka_message_errstr(raw));
    else if (topic)
        note_topic_error(source, topic, raw);
    else
        note_error(source, raw->err, "consuming", rd_kafka_message_errstr(raw));
}

static void sort_out(struct source_kafka *source, rd_kafka_message_t *raw,
                     struct source_batch *batch)
{
    bool is_end = raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (raw->err != RD_KAFKA_RESP_ERR_NO_ERROR && !is_end) {
        note_message_error(source, raw);
        return;
    }
    struct input_topic *topic = topic_of(source, raw->rkt);
    struct reading *reading = wanted(topic, raw);
    if (!reading)
        return;
    if (is_end) {
        reading->expected = raw->offset;
        source->ends[batch->end_count++] =
            (struct source_end){{topic->name, raw->partition}, raw->offset};
    } else {
        reading->expected = raw->offset + 1;
        add_message(source, topic, raw, batch);
    }
}

/* An end that messages have followed in the same batch is none any more. */
static void drop_passed_ends(struct source_kafka *source, struct source_batch *batch)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->end_count; i++) {
        struct source_end end = source->ends[i];
        if (get_reading(source, end.of)->expected == end.offset)
            source->ends[count++] = end;
    }
    batch->end_count = count;
}

static enum err rejoin(struct source_kafka *source, struct errinfo *info);

static enum err poll_queue(struct source *base, int timeout_ms, struct source_batch *batch,
                           struct errinfo *info)
{
    struct source_kafka *source = of_source(base);
    *batch = (struct source_batch){.messages = source->messages, .ends = source->ends};
    give_back(source);
    enum err rc = source->fenced ? rejoin(source, info) : take_pending(source, info);
    if (rc != ERR_NONE)
        return rc;
    fetch(source, timeout_ms);
    for (size_t i = 0; i < source->raw_count; i++)
        sort_out(source, source->raw[i], batch);
    drop_passed_ends(source, batch);
    if (batch->message_count + batch->end_count > 0)
        return ERR_NONE;
    return take_pending(source, info);
}

static struct slice traceparent(struct source *base, const struct source_message *message)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    (void)base;
    if (rd_kafka_message_headers(message->handle, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, "traceparent", &value, &size) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
        return (struct slice){NULL, 0};
    return (struct slice){value, size};
}

/* --- Pausing and resuming --------------------------------------------------------------------- */

static enum err pause_partition(struct source *base, struct topic_partition of,
                                struct errinfo *info)
{
    struct source_kafka *source = of_source(base);
    struct reading *reading = get_reading(source, of);
    if (!reading)
        return fail_at(of, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, info);
    reading->running = false;
    rd_kafka_topic_partition_list_t *list = list_of(of, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_pause_partitions(source->rk, list);
    rd_kafka_resp_err_t code = list->elems[0].err;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_NONE : fail_at(of, code, info);
}

static rd_kafka_resp_err_t seek_once(struct source_kafka *source,
                                     rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_error_t *error = rd_kafka_seek_partitions(source->rk, list, SEEK_TIMEOUT_MS);
    rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : list->elems[0].err;
    if (error)
        rd_kafka_error_destroy(error);
    return code;
}

/*
 * _STATE: the partition's fetcher has not been started yet, which happens in the background within
 * milliseconds. _TIMED_OUT: librdkafka 2.0.2 takes the milliseconds of the call for microseconds.
 * Seeking twice does no harm.
 */
static bool is_early(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static rd_kafka_resp_err_t seek(struct source_kafka *source, rd_kafka_topic_partition_list_t *list)
{
    const struct timespec pause = {0, SEEK_PAUSE_MS * 1000000};
    int64_t end_ms = monotonic_ms() + SEEK_TIMEOUT_MS;
    rd_kafka_resp_err_t code = seek_once(source, list);
    while (is_early(code) && monotonic_ms() < end_ms) {
        nanosleep(&pause, NULL);
        code = seek_once(source, list);
    }
    return code;
}

static enum err resume_at(struct source_kafka *source, rd_kafka_topic_partition_list_t *list,
                          struct topic_partition of, struct errinfo *info)
{
    rd_kafka_resp_err_t code = seek(source, list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_resume_partitions(source->rk, list);
        code = list->elems[0].err;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_NONE : fail_at(of, code, info);
}

static enum err resume_partition(struct source *base, struct topic_partition of, int64_t offset,
                                 struct errinfo *info)
{
    struct source_kafka *source = of_source(base);
    struct reading *reading = get_reading(source, of);
    if (!reading)
        return fail_at(of, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, info);
    rd_kafka_topic_partition_list_t *list = list_of(of, offset);
    enum err rc = resume_at(source, list, of, info);
    rd_kafka_topic_partition_list_destroy(list);
    reading->running = rc == ERR_NONE;
    reading->expected = offset;
    return rc;
}

/* --- What Kafka knows ------------------------------------------------------------------------- */

static void copy_metadata(struct source_committed *to, const rd_kafka_topic_partition_t *from)
{
    size_t size = from->metadata ? from->metadata_size : 0;
    if (size >= sizeof(to->metadata))
        size = sizeof(to->metadata) - 1; /* not ours, then */
    if (size)
        memcpy(to->metadata, from->metadata, size);
    to->metadata[size] = '\0';
}

static enum err read_committed(rd_kafka_topic_partition_list_t *list,
                               struct source_committed *partitions, size_t count,
                               struct errinfo *info)
{
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *found = rd_kafka_topic_partition_list_find(
            list, partitions[i].of.topic, partitions[i].of.partition);
        CHECK(found != NULL);
        if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            return fail_at(partitions[i].of, found->err, info);
        partitions[i].offset = found->offset >= 0 ? found->offset : -1;
        copy_metadata(&partitions[i], found);
    }
    return ERR_NONE;
}

static enum err committed(struct source *base, struct source_committed *partitions, size_t count,
                          struct errinfo *info)
{
    struct source_kafka *source = of_source(base);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    enum err rc;
    for (size_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, partitions[i].of.topic, partitions[i].of.partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(source->rk, list, COMMITTED_TIMEOUT_MS);
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        rc = err_set(info, ERR_RETRY,
                     "the committed offsets of group %s: none yet, as another "
                     "transaction's are pending, or no answer",
                     source->config->group);
    else if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rc = consumer_error(info, code, "the committed offsets", NULL);
    else
        rc = read_committed(list, partitions, count, info);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

static enum err bounds(struct source *base, struct topic_partition of, int64_t *first, int64_t *end,
                       struct errinfo *info)
{
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        of_source(base)->rk, of.topic, of.partition, first, end, REQUEST_TIMEOUT_MS);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_NONE : fail_at(of, code, info);
}

static enum err partition_count(struct source *base, const char *name, int32_t *count,
                                struct errinfo *info)
{
    struct source_kafka *source = of_source(base);
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(source->rk, name, NULL);
    CHECK(topic != NULL);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(source->rk, 0, topic, &metadata, REQUEST_TIMEOUT_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        CHECK(metadata->topic_cnt == 1);
        code = metadata->topics[0].err;
        *count = metadata->topics[0].partition_cnt;
        rd_kafka_metadata_destroy(metadata);
    }
    rd_kafka_topic_destroy(topic);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? ERR_NONE : consumer_error(info, code, name, NULL);
}

static void membership(struct source *base, struct buf *out)
{
    membership_add(of_source(base)->rk, out);
}

static enum err read_log(struct source *base, struct topic_partition log, void *self,
                         void (*each)(void *self, int64_t offset, struct slice value),
                         struct errinfo *info)
{
    return log_reader_read(of_source(base)->log_reader, log, self, each, info);
}

/* --- Opening and closing ---------------------------------------------------------------------- */

/*
 * A static member that just closes is waited for until its session has run out. Unsubscribing sends
 * a LeaveGroup, but only while the consumer is not being closed: so the revocation is served first,
 * until the membership is over.
 */
static void leave_group(struct source_kafka *source)
{
    int64_t end_ms = monotonic_ms() + LEAVE_TIMEOUT_MS;
    struct buf bytes;
    buf_init(&bytes);
    membership_add(source->rk, &bytes);
    rd_kafka_unsubscribe(source->rk);
    while (bytes.size > 0 && monotonic_ms() < end_ms) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(source->queue, LEAVE_POLL_MS);
        if (message)
            rd_kafka_message_destroy(message);
        buf_reset(&bytes);
        membership_add(source->rk, &bytes);
    }
    buf_fini(&bytes);
}

static void destroy_consumer(struct source_kafka *source, int flags)
{
    for (size_t i = 0; i < source->topic_count; i++) {
        if (source->topics[i].handle)
            rd_kafka_topic_destroy(source->topics[i].handle);
        source->topics[i].handle = NULL;
    }
    if (source->queue)
        rd_kafka_queue_destroy(source->queue);
    rd_kafka_destroy_flags(source->rk, flags);
    source->queue = NULL;
    source->rk = NULL;
    source->subscribed = false;
}

static void close_consumer(struct source_kafka *source)
{
    if (source->subscribed) {
        leave_group(source);
        rd_kafka_consumer_close(source->rk); /* waits for the broker's answer */
    }
    destroy_consumer(source, 0);
}

static void close_source(struct source *base)
{
    struct source_kafka *source = of_source(base);
    give_back(source);
    if (source->rk)
        close_consumer(source);
    log_reader_close(source->log_reader);
    for (size_t i = 0; i < source->topic_count; i++)
        free(source->topics[i].readings);
    free(source->topics);
    free(source);
}

static const struct source_ops kafka_ops = {
    .poll = poll_queue,
    .traceparent = traceparent,
    .pause = pause_partition,
    .resume = resume_partition,
    .committed = committed,
    .bounds = bounds,
    .partition_count = partition_count,
    .membership = membership,
    .read_log = read_log,
    .close = close_source,
};

static enum err create_consumer(struct source_kafka *source, struct errinfo *info)
{
    char text[256];
    rd_kafka_conf_t *conf = consumer_conf_member(source->config, source->worker, info);
    if (!conf)
        return ERR_CONFIG;
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, source);
    source->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!source->rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(info, ERR_CONFIG, "%s", text);
    }
    rd_kafka_poll_set_consumer(source->rk);
    source->queue = rd_kafka_queue_get_consumer(source->rk);
    return ERR_NONE;
}

static enum err subscribe(struct source_kafka *source, struct errinfo *info)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)source->topic_count);
    for (size_t i = 0; i < source->topic_count; i++) {
        struct input_topic *topic = &source->topics[i];
        topic->handle = rd_kafka_topic_new(source->rk, topic->name, NULL);
        CHECK(topic->handle != NULL);
        rd_kafka_topic_partition_list_add(list, topic->name, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_resp_err_t code = rd_kafka_subscribe(source->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_set(info, ERR_CONFIG, "subscribing: %s", rd_kafka_err2str(code));
    source->subscribed = true;
    return ERR_NONE;
}

/*
 * A consumer with a fatal error can't be used again, nor closed. Once the engine has let go, nobody
 * asks for our membership.
 */
static enum err rejoin(struct source_kafka *source, struct errinfo *info)
{
    log_warn("consumer.fenced",
             "group=%s worker=%u note=\"somebody has joined under our `instance`: if that was not "
             "ourselves during an outage "
             "of the broker, it is another process, and one of the two will end\"",
             source->config->group, source->worker);
    source->fenced = false;
    if (source->rejoins++ == 0)
        source->rejoined_ms = monotonic_ms();
    stop_reading(source);
    source->listener->revoked(source->listener->self, true);
    destroy_consumer(source, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    enum err rc = create_consumer(source, info);
    return rc == ERR_NONE ? subscribe(source, info) : rc;
}

static void set_topics(struct source_kafka *source, const struct config *config)
{
    source->topic_count = config->topics.count;
    source->topics = allocate(source->topic_count, sizeof(*source->topics));
    for (size_t i = 0; i < source->topic_count; i++)
        source->topics[i].name = config->topics.items[i];
}

struct source *source_kafka_open(const struct config *config, unsigned worker,
                                 const struct source_listener *listener, struct errinfo *info)
{
    if (!membership_form_is_known()) {
        err_set(info, ERR_FATAL, "librdkafka %s writes memberships in a form that is not known",
                rd_kafka_version_str());
        return NULL;
    }
    struct source_kafka *source = allocate(1, sizeof(*source));
    source->base.ops = &kafka_ops;
    source->config = config;
    source->worker = worker;
    source->listener = listener;
    source->may_refill = refill_is_possible(config);
    source->log_reader = log_reader_open(config, worker);
    set_topics(source, config);
    if (create_consumer(source, info) == ERR_NONE && subscribe(source, info) == ERR_NONE)
        return &source->base;
    close_source(&source->base);
    return NULL;
}
