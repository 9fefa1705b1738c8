#include "tests/support/cluster.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>

#include "tests/support/process.h"

#define FAIL(...) process_fail(__FILE__, __LINE__, __VA_ARGS__)

/* How long a server may take for anything; generous, because machines with sanitizers are slow. */
#define SERVER_TIMEOUT_MS 120000
#define KAFKA_SCRIPT      STAGECOACH_SOURCE_DIR "/tests/support/kafka/kafka.sh"

struct cluster_kafka {
    char address[64];
    char folder[400];
    struct process *process; /* NULL: somebody else's, or stopped */
    bool shared;
    rd_kafka_t *admin; /* a producer; opened when first needed */
};

struct cluster_redis {
    char url[64];
    char socket[108]; /* as long as an address of that kind can be */
    char folder[400];
    int port;
    const char *options[32];
    struct process *process; /* NULL: stopped */
};

static void *allocate(size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);

    if (memory == NULL)
        FAIL("out of memory");
    return memory;
}

/* --- Kafka ---------------------------------------------------------------------------------------- */

static void no_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    (void)handle;
    (void)level;
    (void)facility;
    (void)text;
}

/* pairs: name, value, ..., NULL */
static rd_kafka_t *open_handle(const struct cluster_kafka *kafka, rd_kafka_type_t type,
                               const char *const *pairs)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[256] = "";
    rd_kafka_t *handle;

    rd_kafka_conf_set_log_cb(conf, no_log); /* a broker that is down on purpose is no news */
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->address, NULL, 0);
    rd_kafka_conf_set(conf, "reconnect.backoff.max.ms", "500", NULL, 0);
    rd_kafka_conf_set(conf, "socket.nagle.disable", "true", NULL, 0);
    for (; pairs[0] != NULL; pairs += 2)
        if (rd_kafka_conf_set(conf, pairs[0], pairs[1], error, sizeof error) != RD_KAFKA_CONF_OK)
            FAIL("%s", error);
    handle = rd_kafka_new(type, conf, error, sizeof error);
    if (handle == NULL)
        FAIL("%s", error);
    return handle;
}

static rd_kafka_t *admin_of(struct cluster_kafka *kafka)
{
    if (kafka->admin == NULL)
        kafka->admin = open_handle(kafka, RD_KAFKA_PRODUCER,
                                   (const char *[]){"isolation.level", "read_uncommitted", NULL});
    return kafka->admin;
}

static void fail_start(const struct cluster_kafka *kafka)
{
    char path[512];

    snprintf(path, sizeof path, "%s/broker.log", kafka->folder);
    process_print_end(process_log(kafka->process));
    process_print_end(path);
    FAIL("the broker did not start");
}

static void wait_for_broker(struct cluster_kafka *kafka)
{
    rd_kafka_t *handle = open_handle(kafka, RD_KAFKA_PRODUCER, (const char *[]){NULL});
    int64_t end = process_now_ms() + SERVER_TIMEOUT_MS;

    for (;;) {
        const rd_kafka_metadata_t *metadata = NULL;
        rd_kafka_resp_err_t err = rd_kafka_metadata(handle, 0, NULL, &metadata, 1000);
        bool ready = err == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->broker_cnt > 0;

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            rd_kafka_metadata_destroy(metadata);
        if (ready)
            break;
        if (kafka->process != NULL && process_wait(kafka->process, 0, NULL))
            fail_start(kafka);
        if (process_now_ms() > end)
            FAIL("no answer from the broker at %s: %s", kafka->address, rd_kafka_err2str(err));
        process_nap_ms(50);
    }
    rd_kafka_destroy(handle);
}

/* Starts the process and waits until it answers. */
static void kafka_launch(struct cluster_kafka *kafka)
{
    const char *argv[] = {KAFKA_SCRIPT, "run", kafka->folder, NULL};
    char path[512];
    FILE *file;

    kafka->process = process_start(kafka->folder, argv);
    /* Written before the broker's configuration is used, which takes a second. */
    snprintf(path, sizeof path, "%s/address", kafka->folder);
    wait_until(access(path, R_OK) == 0 || process_wait(kafka->process, 0, NULL), 600000);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%63s", kafka->address) != 1)
        fail_start(kafka);
    fclose(file);
    wait_for_broker(kafka);
}

struct cluster_kafka *cluster_kafka_start(void)
{
    struct cluster_kafka *kafka = allocate(sizeof *kafka);

