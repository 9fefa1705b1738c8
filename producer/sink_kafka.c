#include "producer/sink_kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "core/check.h"
#include "core/clock.h"
#include "producer/outflow.h"
#include "producer/producer_conf.h"
#include "producer/producer_error.h"

#define METADATA_TIMEOUT_MS 5000
#define INIT_TIMEOUT_MS                                                                            \
    15000 /* an old transaction that is still being committed has to end first */
#define ABORT_TIMEOUT_MS 5000 /* then the producer is destroyed, so nothing is resumed */
#define FULL_FLUSH_MS    20   /* how long a full queue is emptied before the caller repeats */
#define CLASHES_MAX      3    /* fenced so often, with no commit between: that is no accident */

/*
 *            settle             begin            commit
 *   NONE ------------> READY ------------> OPEN ------------> READY
 *    ^                                      |
 *    | drop: destroyed                      | the transaction has failed, the producer has not
 *    |                                      v
 *    +------------------ BROKEN        ABORTABLE --- drop: abort ---> READY
 */
enum sink_state { SINK_NONE, SINK_READY, SINK_OPEN, SINK_ABORTABLE, SINK_BROKEN };

struct output_topic {
    char *name;
    rd_kafka_topic_t *handle; /* of the present producer, or NULL */
    bool was_there;           /* a broker that does not know it is just starting */
    struct outflow outflow;   /* of the open transaction */
};

struct sink_kafka {
    struct sink base;
    const struct config *config;
    unsigned worker;
    struct clock clock;
    enum sink_state state;
    rd_kafka_t *rk; /* NULL in SINK_NONE */
    struct output_topic *topics;
    size_t topic_count;

    int64_t request_timeout_ms; /* socket.timeout.ms and transaction.timeout.ms in force */
    int64_t transaction_timeout_ms;
    size_t batch_size; /* batch.size, likewise */
    int64_t begun_ms;  /* monotonic, of the open transaction */
    int64_t time_ms;   /* of its records that name none: its begin, by the wall clock */

    /* A connection has broken: a request that was repeated on another may still reach the broker,
     * and would then end a later transaction of this producer. The next one is begun by a new
     * producer. */
    bool suspect;
    int clash_count;    /* fenced by another producer since the last commit */
    bool undeliverable; /* a record of the open transaction can never be produced */
    struct errinfo why_undeliverable;
};

static struct sink_kafka *of_sink(struct sink *sink)
{
    return (struct sink_kafka *)sink;
}

static int64_t now_ms(struct sink_kafka *sink)
{
    return clock_monotonic_ms(&sink->clock);
}

/* --- Errors ----------------------------------------------------------------------------------- */

static enum err unsettled(struct errinfo *info)
{
    return err_set(info, ERR_FENCED, "no transaction is open: settle and begin");
}

