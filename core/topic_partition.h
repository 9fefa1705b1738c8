/*
 * core/topic_partition.h - the name of a partition. The topic's text outlives every use.
 */
#ifndef CORE_TOPIC_PARTITION_H
#define CORE_TOPIC_PARTITION_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct topic_partition {
    const char *topic;
    int32_t partition;
};

static inline bool topic_partition_equal(struct topic_partition a, struct topic_partition b)
{
    return a.partition == b.partition && (a.topic == b.topic || strcmp(a.topic, b.topic) == 0);
}
#endif
