#include <string.h>
#include <strings.h>

#include "config/config_loader.h"

/* What may not be set, and why. librdkafka's other names for them are here too. */
static const struct {
    const char *name;
    const char *reason;
} refused[] = {
    {"isolation.level", "it is always read_committed"},
    {"enable.auto.commit", "offsets are committed with the signals"},
    {"auto.commit.enable", "offsets are committed with the signals"},
    {"enable.auto.offset.store", "offsets are committed with the signals"},
    {"auto.offset.reset", "kafka.start says where a new partition begins"},
    {"enable.partition.eof", "the ends of partitions are always asked for"},
    {"group.id", "it is kafka.group"},
    {"transactional.id", "it is made of kafka.group, instance and the worker"},
    {"enable.idempotence", "it is always on"},
    {"acks", "it is always all"},
    {"request.required.acks", "it is always all"},
    {"bootstrap.servers", "it is kafka.brokers"},
    {"metadata.broker.list", "it is kafka.brokers"},
};
#define REFUSED_COUNT (sizeof(refused) / sizeof(refused[0]))

static const char *refusal_of(const char *name)
{
    for (size_t i = 0; i < REFUSED_COUNT; i++) {
        if (strcmp(refused[i].name, name) == 0)
            return refused[i].reason;
    }
    return NULL;
}

static bool is_secret_name(const char *name)
{
    return strcasestr(name, "password") || strcasestr(name, "secret") || strcasestr(name, "key");
}

/* `{ file: PATH }`: the path, or NULL and reported. */
static const char *file_of(struct loader *loader, const char *name, const struct yaml_node *node)
{
    const struct yaml_node *file = yaml_get(node, "file");
    if (!file || node->count != 1) {
        diag_error(loader->diag, node->at, "%s must be a text, or { file: PATH }", name);
        return NULL;
    }
    return config_text_read(loader, name, file);
}

static bool read_value(struct loader *loader, const struct yaml_node *node,
                       struct config_property *property)
{
    if (node->kind == YAML_SCALAR) {
        property->value = config_text_read(loader, property->name, node);
        return property->value != NULL;
    }
    property->file = file_of(loader, property->name, node);
    if (!property->file)
        return false;
    property->value = config_secret_read(loader, property->file, node->at);
    return property->value != NULL;
}

static void read_property(struct loader *loader, const struct yaml_node *key,
                          const struct yaml_node *node)
{
    struct config *config = loader->config;
    const char *reason = refusal_of(key->text.data);
    if (reason) {
        diag_error(loader->diag, key->at, "kafka.properties: %s can't be set: %s", key->text.data,
                   reason);
        return;
    }
    struct config_property property = {.name = key->text.data, .at = key->at};
    if (!read_value(loader, node, &property))
        return;
    property.is_secret = property.file || is_secret_name(property.name);
    config->properties[config->property_count++] = property;
}

void config_properties_read(struct loader *loader, const struct yaml_node *node)
{
    struct config *config = loader->config;
    if (yaml_is_null(node))
        return;
    if (node->kind != YAML_MAPPING) {
        diag_error(loader->diag, node->at, "kafka.properties must be a map of librdkafka's names");
        return;
    }
    config->properties = arena_calloc(&config->arena, node->count, sizeof(*config->properties));
    for (size_t i = 0; i < node->count; i++)
        read_property(loader, node->keys[i], node->items[i]);
}