    process_folder("kafka", kafka->folder, sizeof kafka->folder);
    kafka_launch(kafka);
    return kafka;
}

struct cluster_kafka *cluster_kafka_shared(void)
{
    static struct cluster_kafka *shared; /* one for the test program; freed with it */
    const char *address = getenv("STAGECOACH_TEST_KAFKA");

    if (shared != NULL)
        return shared;
    if (address == NULL || *address == '\0') {
        shared = cluster_kafka_start();
    } else {
        shared = allocate(sizeof *shared);
        snprintf(shared->address, sizeof shared->address, "%s", address);
        wait_for_broker(shared);
    }
    shared->shared = true;
    return shared;
}

const char *cluster_kafka_address(const struct cluster_kafka *kafka)
{
    return kafka->address;
}

static void close_admin(struct cluster_kafka *kafka)
{
    if (kafka->admin != NULL)
        rd_kafka_destroy(kafka->admin);
    kafka->admin = NULL;
}

static void kafka_end(struct cluster_kafka *kafka, int signal)
{
    if (kafka->shared)
        FAIL("this broker is shared: take cluster_kafka_start()");
    if (kafka->process == NULL)
        return;
    close_admin(kafka);
    process_signal(kafka->process, signal);
    if (!process_wait(kafka->process, 30000, NULL))
        process_signal(kafka->process, SIGKILL);
    process_free(kafka->process);
    kafka->process = NULL;
}

void cluster_kafka_stop(struct cluster_kafka *kafka)
{
    kafka_end(kafka, SIGTERM);
}

void cluster_kafka_kill(struct cluster_kafka *kafka)
{
    kafka_end(kafka, SIGKILL);
}

void cluster_kafka_restart(struct cluster_kafka *kafka)
{
    kafka_end(kafka, SIGTERM);
    kafka_launch(kafka);
}

void cluster_kafka_freeze(struct cluster_kafka *kafka)
{
    if (kafka->shared)
        FAIL("this broker is shared: take cluster_kafka_start()");
    process_signal(kafka->process, SIGSTOP);
}

void cluster_kafka_thaw(struct cluster_kafka *kafka)
{
    process_signal(kafka->process, SIGCONT);
}

void cluster_kafka_free(struct cluster_kafka *kafka)
{
    if (kafka == NULL)
        return;
    close_admin(kafka);
    if (kafka->shared)
        return;
    kafka_end(kafka, SIGKILL);
    free(kafka);
}

void cluster_name(char *name, size_t size, const char *stem)
{
    static unsigned count;
    static int64_t start_ms;
    int written;

    if (start_ms == 0)
        start_ms = process_now_ms();
    written = snprintf(name, size, "%s.%d-%" PRIx64 "-%u", stem, (int)getpid(), start_ms, count++);
    if (written < 0 || (size_t)written >= size)
        FAIL("no room for the name of %s", stem);
}

/* Waits for an admin request's answer. */
static rd_kafka_event_t *admin_wait(rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SERVER_TIMEOUT_MS);

    if (event == NULL)
        FAIL("%s: no answer", what);
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
        FAIL("%s: %s", what, rd_kafka_event_error_string(event));
    rd_kafka_queue_destroy(queue);
    return event;
}

static void check_topics(const rd_kafka_topic_result_t **results, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_topic_result_error(results[i]) != RD_KAFKA_RESP_ERR_NO_ERROR)
            FAIL("%s %s: %s", what, rd_kafka_topic_result_name(results[i]),
                 rd_kafka_topic_result_error_string(results[i]));
}