/* ERR_FATAL where a person has to look, else ERR_RETRY. Before or outside of transactions. */
static enum err fail(struct errinfo *info, rd_kafka_resp_err_t code, const char *what,
                     const char *why)
{
    const char *advice = producer_error_advice(code);
    if (!why)
        why = rd_kafka_err2str(code);
    if (!advice)
        return err_set(info, ERR_RETRY, "%s: %s", what, why);
    return err_set(info, ERR_FATAL, "%s: %s (%s)", what, why, advice);
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* The broker says the same of both, so the clock has to tell. */
static enum err fenced(struct sink_kafka *sink, const char *what, struct errinfo *info)
{
    int64_t open_ms = now_ms(sink) - sink->begun_ms;
    if (open_ms >= sink->transaction_timeout_ms)
        return err_set(info, ERR_FENCED,
                       "%s: the transaction was open for %" PRId64
                       " ms, longer than transaction.timeout.ms: the broker has aborted it",
                       what, open_ms);
    sink->clash_count++;
    return err_set(
        info, ERR_FENCED,
        "%s: another producer has taken the transactional.id %s/%s/%u: does another process "
        "run under the same `instance`?",
        what, sink->config->group, sink->config->instance, sink->worker);
}

static enum err tell_undeliverable(struct sink_kafka *sink, struct errinfo *info)
{
    return err_set(info, ERR_FATAL, "%s", sink->why_undeliverable.text);
}

/*
 * What follows from the error of a call in a transaction: fatal, abortable, anything else as fatal.
 * Takes `error`.
 */
static enum err judge(struct sink_kafka *sink, rd_kafka_error_t *error, const char *what,
                      struct errinfo *info)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    const char *advice = producer_error_advice(code);
    bool abortable = !rd_kafka_error_is_fatal(error) && rd_kafka_error_txn_requires_abort(error);
    enum err rc;

    sink->state = abortable ? SINK_ABORTABLE : SINK_BROKEN;
    if (sink->undeliverable)
        rc = tell_undeliverable(sink, info);
    else if (is_fenced(code))
        rc = fenced(sink, what, info);
    else if (advice)
        rc = err_set(info, ERR_FATAL, "%s: %s (%s)", what, rd_kafka_error_string(error), advice);
    else
        rc = err_set(info, ERR_FENCED, "%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return rc;
}

/* Inside poll, flush and commit, on the publisher's thread. */
static void on_error(rd_kafka_t *rk, int code, const char *why, void *self)
{
    struct sink_kafka *sink = self;
    (void)rk;
    (void)why;
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
        code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        sink->suspect = true;
}

/*
 * Failed ones only. Where the same record may pass another time, the commit's error says all there
 * is to say.
 */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *self)
{
    struct sink_kafka *sink = self;
    const char *advice = producer_error_advice(message->err);
    (void)rk;
    if (sink->undeliverable || !advice)
        return;
    sink->undeliverable = true;
    err_set(&sink->why_undeliverable, ERR_FATAL,
            "topic %s: a record of %zu bytes can't be produced: %s (%s)",
            rd_kafka_topic_name(message->rkt), message->len, rd_kafka_err2str(message->err),
            advice);
}

/* --- The producer ----------------------------------------------------------------------------- */

static void destroy_producer(struct sink_kafka *sink)
{
    for (size_t i = 0; i < sink->topic_count; i++) {
        if (sink->topics[i].handle)
            rd_kafka_topic_destroy(sink->topics[i].handle);
        sink->topics[i].handle = NULL;
    }
    if (sink->rk)
        rd_kafka_destroy(sink->rk);
    sink->rk = NULL;
    sink->state = SINK_NONE;
}

static int64_t setting(rd_kafka_t *rk, const char *name)
{
    char text[32];
    size_t size = sizeof(text);
    CHECK(rd_kafka_conf_get(rd_kafka_conf(rk), name, text, &size) == RD_KAFKA_CONF_OK);
    return strtoll(text, NULL, 10);
}

static enum err create_handle(struct sink_kafka *sink, struct errinfo *info)
{
    char text[256];
    rd_kafka_conf_t *conf = producer_conf_transactional(sink->config, sink->worker, info);
    if (!conf)
        return ERR_CONFIG;
    rd_kafka_conf_set_opaque(conf, sink);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    sink->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!sink->rk) {
        rd_kafka_conf_destroy(conf);
        return err_set(info, ERR_CONFIG, "%s", text);
    }
    sink->request_timeout_ms = setting(sink->rk, "socket.timeout.ms");
    sink->transaction_timeout_ms = setting(sink->rk, "transaction.timeout.ms");
    sink->batch_size = (size_t)setting(sink->rk, "batch.size");
    return ERR_NONE;
}

static enum err fail_brokers(struct sink_kafka *sink, rd_kafka_resp_err_t code, const char *why,
                             struct errinfo *info)
{
    char what[300];
    snprintf(what, sizeof(what), "Kafka at %s", sink->config->brokers);
    return fail(info, code, what, why);
}

