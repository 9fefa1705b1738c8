#include "consumer/refill.h"

#include <string.h>
#include <strings.h>

#include "core/log.h"

#define AGAIN_MS                                                                                   \
    5 /* a queue of 8 MiB lasts longer, and a broker that has nothing is not asked all the time */
#define CREDENTIAL_SIZE                                                                            \
    4096 /* longer ones are left alone: the queue is filled when librdkafka looks by itself */

static const char *property(const struct config *config, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < config->property_count; i++)
        if (strcmp(config->properties[i].name, name) == 0)
            value = config->properties[i].value;
    return value;
}

bool refill_is_possible(const struct config *config)
{
    const char *protocol = property(config, "security.protocol");
    bool is_sasl = protocol && strncasecmp(protocol, "sasl", 4) == 0;
    return !is_sasl || property(config, "sasl.username");
}

/* '' where it is not set; false where it does not fit. */
static bool credential(rd_kafka_t *rk, const char *name, char *value)
{
    size_t size = CREDENTIAL_SIZE;
    value[0] = '\0';
    rd_kafka_conf_res_t got = rd_kafka_conf_get(rd_kafka_conf(rk), name, value, &size);
    return got != RD_KAFKA_CONF_OK || size <= CREDENTIAL_SIZE;
}

static void wake_brokers(rd_kafka_t *rk)
{
    char username[CREDENTIAL_SIZE], password[CREDENTIAL_SIZE];
    if (!credential(rk, "sasl.username", username) || !credential(rk, "sasl.password", password))
        return;
    rd_kafka_error_t *error = rd_kafka_sasl_set_credentials(rk, username, password);
    if (!error)
        return;
    log_debug("consumer.refill", "error=%s", log_quote(rd_kafka_error_string(error)).text);
    rd_kafka_error_destroy(error);
}

void refill_look(struct refill *refill, rd_kafka_t *rk, rd_kafka_queue_t *queue, size_t taken,
                 int64_t now_ms)
{
    size_t queued = rd_kafka_queue_length(queue);

    if (queued + taken > refill->fullest)
        refill->fullest = queued + taken;
    if (taken == 0 || 2 * queued > refill->fullest || now_ms - refill->filled_ms < AGAIN_MS)
        return;
    wake_brokers(rk);
    refill->filled_ms = now_ms;
    refill->fullest = queued;
}
