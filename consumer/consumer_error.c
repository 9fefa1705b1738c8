#include "consumer/consumer_error.h"

/* What a person can do about it. NULL: nothing, but wait. */
static const char *advice(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "this user needs the rights READ and DESCRIBE on the topic";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return "this user needs the right READ on the group";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "this user lacks a right on the cluster";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return "create the topic, or correct its name in the configuration";
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return "another process runs under the same `instance`: two of a group need two names";
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
        return "the log no longer has, or never had, the position to read from";
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        return "the group has members that are no stagecoach, or of another version: it needs a "
               "name "
               "of its own";
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
        return "the broker does not take this configuration";
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return "records that can't be read must not be skipped";
    case RD_KAFKA_RESP_ERR__FATAL:
        return "the consumer can't go on";
    }
    return NULL;
}

enum err consumer_error(struct errinfo *info, rd_kafka_resp_err_t code, const char *what,
                        const char *why)
{
    const char *todo = advice(code);
    if (!why)
        why = rd_kafka_err2str(code);
    if (!todo)
        return err_set(info, ERR_RETRY, "%s: %s", what, why);
    return err_set(info, ERR_FATAL, "%s: %s (%s)", what, why, todo);
}