static enum err fail_topic(const struct output_topic *topic, rd_kafka_resp_err_t code,
                           struct errinfo *info)
{
    if (topic->was_there && code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return err_set(info, ERR_RETRY, "topic %s: %s", topic->name, rd_kafka_err2str(code));
    return fail(info, code, topic->name, NULL);
}

/* Asking now saves the first record a wait of up to a second, in the middle of a transaction. */
static enum err find_topic(struct sink_kafka *sink, struct output_topic *topic,
                           struct errinfo *info)
{
    const struct rd_kafka_metadata *metadata;
    topic->handle = rd_kafka_topic_new(sink->rk, topic->name, NULL);
    if (!topic->handle)
        return fail(info, rd_kafka_last_error(), topic->name, NULL);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(sink->rk, 0, topic->handle, &metadata, METADATA_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_brokers(sink, code, NULL, info);
    CHECK(metadata->topic_cnt == 1);
    code = metadata->topics[0].err;
    topic->outflow = (struct outflow){.partitions = metadata->topics[0].partition_cnt};
    rd_kafka_metadata_destroy(metadata);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_topic(topic, code, info);
    topic->was_there = true;
    return ERR_NONE;
}

/* Whatever was open under the id is aborted by the broker, and its producer fenced. */
static enum err initialise(struct sink_kafka *sink, struct errinfo *info)
{
    rd_kafka_error_t *error = rd_kafka_init_transactions(sink->rk, INIT_TIMEOUT_MS);
    if (!error)
        return ERR_NONE;
    enum err rc =
        fail_brokers(sink, rd_kafka_error_code(error), rd_kafka_error_string(error), info);
    rd_kafka_error_destroy(error);
    return rc;
}

static enum err create_producer(struct sink_kafka *sink, struct errinfo *info)
{
    enum err rc = create_handle(sink, info);
    for (size_t i = 0; i < sink->topic_count && rc == ERR_NONE; i++)
        rc = find_topic(sink, &sink->topics[i], info);
    if (rc == ERR_NONE)
        rc = initialise(sink, info);
    if (rc != ERR_NONE) {
        destroy_producer(sink);
        return rc;
    }
    rd_kafka_poll(sink->rk, 0); /* errors of connecting are no reason to suspect anything */
    sink->suspect = false;
    sink->undeliverable = false;
    sink->state = SINK_READY;
    return ERR_NONE;
}

static enum err renew(struct sink_kafka *sink, struct errinfo *info)
{
    destroy_producer(sink);
    return create_producer(sink, info);
}

static bool abort_transaction(struct sink_kafka *sink)
{
    rd_kafka_error_t *error = rd_kafka_abort_transaction(sink->rk, ABORT_TIMEOUT_MS);
    bool aborted = error == NULL;
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_poll(sink->rk, 0);
    sink->undeliverable = false;
    sink->state = aborted ? SINK_READY : SINK_BROKEN;
    return aborted;
}

/* --- Transactions ----------------------------------------------------------------------------- */

/* An aborted transaction has no records any more, nor has a producer that is gone; one that has failed may still send. */
static void drop(struct sink *base)
{
    struct sink_kafka *sink = of_sink(base);
    switch (sink->state) {
    case SINK_NONE:
    case SINK_READY:
        return;
    case SINK_OPEN:
    case SINK_ABORTABLE:
        if (abort_transaction(sink))
            return;
        break;
    case SINK_BROKEN:
        break;
    }
    destroy_producer(sink);
}

static enum err settle(struct sink *base, struct errinfo *info)
{
    struct sink_kafka *sink = of_sink(base);
    if (sink->clash_count >= CLASHES_MAX)
        return err_set(info, ERR_FATAL,
                       "the transactional.id %s/%s/%u is in use by another process: two of a group "
                       "need two names under `instance`",
                       sink->config->group, sink->config->instance, sink->worker);
    drop(base);
    return sink->state == SINK_READY ? ERR_NONE : create_producer(sink, info);
}

/* A step of a transaction: NULL, or what went wrong. */
struct step {
    const char *what;
    rd_kafka_error_t *(*run)(struct sink_kafka *sink, const struct step *step);
    const rd_kafka_topic_partition_list_t *offsets;
    const rd_kafka_consumer_group_metadata_t *membership;
};

static bool may_repeat(const rd_kafka_error_t *error)
{
    return rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error) &&
           !rd_kafka_error_txn_requires_abort(error) &&
           rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__TIMED_OUT;
}

/*
 * Only a step within the time-out of one request is certain: behind a longer one a request may have
 * been repeated, the first being still on its way.
 */
static enum err take(struct sink_kafka *sink, const struct step *step, struct errinfo *info)
{
    int64_t start_ms = now_ms(sink);
    rd_kafka_error_t *error = step->run(sink, step);
    while (error && may_repeat(error) && now_ms(sink) - start_ms < sink->request_timeout_ms) {
        rd_kafka_error_destroy(error);
        error = step->run(sink, step);
    }
    rd_kafka_poll(sink->rk,
                  0); /* delivery reports and broken connections, before they are asked for */
    if (error)
        return judge(sink, error, step->what, info);
    int64_t took_ms = now_ms(sink) - start_ms;
    if (took_ms < sink->request_timeout_ms)
        return ERR_NONE;
    sink->state = SINK_BROKEN;
    return err_set(info, ERR_FENCED,
                   "%s took %" PRId64
                   " ms, longer than socket.timeout.ms: what became of it has to be "
                   "looked up",
                   step->what, took_ms);
}

static rd_kafka_error_t *run_begin(struct sink_kafka *sink, const struct step *step)
{
    (void)step;
    return rd_kafka_begin_transaction(sink->rk);
}

static void begin_outflow(struct sink_kafka *sink)
{
    for (size_t i = 0; i < sink->topic_count; i++)
        sink->topics[i].outflow.count = sink->topics[i].outflow.size = 0;
}

static enum err begin(struct sink *base, struct errinfo *info)
{
    struct sink_kafka *sink = of_sink(base);
    const struct step step = {.what = "begin of the transaction", .run = run_begin};
    if (sink->state != SINK_READY)
        return err_set(info, ERR_FENCED, "an earlier transaction is not settled");
    rd_kafka_poll(sink->rk, 0); /* has a connection broken meanwhile? */
    enum err rc = sink->suspect ? renew(sink, info) : ERR_NONE;
    if (rc != ERR_NONE)
        return rc;
    sink->begun_ms = now_ms(sink);
    sink->time_ms = clock_wall_ms(&sink->clock);
    sink->undeliverable = false;
    begin_outflow(sink);
    rc = take(sink, &step, info);
    if (rc == ERR_NONE)
        sink->state = SINK_OPEN;
    return rc;
}

static struct output_topic *topic_named(struct sink_kafka *sink, const char *name)
{
    for (size_t i = 0; i < sink->topic_count; i++) {
        if (strcmp(sink->topics[i].name, name) == 0)
            return &sink->topics[i];
    }
    return NULL;
}

static rd_kafka_headers_t *headers_of(const struct sink_record *record)
{
    if (record->header_count == 0)
        return NULL;
    CHECK(record->header_count <= SINK_HEADERS_MAX);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct sink_header *header = &record->headers[i];
        const char *value = header->value.data ? header->value.data : ""; /* empty, not null */
        rd_kafka_header_add(headers, header->name, -1, value, (ssize_t)header->value.size);
    }
    return headers;
}

