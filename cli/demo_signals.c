#include "cli/demo_signals.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <librdkafka/rdkafka.h>

#include "cli/demo_world.h"
#include "core/utf8.h"

#define POLL_MAX 20000 /* messages of one look, so that the picture goes on */

static const char *const topics[] = {"shop.carts", "shop.stages", "shop.signals"};

enum err demo_signals_open(struct demo_signals *signals, const char *brokers, struct errinfo *info)
{
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);

    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, reason, sizeof reason);
    rd_kafka_conf_set(conf, "group.id", "demo-watcher", reason, sizeof reason);
    rd_kafka_conf_set(conf, "enable.auto.commit", "false", reason, sizeof reason);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "100", reason, sizeof reason);
    signals->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
    if (!signals->consumer) {
        rd_kafka_conf_destroy(conf);
        rd_kafka_topic_partition_list_destroy(list);
        return err_set(info, ERR_FATAL, "the demo can't read its signals: %s", reason);
    }
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
        for (int32_t p = 0; p < DEMO_PARTITIONS; p++)
            rd_kafka_topic_partition_list_add(list, topics[i], p)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_poll_set_consumer(signals->consumer);
    rd_kafka_assign(signals->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return ERR_NONE;
}

/* ---- in words ---- */

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* "3 items worth 1,290 THB (เสื้อยืด …)" */
static void cart_words(json_t *data, char *out, size_t size)
{
    json_t *items = json_object_get(data, "items");
    struct slice name = utf8_cut(slice_of(text_of(json_array_get(items, 0), "name")), 60);
    long long count = (long long)json_integer_value(json_object_get(data, "count"));
    snprintf(out, size, "%lld item%s worth %.2f %s%s%.*s%s", count, count == 1 ? "" : "s",
             json_number_value(json_object_get(data, "value")), text_of(data, "currency"),
             name.size ? " (" : "", (int)name.size, name.data,
             name.size ? count > 1 ? ", ...)" : ")" : "");
}

static void say_cart(const char *type, const char *who, json_t *data, char *out, size_t size)
{
    static const struct {
        const char *type, *words;
    } words[] = {
        {"cart.abandoned", "left a cart:"},         {"checkout.abandoned", "left at the checkout:"},
        {"cart.resumed", "came back to the cart:"}, {"cart.recovered", "came back and bought:"},
        {"cart.expired", "never came back for:"},   {"cart.retracted", "had ordered after all:"},
    };
    char cart[160];
    const char *said = type;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].type, type) == 0)
            said = words[i].words;
    cart_words(data, cart, sizeof cart);
    snprintf(out, size, "%.40s %s %s", who, said, cart);
}

static void say(json_t *signal, char *out, size_t size)
{
    const char *type = text_of(signal, "type"), *who = text_of(signal, "customer");
    json_t *data = json_object_get(signal, "data");

    if (json_object_get(data, "items"))
        say_cart(type, who, data, out, size);
    else if (strcmp(type, "stage.changed") == 0)
        snprintf(out, size, "%.40s went from %.30s to %.30s (%.40s)", who, text_of(signal, "from"),
                 text_of(signal, "to"), text_of(signal, "cause"));
    else if (strcmp(type, "browse.abandoned") == 0)
        snprintf(out, size, "%.40s looked at %lld products and left", who,
                 (long long)json_integer_value(json_object_get(data, "count")));
    else
        snprintf(out, size, "%.40s: %.60s", who, type);
}

static void count(struct demo_signals *signals, const char *type)
{
    size_t i = 0;
    while (i < signals->type_count && strcmp(signals->types[i].name, type) != 0)
        i++;
    if (i == DEMO_TYPES_MAX)
        return; /* the shipped machines have fewer */
    if (i == signals->type_count) {
        signals->type_count++;
        snprintf(signals->types[i].name, sizeof signals->types[i].name, "%s", type);
    }
    signals->types[i].count++;
}

static void take(struct demo_signals *signals, const rd_kafka_message_t *message)
{
    json_t *signal = json_loadb(message->payload, message->len, 0, NULL);
    if (!signal)
        return;
    count(signals, text_of(signal, "type"));
    signals->total++;
    say(signal, signals->latest[signals->told++ % DEMO_LATEST], DEMO_WORDS_SIZE);
    json_decref(signal);
}

void demo_signals_poll(struct demo_signals *signals, int timeout_ms)
{
    rd_kafka_message_t *message;
    for (int taken = 0;
         taken < POLL_MAX &&
         (message = rd_kafka_consumer_poll(signals->consumer, taken ? 0 : timeout_ms));
         taken++) {
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            take(signals, message);
        rd_kafka_message_destroy(message);
    }
}

void demo_signals_close(struct demo_signals *signals)
{
    if (!signals->consumer)
        return;
    rd_kafka_consumer_close(signals->consumer);
    rd_kafka_destroy(signals->consumer);
}
