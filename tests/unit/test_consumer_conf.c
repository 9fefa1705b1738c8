/*
 * What librdkafka makes of our settings and the user's together; no broker is asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/consumer_conf.h"

/* What librdkafka says when a member is opened with this property, "" where it is content. */
static const char *open_with(const char *name, const char *value, char text[256])
{
    struct config_property property = {.name = (char *)(uintptr_t)name,
                                       .value = (char *)(uintptr_t)value,
                                       .at = {.file = "shop.yaml", .line = 3, .column = 5}};
    struct config config = {.brokers = "127.0.0.1:1",
                            .group = "g",
                            .instance = "i",
                            .properties = &property,
                            .property_count = name ? 1 : 0};
    struct errinfo info = {""};

    text[0] = '\0';
    rd_kafka_conf_t *conf = consumer_conf_member(&config, 0, &info);
    assert_non_null(conf);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, 256);
    if (consumer)
        rd_kafka_destroy(consumer);
    else
        rd_kafka_conf_destroy(conf);
    return text;
}

/* kafka.properties go to producers and consumers: what is good for one must not stop the other. */
static void test_large_messages_of_the_producer_fit_into_a_fetch(void **state)
{
    char text[256];
    (void)state;
    assert_string_equal(open_with(NULL, NULL, text), "");
    assert_string_equal(open_with("message.max.bytes", "2000000", text), "");
    assert_string_equal(open_with("message.max.bytes", "60000000", text), "");
    assert_string_equal(open_with("fetch.max.bytes", "8000000", text), "");
    /* The user's own is taken as it is. */
    assert_non_null(strstr(open_with("fetch.max.bytes", "100", text), "fetch.max.bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_messages_of_the_producer_fit_into_a_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