/* Waits until every partition has a leader, so that the first produce needs no luck. */
static void wait_for_topic(struct cluster_kafka *kafka, const char *topic, int partitions)
{
    rd_kafka_t *admin = admin_of(kafka);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(admin, topic, NULL);
    int64_t end = process_now_ms() + SERVER_TIMEOUT_MS;
    int ready = 0;

    while (ready < partitions) {
        const rd_kafka_metadata_t *metadata;

        ready = 0;
        if (rd_kafka_metadata(admin, 0, handle, &metadata, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            for (int i = 0; metadata->topic_cnt == 1 && i < metadata->topics[0].partition_cnt; i++)
                ready += metadata->topics[0].partitions[i].leader >= 0;
            rd_kafka_metadata_destroy(metadata);
        }
        if (process_now_ms() > end)
            FAIL("%s: %d of %d partitions have a leader", topic, ready, partitions);
        if (ready < partitions)
            process_nap_ms(20);
    }
    rd_kafka_topic_destroy(handle);
}

void cluster_topic_create(struct cluster_kafka *kafka, const char *topic, int partitions,
                          const char *const configs[])
{
    rd_kafka_t *admin = admin_of(kafka);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_NewTopic_t *new_topic = rd_kafka_NewTopic_new(topic, partitions, 1, NULL, 0);
    size_t count = 0;
    rd_kafka_event_t *event;
    const rd_kafka_topic_result_t **results;

    for (; configs != NULL && configs[0] != NULL; configs += 2)
        rd_kafka_NewTopic_set_config(new_topic, configs[0], configs[1]);
    rd_kafka_CreateTopics(admin, &new_topic, 1, NULL, queue);
    event = admin_wait(queue, "create topic");
    results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    check_topics(results, count, "create topic");
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(new_topic);
    wait_for_topic(kafka, topic, partitions);
}

void cluster_topic_delete(struct cluster_kafka *kafka, const char *topic)
{
    rd_kafka_t *admin = admin_of(kafka);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_DeleteTopic_t *old_topic = rd_kafka_DeleteTopic_new(topic);
    size_t count = 0;
    rd_kafka_event_t *event;
    const rd_kafka_topic_result_t **results;

    rd_kafka_DeleteTopics(admin, &old_topic, 1, NULL, queue);
    event = admin_wait(queue, "delete topic");
    results =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    check_topics(results, count, "delete topic");
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy(old_topic);
}

void cluster_topic_grow(struct cluster_kafka *kafka, const char *topic, int partitions)
{
    rd_kafka_t *admin = admin_of(kafka);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    char error[256] = "";
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(topic, (size_t)partitions, error, sizeof error);
    size_t count = 0;
    rd_kafka_event_t *event;
    const rd_kafka_topic_result_t **results;

    if (more == NULL)
        FAIL("%s", error);
    rd_kafka_CreatePartitions(admin, &more, 1, NULL, queue);
    event = admin_wait(queue, "grow topic");
    results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event),
                                                      &count);
    check_topics(results, count, "grow topic");
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(more);
    wait_for_topic(kafka, topic, partitions);
}

void cluster_topic_trim(struct cluster_kafka *kafka, const char *topic, int partition,
                        int64_t offset)
{
    rd_kafka_t *admin = admin_of(kafka);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
    const rd_kafka_topic_partition_list_t *done;
    rd_kafka_DeleteRecords_t *request;
    rd_kafka_event_t *event;

    rd_kafka_topic_partition_list_add(before, topic, partition)->offset = offset;
    request = rd_kafka_DeleteRecords_new(before);
    rd_kafka_DeleteRecords(admin, &request, 1, NULL, queue);
    event = admin_wait(queue, "trim topic");
    done = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    if (done->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        FAIL("trim %s [%d]: %s", topic, partition, rd_kafka_err2str(done->elems[0].err));
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(before);
}

struct produced {
    size_t acknowledged;
    size_t failed;
    char error[256]; /* the first */
};

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    struct produced *produced = opaque;

    (void)handle;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
        produced->acknowledged++;
    else if (produced->failed++ == 0)
        snprintf(produced->error, sizeof produced->error, "%s", rd_kafka_err2str(message->err));
}

static rd_kafka_headers_t *headers_of(const struct cluster_message *message)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);

    for (size_t i = 0; i < message->header_count; i++)
        rd_kafka_header_add(headers, message->headers[i].name, -1, message->headers[i].value.data,
                            (ssize_t)message->headers[i].value.size);
    return headers;
}

static void produce_one(rd_kafka_t *producer, const char *topic,
                        const struct cluster_message *message)
{
    for (;;) {
        /* Taken over by librdkafka where producev succeeds. */
        rd_kafka_headers_t *headers = message->header_count > 0 ? headers_of(message) : NULL;
        rd_kafka_resp_err_t err = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(message->partition),
            RD_KAFKA_V_TIMESTAMP(message->time_ms),
            RD_KAFKA_V_KEY(message->key.data, message->key.size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.data, message->value.size),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);

        if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        if (headers != NULL)
            rd_kafka_headers_destroy(headers);
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            FAIL("produce to %s: %s", topic, rd_kafka_err2str(err));
        rd_kafka_poll(producer, 100);
    }
}

