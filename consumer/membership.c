#include "consumer/membership.h"

#include <stdint.h>
#include <string.h>

#include "core/check.h"
#include "core/slice.h"

/*
 * The beginning of librdkafka's bytes (2.0.2 to date), the rest being terminated by \0 each:
 *
 *   "CGMDv2:"  generation, int32 of the machine  group \0  member \0  ...
 */
static const char magic[] = "CGMDv2:";
#define MAGIC_SIZE (sizeof(magic) - 1)

struct parts {
    int32_t generation;
    const char *member;
};

static bool parse(struct slice bytes, struct parts *parts)
{
    size_t group_at = MAGIC_SIZE + sizeof(parts->generation);
    if (bytes.size < group_at || memcmp(bytes.data, magic, MAGIC_SIZE) != 0)
        return false;
    memcpy(&parts->generation, bytes.data + MAGIC_SIZE, sizeof(parts->generation));
    const char *end = bytes.data + bytes.size;
    const char *group = bytes.data + group_at;
    const char *group_end = memchr(group, '\0', (size_t)(end - group));
    parts->member = group_end ? group_end + 1 : end;
    return memchr(parts->member, '\0', (size_t)(end - parts->member)) != NULL;
}

/* librdkafka's bytes, to be freed with rd_kafka_mem_free(). */
static struct slice write_bytes(const rd_kafka_consumer_group_metadata_t *metadata)
{
    void *bytes;
    size_t size;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    CHECK(error == NULL);
    return (struct slice){bytes, size};
}

static void free_bytes(struct slice bytes)
{
    rd_kafka_mem_free(NULL, (void *)(uintptr_t)bytes.data);
}

bool membership_form_is_known(void)
{
    struct parts parts;
    rd_kafka_consumer_group_metadata_t *metadata =
        rd_kafka_consumer_group_metadata_new_with_genid("group", 7, "member", "instance");
    struct slice bytes = write_bytes(metadata);
    bool known =
        parse(bytes, &parts) && parts.generation == 7 && strcmp(parts.member, "member") == 0;
    free_bytes(bytes);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    return known;
}

void membership_add_metadata(const rd_kafka_consumer_group_metadata_t *metadata, struct buf *out)
{
    struct parts parts;
    struct slice bytes = write_bytes(metadata);
    CHECK(parse(bytes, &parts));
    if (parts.generation >= 0 && parts.member[0] != '\0')
        buf_add_slice(out, bytes);
    free_bytes(bytes);
}

void membership_add(rd_kafka_t *consumer, struct buf *out)
{
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(consumer);
    if (!metadata)
        return;
    membership_add_metadata(metadata, out);
    rd_kafka_consumer_group_metadata_destroy(metadata);
}