/* The value is borrowed, all else copied; the headers are librdkafka's when it succeeds. */
static rd_kafka_resp_err_t enqueue(struct sink_kafka *sink, const struct output_topic *topic,
                                   const struct sink_record *record)
{
    rd_kafka_headers_t *headers = headers_of(record);
    rd_kafka_vu_t values[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic->handle},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
         .u.i64 = record->time_ms ? record->time_ms : sink->time_ms},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)record->key.data, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)record->value.data, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    size_t count = sizeof(values) / sizeof(values[0]) - (headers ? 0 : 1);
    rd_kafka_error_t *error = rd_kafka_produceva(sink->rk, values, count);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

/*
 * The transaction has failed in the background; librdkafka says why only when it is asked to end
 * it.
 */
static enum err fail_in_background(struct sink_kafka *sink, rd_kafka_resp_err_t code,
                                   struct errinfo *info)
{
    char why[300];
    rd_kafka_poll(sink->rk, 0);
    sink->state = SINK_ABORTABLE;
    if (sink->undeliverable)
        return tell_undeliverable(sink, info);
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(sink->rk, why, sizeof(why));
    if (fatal != RD_KAFKA_RESP_ERR_NO_ERROR)
        sink->state = SINK_BROKEN;
    if (is_fenced(fatal))
        return fenced(sink, "producing", info);
    return err_set(info, ERR_FENCED, "producing: the transaction has failed: %s",
                   fatal ? why : rd_kafka_err2str(code));
}

