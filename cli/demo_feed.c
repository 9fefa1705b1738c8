#include "cli/demo_feed.h"

#include <string.h>
#include <time.h>

#include <librdkafka/rdkafka.h>

#include "bench/shop.h"
#include "cli/demo_world.h"
#include "core/check.h"

#define FLUSH_MS 30000

static rd_kafka_t *open_producer(struct demo_feed *feed)
{
    static const char *const settings[][2] = {
        {"compression.codec", "lz4"},      {"linger.ms", "5"},
        {"partitioner", "murmur2_random"}, {"queue.buffering.max.messages", "200000"},
        {"batch.num.messages", "10000"},
    };
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    rd_kafka_conf_set(conf, "bootstrap.servers", feed->brokers, reason, sizeof reason);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        CHECK(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof reason) ==
              RD_KAFKA_CONF_OK);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason);
    if (!producer) {
        rd_kafka_conf_destroy(conf);
        err_set(&feed->info, ERR_FATAL, "the generator has no producer: %s", reason);
    }
    return producer;
}

static void rest(void)
{
    struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
}

static bool send_event(rd_kafka_t *producer, const struct shop_event *event)
{
    rd_kafka_resp_err_t rc;
    do {
        rc = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(DEMO_TOPIC),
            RD_KAFKA_V_KEY(event->customer.data, event->customer.size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)event->message.data, event->message.size),
            RD_KAFKA_V_TIMESTAMP(event->time_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_END);
        rd_kafka_poll(producer, rc == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 10 : 0);
    } while (rc == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    return rc == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void feed_all(struct demo_feed *feed, rd_kafka_t *producer)
{
    /*
     * Three weeks of a shop of 100,000 customers, so that orders are delivered, reviewed and
     * repeated.
     */
    struct shop_options options = {.seed = 2026,
                                   .customers = 100000,
                                   .products = 5000,
                                   .events_per_second = (double)feed->wanted / (21 * 86400.0)};
    struct shop *shop = shop_new(&options);
    struct shop_event event;

    while (atomic_load(&feed->sent) < feed->wanted && !atomic_load(&feed->stop)) {
        if (atomic_load(&feed->sent) > atomic_load(&feed->handled) + DEMO_AHEAD_MAX) {
            rd_kafka_poll(producer, 0);
            rest();
            continue;
        }
        shop_next(shop, &event);
        if (!send_event(producer, &event)) {
            err_set(&feed->info, ERR_FATAL, "the embedded broker takes no more events");
            break;
        }
        atomic_fetch_add(&feed->sent, 1);
        atomic_store(&feed->event_time_ms, event.time_ms);
    }
    rd_kafka_flush(producer, FLUSH_MS);
    shop_free(shop);
}

static void *run(void *self)
{
    struct demo_feed *feed = self;
    rd_kafka_t *producer = open_producer(feed);
    if (producer) {
        feed_all(feed, producer);
        rd_kafka_destroy(producer);
    }
    atomic_store(&feed->ended, true);
    return NULL;
}

void demo_feed_start(struct demo_feed *feed)
{
    CHECK(pthread_create(&feed->thread, NULL, run, feed) == 0);
}

void demo_feed_join(struct demo_feed *feed)
{
    atomic_store(&feed->stop, true);
    pthread_join(feed->thread, NULL);
}
