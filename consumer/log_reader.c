#include "consumer/log_reader.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>

#include "consumer/consumer_conf.h"
#include "consumer/consumer_error.h"
#include "core/check.h"
#include "core/clock.h"

#define REQUEST_TIMEOUT_MS  5000
#define WAIT_MS             500   /* for one message */
#define PROGRESS_TIMEOUT_MS 10000 /* then the caller is told, who has to serve its group */

struct log_reader {
    const struct config *config;
    unsigned worker;
    rd_kafka_t *rk; /* NULL after a failure */
};

/* One read under way. */
struct reading {
    rd_kafka_topic_t *topic;
    struct topic_partition of;
    int64_t end;           /* behind the last record that belongs to it */
    int64_t last_given_ms; /* monotonic */
    void *self;
    void (*each)(void *self, int64_t offset, struct slice value);
};

static enum err open_client(struct log_reader *reader, struct errinfo *info)
{
    char text[256];
    rd_kafka_conf_t *conf = consumer_conf_plain(reader->config, reader->worker, info);
    if (!conf)
        return ERR_CONFIG;
    reader->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (reader->rk)
        return ERR_NONE;
    rd_kafka_conf_destroy(conf);
    return err_set(info, ERR_CONFIG, "%s", text);
}

static void close_client(struct log_reader *reader)
{
    if (reader->rk)
        rd_kafka_destroy(reader->rk);
    reader->rk = NULL;
}

struct log_reader *log_reader_open(const struct config *config, unsigned worker)
{
    struct log_reader *reader = malloc(sizeof(*reader));
    CHECK(reader != NULL);
    *reader = (struct log_reader){.config = config, .worker = worker};
    return reader;
}

static enum err failed(const struct reading *reading, rd_kafka_resp_err_t code, const char *why,
                       struct errinfo *info)
{
    char what[300];
    snprintf(what, sizeof(what), "reading %s partition %" PRId32, reading->of.topic,
             reading->of.partition);
    return consumer_error(info, code, what, why);
}

static int64_t now_ms(void)
{
    struct clock clock = clock_system();
    return clock_monotonic_ms(&clock);
}

/* True where the end has been reached. */
static bool take(struct reading *reading, const rd_kafka_message_t *message)
{
    /* The end: the last offsets are markers of transactions. */
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return message->offset >= reading->end;
    if (message->offset < reading->end)
        reading->each(reading->self, message->offset,
                      (struct slice){message->payload, message->len});
    reading->last_given_ms = now_ms();
    return message->offset + 1 >= reading->end;
}

/* librdkafka goes on trying by itself, and for a while so do we. */
static enum err weigh(const struct reading *reading, rd_kafka_resp_err_t code, const char *why,
                      struct errinfo *info)
{
    enum err rc = failed(reading, code, why, info);
    bool is_late = now_ms() - reading->last_given_ms > PROGRESS_TIMEOUT_MS;
    return rc == ERR_FATAL || is_late ? rc : ERR_NONE;
}

static bool is_failure(const rd_kafka_message_t *message)
{
    return message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
           message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF;
}

static enum err read_on(struct reading *reading, struct errinfo *info)
{
    enum err rc = ERR_NONE;
    bool done = false;
    reading->last_given_ms = now_ms();
    while (!done && rc == ERR_NONE) {
        rd_kafka_message_t *message =
            rd_kafka_consume(reading->topic, reading->of.partition, WAIT_MS);
        if (!message)
            rc = weigh(reading, RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer", info);
        else if (is_failure(message))
            rc = weigh(reading, message->err, rd_kafka_message_errstr(message), info);
        else
            done = take(reading, message);
        if (message)
            rd_kafka_message_destroy(message);
    }
    return rc;
}

static enum err read_from(struct reading *reading, int64_t first, struct errinfo *info)
{
    if (rd_kafka_consume_start(reading->topic, reading->of.partition, first) != 0)
        return failed(reading, rd_kafka_last_error(), NULL, info);
    enum err rc = read_on(reading, info);
    rd_kafka_consume_stop(reading->topic, reading->of.partition);
    return rc;
}

static enum err read_all(rd_kafka_t *rk, struct reading *reading, struct errinfo *info)
{
    int64_t first;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        rk, reading->of.topic, reading->of.partition, &first, &reading->end, REQUEST_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return failed(reading, code, NULL, info);
    if (first >= reading->end)
        return ERR_NONE;
    reading->topic = rd_kafka_topic_new(rk, reading->of.topic, NULL);
    CHECK(reading->topic != NULL);
    enum err rc = read_from(reading, first, info);
    rd_kafka_topic_destroy(reading->topic);
    return rc;
}

/*
 * A client that has failed is not asked again: librdkafka 2.0.2 keeps the metadata that say that a
 * partition has no leader for a quarter of an hour, and answers with them.
 */
enum err log_reader_read(struct log_reader *reader, struct topic_partition of, void *self,
                         void (*each)(void *self, int64_t offset, struct slice value),
                         struct errinfo *info)
{
    struct reading reading = {.of = of, .self = self, .each = each};
    enum err rc = reader->rk ? ERR_NONE : open_client(reader, info);
    if (rc == ERR_NONE)
        rc = read_all(reader->rk, &reading, info);
    if (rc != ERR_NONE)
        close_client(reader);
    return rc;
}

void log_reader_close(struct log_reader *reader)
{
    close_client(reader);
    free(reader);
}