void cluster_produce(struct cluster_kafka *kafka, const char *topic,
                     const struct cluster_message *messages, size_t count)
{
    struct produced produced = {0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[256] = "";
    rd_kafka_t *producer;

    rd_kafka_conf_set_log_cb(conf, no_log);
    rd_kafka_conf_set(conf, "bootstrap.servers", kafka->address, NULL, 0);
    rd_kafka_conf_set(conf, "enable.idempotence", "true", NULL, 0); /* keeps the order */
    rd_kafka_conf_set(conf, "compression.type", "lz4", NULL, 0);
    rd_kafka_conf_set(conf, "message.max.bytes", "8000000", NULL, 0);
    rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0); /* as Java's producers */
    rd_kafka_conf_set(conf, "socket.nagle.disable", "true", NULL, 0);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, &produced);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
    if (producer == NULL)
        FAIL("%s", error);
    for (size_t i = 0; i < count; i++) {
        produce_one(producer, topic, &messages[i]);
        if (i % 1000 == 999)
            rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, SERVER_TIMEOUT_MS);
    rd_kafka_destroy(producer);
    if (produced.acknowledged != count)
        FAIL("produce to %s: %zu of %zu acknowledged, %zu failed: %s", topic, produced.acknowledged,
             count, produced.failed, produced.error);
}

static struct slice copy_slice(const void *data, size_t size)
{
    char *copy;

    if (data == NULL)
        return (struct slice){NULL, 0};
    copy = allocate(size + 1);
    memcpy(copy, data, size);
    return (struct slice){copy, size};
}

static void copy_headers(struct cluster_record *record, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;

    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    record->header_count = rd_kafka_header_cnt(headers);
    record->headers = allocate(record->header_count * sizeof *record->headers);
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
        record->headers[i].name = copy_slice(name, strlen(name)).data;
        record->headers[i].value = copy_slice(value, size);
    }
}

static void add_record(struct cluster_records *records, size_t *capacity,
                       const rd_kafka_message_t *message)
{
    struct cluster_record *record;

    if (records->count == *capacity) {
        *capacity = *capacity == 0 ? 1024 : *capacity * 2;
        records->items = realloc(records->items, *capacity * sizeof *records->items);
        if (records->items == NULL)
            FAIL("out of memory");
    }
    record = &records->items[records->count++];
    *record = (struct cluster_record){
        .partition = message->partition,
        .offset = message->offset,
        .time_ms = rd_kafka_message_timestamp(message, NULL),
        .key = copy_slice(message->key, message->key_len),
        .value = copy_slice(message->payload, message->len),
    };
    copy_headers(record, message);
}

static int compare_records(const void *left, const void *right)
{
    const struct cluster_record *a = left;
    const struct cluster_record *b = right;

    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static int count_partitions(struct cluster_kafka *kafka, const char *topic)
{
    rd_kafka_t *admin = admin_of(kafka);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(admin, topic, NULL);
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(admin, 0, handle, &metadata, SERVER_TIMEOUT_MS);
    int count;

    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        FAIL("metadata of %s: %s", topic, rd_kafka_err2str(err));
    count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    if (count == 0)
        FAIL("there is no topic %s", topic);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

struct cluster_records *cluster_read(struct cluster_kafka *kafka, const char *topic,
                                     enum cluster_isolation isolation)
{
    const char *pairs[] = {"group.id",
                           "tests.reader", /* required by the API; never joined */
                           "enable.auto.commit",
                           "false",
                           "enable.partition.eof",
                           "true",
                           "auto.offset.reset",
                           "earliest",
                           "fetch.wait.max.ms",
                           "10",
                           "isolation.level",
                           isolation == CLUSTER_UNCOMMITTED ? "read_uncommitted" : "read_committed",
                           NULL};
    int partitions = count_partitions(kafka, topic);
    rd_kafka_t *consumer = open_handle(kafka, RD_KAFKA_CONSUMER, pairs);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    struct cluster_records *records = allocate(sizeof *records);
    int64_t end = process_now_ms() + SERVER_TIMEOUT_MS;
    size_t capacity = 0;

    rd_kafka_poll_set_consumer(consumer);
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);

    /* The end is reported at the first open transaction, and again whenever one has ended. */
    bool *ended = allocate((size_t)partitions * sizeof *ended);
    for (int left = partitions; left > 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 1000);

        if (process_now_ms() > end)
            FAIL("reading %s did not come to an end", topic);
        if (message == NULL)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && !ended[message->partition]) {
            ended[message->partition] =
                isolation != CLUSTER_SETTLED ||
                message->offset >= cluster_end(kafka, topic, message->partition);
            left -= ended[message->partition];
        } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            add_record(records, &capacity, message);
            end = process_now_ms() + SERVER_TIMEOUT_MS;
        }
        rd_kafka_message_destroy(message);
    }
    free(ended);
    rd_kafka_destroy(consumer);
    if (records->count > 0)
        qsort(records->items, records->count, sizeof *records->items, compare_records);
    return records;
}