static enum err fail_produce(struct sink_kafka *sink, const struct sink_record *record,
                             rd_kafka_resp_err_t code, struct errinfo *info)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        rd_kafka_flush(sink->rk, FULL_FLUSH_MS); /* it may hold less than a batch a partition */
        return err_set(info, ERR_AGAIN, "the queue of the producer is full");
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return err_set(info, ERR_REJECT,
                       "topic %s: a record of %zu bytes is above message.max.bytes", record->topic,
                       record->value.size);
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        sink->state = SINK_ABORTABLE;
        return fail(info, code, record->topic, NULL);
    }
    return fail_in_background(sink, code, info);
}

static enum err produce(struct sink *base, const struct sink_record *record, struct errinfo *info)
{
    struct sink_kafka *sink = of_sink(base);
    if (sink->state != SINK_OPEN)
        return unsettled(info);
    struct output_topic *topic = topic_named(sink, record->topic);
    if (!topic) {
        sink->state = SINK_ABORTABLE;
        return err_set(info, ERR_FATAL, "topic %s was not named when the sink was opened",
                       record->topic);
    }
    rd_kafka_resp_err_t code = enqueue(sink, topic, record);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail_produce(sink, record, code, info);
    outflow_add(&topic->outflow, record->key.size + record->value.size);
    return ERR_NONE;
}

static rd_kafka_error_t *run_offsets(struct sink_kafka *sink, const struct step *step)
{
    return rd_kafka_send_offsets_to_transaction(sink->rk, step->offsets, step->membership, -1);
}

static rd_kafka_topic_partition_list_t *list_of(const struct sink_offset *offsets, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *element =
            rd_kafka_topic_partition_list_add(list, offsets[i].of.topic, offsets[i].of.partition);
        size_t size = strlen(offsets[i].metadata);
        element->offset = offsets[i].offset;
        element->metadata = malloc(size + 1); /* freed with the list */
        CHECK(element->metadata != NULL);
        memcpy(element->metadata, offsets[i].metadata, size + 1);
        element->metadata_size = size;
    }
    return list;
}