static void free_slice(struct slice slice)
{
    free((void *)(uintptr_t)slice.data);
}

void cluster_records_free(struct cluster_records *records)
{
    if (records == NULL)
        return;
    for (size_t i = 0; i < records->count; i++) {
        struct cluster_record *record = &records->items[i];

        for (size_t j = 0; j < record->header_count; j++) {
            free((void *)(uintptr_t)record->headers[j].name);
            free_slice(record->headers[j].value);
        }
        free(record->headers);
        free_slice(record->key);
        free_slice(record->value);
    }
    free(records->items);
    free(records);
}

const char *cluster_record_header(const struct cluster_record *record, const char *name)
{
    for (size_t i = 0; i < record->header_count; i++)
        if (strcmp(record->headers[i].name, name) == 0)
            return record->headers[i].value.data;
    return NULL;
}

int64_t cluster_committed(struct cluster_kafka *kafka, const char *group, const char *topic,
                          int partition, char *metadata, size_t size)
{
    const char *pairs[] = {
        "group.id",       group, "enable.auto.commit", "false", "isolation.level",
        "read_committed", NULL};
    rd_kafka_t *consumer = open_handle(kafka, RD_KAFKA_CONSUMER, pairs);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *found = rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t err = rd_kafka_committed(consumer, list, SERVER_TIMEOUT_MS);
    int64_t offset;

    if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
        err = found->err;
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        FAIL("committed offset of %s, %s [%d]: %s", group, topic, partition, rd_kafka_err2str(err));
    offset = found->offset == RD_KAFKA_OFFSET_INVALID ? -1 : found->offset;
    if (metadata != NULL)
        snprintf(metadata, size, "%.*s", (int)found->metadata_size,
                 found->metadata == NULL ? "" : (const char *)found->metadata);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(consumer);
    return offset;
}

int64_t cluster_end(struct cluster_kafka *kafka, const char *topic, int partition)
{
    int64_t low = 0;
    int64_t high = 0;
    rd_kafka_resp_err_t err = rd_kafka_query_watermark_offsets(admin_of(kafka), topic, partition,
                                                               &low, &high, SERVER_TIMEOUT_MS);

    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        FAIL("end of %s [%d]: %s", topic, partition, rd_kafka_err2str(err));
    return high;
}

/* --- Redis ---------------------------------------------------------------------------------------- */

/* A connection that has answered PING, or NULL. */
static redisContext *redis_connect(const struct cluster_redis *redis)
{
    struct timeval timeout = {30, 0};
    redisContext *context = redisConnectUnixWithTimeout(redis->socket, timeout);
    redisReply *reply = NULL;

    if (context != NULL && context->err == 0)
        reply = redisCommand(context, "PING");
    if (reply == NULL || reply->type != REDIS_REPLY_STATUS) { /* also while it is loading */
        if (reply != NULL)
            freeReplyObject(reply);
        if (context != NULL)
            redisFree(context);
        return NULL;
    }
    freeReplyObject(reply);
    redisSetTimeout(context, timeout);
    return context;
}

static void redis_launch(struct cluster_redis *redis)
{
    char port[16];
    const char *argv[64] = {"redis-server",
                            "--bind",
                            "127.0.0.1",
                            "--port",
                            port,
                            "--save",
                            "",
                            "--appendonly",
                            "no",
                            "--dir",
                            redis->folder,
                            "--unixsocket",
                            redis->socket,
                            "--loglevel",
                            "warning",
                            "--maxmemory-policy",
                            "noeviction",
                            "--daemonize",
                            "no"};
    size_t count = 19;
    redisContext *context = NULL;

    snprintf(port, sizeof port, "%d", redis->port);
    for (size_t i = 0; redis->options[i] != NULL; i++)
        argv[count++] = redis->options[i];
    argv[count] = NULL;
    redis->process = process_start(redis->folder, argv);
    wait_until((context = redis_connect(redis)) != NULL || process_wait(redis->process, 0, NULL),
               SERVER_TIMEOUT_MS);
    if (context == NULL) {
        process_print_end(process_log(redis->process));
        FAIL("redis-server did not start");
    }
    redisFree(context);
}