/* NULL where the bytes are none of a member. */
static rd_kafka_consumer_group_metadata_t *read_membership(struct slice bytes, struct errinfo *info)
{
    rd_kafka_consumer_group_metadata_t *membership;
    if (bytes.size == 0) {
        /* Brokers would take these offsets without looking who sends them. */
        err_set(info, ERR_FENCED, "the consumer is no member of its group at present");
        return NULL;
    }
    rd_kafka_error_t *error =
        rd_kafka_consumer_group_metadata_read(&membership, bytes.data, bytes.size);
    if (!error)
        return membership;
    err_set(info, ERR_FENCED, "the membership can't be read: %s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return NULL;
}

static enum err offsets(struct sink *base, const struct sink_offset *given, size_t count,
                        struct slice bytes, struct errinfo *info)
{
    struct sink_kafka *sink = of_sink(base);
    struct step step = {.what = "sending the offsets", .run = run_offsets};
    if (sink->state != SINK_OPEN)
        return unsettled(info);
    rd_kafka_consumer_group_metadata_t *membership = read_membership(bytes, info);
    if (!membership) {
        sink->state = SINK_ABORTABLE;
        return ERR_FENCED;
    }
    rd_kafka_topic_partition_list_t *list = list_of(given, count);
    step.offsets = list;
    step.membership = membership;
    enum err rc = take(sink, &step, info);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(membership);
    return rc;
}

/* No time-out of our own: librdkafka's ends with an answer, ours would end with a doubt. */
static rd_kafka_error_t *run_commit(struct sink_kafka *sink, const struct step *step)
{
    (void)step;
    return rd_kafka_commit_transaction(sink->rk, -1);
}

static void await_outflow(struct sink_kafka *sink)
{
    size_t rest = 0;
    for (size_t i = 0; i < sink->topic_count; i++)
        rest += outflow_rest(&sink->topics[i].outflow, sink->batch_size);
    outflow_await(sink->rk, rest, &sink->clock);
}

static enum err commit(struct sink *base, struct errinfo *info)
{
    struct sink_kafka *sink = of_sink(base);
    const struct step step = {.what = "the commit", .run = run_commit};
    if (sink->state != SINK_OPEN)
        return unsettled(info);
    await_outflow(sink);
    enum err rc = take(sink, &step, info);
    if (rc != ERR_NONE)
        return rc;
    sink->state = SINK_READY;
    sink->clash_count = 0;
    return ERR_NONE;
}

/* --- Opening and closing ---------------------------------------------------------------------- */

/* A transaction that is left open holds up its readers until transaction.timeout.ms. */
static void close_sink(struct sink *base)
{
    struct sink_kafka *sink = of_sink(base);
    drop(base);
    destroy_producer(sink);
    for (size_t i = 0; i < sink->topic_count; i++)
        free(sink->topics[i].name);
    free(sink->topics);
    free(sink);
}

static const struct sink_ops kafka_ops = {
    .settle = settle,
    .begin = begin,
    .produce = produce,
    .offsets = offsets,
    .commit = commit,
    .drop = drop,
    .close = close_sink,
};

static void set_topics(struct sink_kafka *sink, const char *const *topics, size_t count)
{
    sink->topics = calloc(count + 1, sizeof(*sink->topics));
    CHECK(sink->topics != NULL);
    for (size_t i = 0; i < count; i++) {
        if (topic_named(sink, topics[i]))
            continue;
        char *name = strdup(topics[i]);
        CHECK(name != NULL);
        sink->topics[sink->topic_count++].name = name;
    }
}

/* librdkafka can't read back the membership of a group or instance with other characters. */
static bool is_printable(const char *text)
{
    while (*text >= ' ' && *text <= '~')
        text++;
    return *text == '\0';
}

/* A handle sends nothing of importance, so that wrong settings are found here and not later. */
static enum err try_configuration(struct sink_kafka *sink, struct errinfo *info)
{
    if (!is_printable(sink->config->group) || !is_printable(sink->config->instance))
        return err_set(
            info, ERR_CONFIG,
            "kafka.group and instance must be printable ASCII (instance is the host's name "
            "where it is not given)");
    enum err rc = create_handle(sink, info);
    destroy_producer(sink);
    return rc;
}

struct sink *sink_kafka_open(const struct config *config, unsigned worker,
                             const char *const *topics, size_t topic_count, struct errinfo *info)
{
    struct sink_kafka *sink = calloc(1, sizeof(*sink));
    CHECK(sink != NULL);
    sink->base.ops = &kafka_ops;
    sink->config = config;
    sink->worker = worker;
    sink->clock = clock_system();
    set_topics(sink, topics, topic_count);
    if (try_configuration(sink, info) == ERR_NONE)
        return &sink->base;
    close_sink(&sink->base);
    return NULL;
}