struct cluster_redis *cluster_redis_start(const char *const options[])
{
    struct cluster_redis *redis = allocate(sizeof *redis);
    size_t most = sizeof redis->options / sizeof redis->options[0] - 1;

    process_folder("redis", redis->folder, sizeof redis->folder);
    for (size_t i = 0; options != NULL && options[i] != NULL; i++) {
        if (i == most)
            FAIL("too many options for redis-server");
        redis->options[i] = options[i];
    }
    redis->port = process_free_port();
    snprintf(redis->url, sizeof redis->url, "redis://127.0.0.1:%d/0", redis->port);
    if (snprintf(redis->socket, sizeof redis->socket, "%s/socket", redis->folder) >=
        (int)sizeof redis->socket)
        FAIL("%s is too long for a socket's path; set TMPDIR", redis->folder);
    redis_launch(redis);
    return redis;
}

const char *cluster_redis_url(const struct cluster_redis *redis)
{
    return redis->url;
}

const char *cluster_redis_socket(const struct cluster_redis *redis)
{
    return redis->socket;
}

int cluster_redis_port(const struct cluster_redis *redis)
{
    return redis->port;
}

static void redis_end(struct cluster_redis *redis, int signal)
{
    if (redis->process == NULL)
        return;
    process_signal(redis->process, signal);
    if (!process_wait(redis->process, 30000, NULL))
        process_signal(redis->process, SIGKILL);
    process_free(redis->process);
    redis->process = NULL;
}

void cluster_redis_stop(struct cluster_redis *redis)
{
    redis_end(redis, SIGTERM);
}

void cluster_redis_kill(struct cluster_redis *redis)
{
    redis_end(redis, SIGKILL);
}

void cluster_redis_restart(struct cluster_redis *redis)
{
    redis_end(redis, SIGTERM);
    redis_launch(redis);
}

void cluster_redis_restart_wiped(struct cluster_redis *redis)
{
    char path[512];

    redis_end(redis, SIGTERM);
    snprintf(path, sizeof path, "%s/dump.rdb", redis->folder);
    unlink(path);
    redis_launch(redis);
}

void cluster_redis_freeze(struct cluster_redis *redis)
{
    process_signal(redis->process, SIGSTOP);
}

void cluster_redis_thaw(struct cluster_redis *redis)
{
    process_signal(redis->process, SIGCONT);
}

void cluster_redis_free(struct cluster_redis *redis)
{
    if (redis == NULL)
        return;
    redis_end(redis, SIGKILL);
    free(redis);
}

/* Appends the reply's text to `*text`; nil adds nothing. */
static void add_reply(const redisReply *reply, char **text, size_t *size)
{
    char number[32];
    const char *data = reply->str;
    size_t count = (size_t)reply->len;

    if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; i++)
            add_reply(reply->element[i], text, size);
        return;
    }
    if (reply->type == REDIS_REPLY_INTEGER) {
        count = (size_t)snprintf(number, sizeof number, "%lld", reply->integer);
        data = number;
    } else if (reply->type == REDIS_REPLY_NIL) {
        data = "";
        count = 0;
    }
    *text = realloc(*text, *size + count + 2);
    if (*text == NULL)
        FAIL("out of memory");
    if (*size > 0)
        (*text)[(*size)++] = '\n';
    memcpy(*text + *size, data, count);
    *size += count;
    (*text)[*size] = '\0';
}

char *cluster_redis_command(struct cluster_redis *redis, const char *format, ...)
{
    char command[4096];
    redisContext *context = redis_connect(redis);
    redisReply *reply;
    char *text = NULL;
    size_t size = 0;
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    if (context == NULL)
        FAIL("no connection to redis for: %s", command);

    char *words[64];
    const char *argv[64];
    int argc = 0;
    char *rest = command;
    while ((words[argc] = strsep(&rest, " ")) != NULL && argc < 63) {
        argv[argc] = words[argc];
        argc++;
    }
    reply = redisCommandArgv(context, argc, argv, NULL);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        FAIL("redis: %s: %s", argv[0], reply == NULL ? context->errstr : reply->str);
    if (reply->type != REDIS_REPLY_NIL) {
        text = allocate(1);
        add_reply(reply, &text, &size);
    }
    freeReplyObject(reply);
    redisFree(context);
    return text;
}
