#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/config_loader.h"
#include "core/datetime.h"
#include "core/number.h"

#define TOPIC_SIZE_MAX 249

static void *field_of(struct loader *loader, const struct config_key *key)
{
    return (char *)loader->config + key->offset;
}

/* ---- texts ---- */

const char *config_text_read(struct loader *loader, const char *name, const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR) {
        diag_error(loader->diag, node->at, "%s must be one text", name);
        return NULL;
    }
    if (yaml_is_null(node)) {
        diag_error(loader->diag, node->at, "%s has no value; leave it out for the default", name);
        return NULL;
    }
    if (strlen(node->text.data) != node->text.size) {
        diag_error(loader->diag, node->at, "%s must not contain a NUL character", name);
        return NULL;
    }
    return node->text.data;
}

static bool length_fits(struct loader *loader, const struct config_key *key,
                        const struct yaml_node *node)
{
    int64_t size = (int64_t)node->text.size;
    if (size >= key->min && size <= key->max)
        return true;
    if (size == 0)
        diag_error(loader->diag, node->at, "%s is empty", key->path);
    else
        diag_error(loader->diag, node->at, "%s is longer than %lld bytes", key->path,
                   (long long)key->max);
    return false;
}

static bool is_name(const char *text)
{
    for (; *text; text++) {
        bool fits = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                    (*text >= '0' && *text <= '9') || *text == '.' || *text == '_' || *text == '-';
        if (!fits)
            return false;
    }
    return true;
}

static void read_text(struct loader *loader, const struct config_key *key,
                      const struct yaml_node *node)
{
    const char *text = config_text_read(loader, key->path, node);
    if (text && length_fits(loader, key, node))
        *(const char **)field_of(loader, key) = text;
}

static void read_name(struct loader *loader, const struct config_key *key,
                      const struct yaml_node *node)
{
    const char *text = config_text_read(loader, key->path, node);
    if (!text || !length_fits(loader, key, node))
        return;
    if (!is_name(text)) {
        diag_error(loader->diag, node->at,
                   "%s: '%s' may contain only letters a-z, digits, '.', '_' and '-'", key->path,
                   text);
        return;
    }
    *(const char **)field_of(loader, key) = text;
}

bool config_topic_is_valid(const char *text)
{
    size_t size = strlen(text);
    return size >= 1 && size <= TOPIC_SIZE_MAX && is_name(text) && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

/* ---- choices, numbers, durations ---- */

static void report_choice(struct loader *loader, const struct config_key *key,
                          const struct yaml_node *node, size_t count)
{
    char list[256] = "";
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : " or ", key->choices[i]);
    }
    diag_error(loader->diag, node->at, "%s must be %s, is '%s'", key->path, list, node->text.data);
}

static void read_choice(struct loader *loader, const struct config_key *key,
                        const struct yaml_node *node)
{
    const char *text = config_text_read(loader, key->path, node);
    if (!text)
        return;
    size_t count = 0;
    for (; key->choices[count]; count++) {
        if (strcmp(text, key->choices[count]) == 0) {
            *(int *)field_of(loader, key) = (int)count;
            return;
        }
    }
    report_choice(loader, key, node, count);
}

static void read_bool(struct loader *loader, const struct config_key *key,
                      const struct yaml_node *node)
{
    if (!yaml_bool(node, field_of(loader, key)))
        diag_error(loader->diag, node->at, "%s must be true or false", key->path);
}

static void read_int(struct loader *loader, const struct config_key *key,
                     const struct yaml_node *node)
{
    struct number number;
    const char *text = config_text_read(loader, key->path, node);
    if (!text)
        return;
    if (node->quoted || !number_parse(node->text, &number) || !number.is_int)
        diag_error(loader->diag, node->at, "%s must be a whole number, is '%s'", key->path, text);
    else if (number.i < key->min || number.i > key->max)
        diag_error(loader->diag, node->at, "%s must be from %lld to %lld, is %s", key->path,
                   (long long)key->min, (long long)key->max, text);
    else
        *(int64_t *)field_of(loader, key) = number.i;
}

static void read_duration(struct loader *loader, const struct config_key *key,
                          const struct yaml_node *node)
{
    int64_t ms;
    char least[32], most[32];
    const char *text = config_text_read(loader, key->path, node);
    if (!text)
        return;
    duration_format_ms(key->min, least);
    duration_format_ms(key->max, most);
    if (!duration_parse_ms(node->text, &ms))
        diag_error(loader->diag, node->at,
                   "%s must be a duration such as 100ms, 5s, 30m, 4h, 7d or 1h30m, is '%s'",
                   key->path, text);
    else if (ms < key->min || ms > key->max)
        diag_error(loader->diag, node->at, "%s must be from %s to %s, is %s", key->path, least,
                   most, text);
    else
        *(int64_t *)field_of(loader, key) = ms;
}

/* One processor is left to the publishers, librdkafka's threads and the kernel. */
static int64_t workers_of_machine(int64_t most)
{
    int64_t count = (int64_t)sysconf(_SC_NPROCESSORS_ONLN) - 1;
    if (count < 1)
        return 1;
    return count > most ? most : count;
}

static void read_workers(struct loader *loader, const struct config_key *key,
                         const struct yaml_node *node)
{
    struct number number;
    if (node->kind == YAML_SCALAR && slice_is(node->text, "auto"))
        *(int64_t *)field_of(loader, key) = workers_of_machine(key->max);
    else if (node->kind == YAML_SCALAR && number_parse(node->text, &number))
        read_int(loader, key, node);
    else
        diag_error(loader->diag, node->at, "%s must be auto or a whole number", key->path);
}

/* ---- lists and maps ---- */

/* A value that is a default has no place in the file. */
static struct diag_pos pos_of(struct loader *loader, const struct config_key *key,
                              const struct yaml_node *node)
{
    if (loader->config->nodes[key - config_keys])
        return node->at;
    return (struct diag_pos){loader->config->path, 0, 0};
}

/* The i-th text of a list, or the only one where somebody left the brackets out. */
static const struct yaml_node *text_at(const struct yaml_node *node, size_t index)
{
    return node->kind == YAML_SEQUENCE ? node->items[index] : node;
}

static void read_texts(struct loader *loader, const struct config_key *key,
                       const struct yaml_node *node)
{
    size_t count = node->kind == YAML_SEQUENCE ? node->count : 1;
    if (node->kind == YAML_MAPPING || count == 0) {
        diag_error(loader->diag, node->at, "%s must be a list of at least one text", key->path);
        return;
    }
    struct arena *arena = &loader->config->arena;
    const char **items = arena_calloc(arena, count, sizeof(*items));
    struct diag_pos *places = arena_calloc(arena, count, sizeof(*places));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *item = text_at(node, i);
        const char *text = config_text_read(loader, key->path, item);
        if (!text)
            continue;
        items[kept] = text;
        places[kept++] = pos_of(loader, key, item);
    }
    *(struct config_texts *)field_of(loader, key) = (struct config_texts){items, places, kept};
}

static void read_topics(struct loader *loader, const struct config_key *key,
                        const struct yaml_node *node)
{
    read_texts(loader, key, node);
    const struct config_texts *topics = field_of(loader, key);
    for (size_t i = 0; i < topics->count; i++) {
        if (!config_topic_is_valid(topics->items[i]))
            diag_error(loader->diag, topics->at[i],
                       "'%s' can't be a topic: 1 to 249 letters a-z, digits, '.', '_' and '-'",
                       topics->items[i]);
    }
}

static void read_route(struct loader *loader, const struct config_key *key,
                       const struct yaml_node *pattern, const struct yaml_node *topic)
{
    const char *text = config_text_read(loader, key->path, topic);
    if (!text)
        return;
    if (!config_topic_is_valid(text)) {
        diag_error(loader->diag, topic->at,
                   "'%s' can't be a topic: 1 to 249 letters a-z, digits, '.', '_' and '-'", text);
        return;
    }
    if (pattern->text.size == 0) {
        diag_error(loader->diag, pattern->at, "the pattern is empty; '*' stands for any signal");
        return;
    }
    loader->config->routes[loader->config->route_count++] = (struct config_route){
        .pattern = pattern->text,
        .topic = topic->text,
        .at = pos_of(loader, key, pattern),
    };
}

static void read_routes(struct loader *loader, const struct config_key *key,
                        const struct yaml_node *node)
{
    if (node->kind != YAML_MAPPING || node->count == 0) {
        diag_error(loader->diag, node->at,
                   "%s must be a map, such as { 'cart.*': carts, '*': all }", key->path);
        return;
    }
    loader->config->routes =
        arena_calloc(&loader->config->arena, node->count, sizeof(*loader->config->routes));
    for (size_t i = 0; i < node->count; i++)
        read_route(loader, key, node->keys[i], node->items[i]);
}

static void read_node(struct loader *loader, const struct config_key *key,
                      const struct yaml_node *node)
{
    if (yaml_is_null(node))
        return;
    if (node->kind == YAML_MAPPING)
        *(const struct yaml_node **)field_of(loader, key) = node;
    else
        diag_error(loader->diag, node->at, "%s must be a map of names and values", key->path);
}

/* ---- Redis ---- */

static bool names_several(const char *url)
{
    return strstr(url, ",redis://") || strstr(url, ",unix://") || strstr(url, ", redis://") ||
           strstr(url, ", unix://");
}

/* The url may hold a password: it is never printed. */
static void read_url(struct loader *loader, const struct config_key *key,
                     const struct yaml_node *node)
{
    bool is_list = node->kind == YAML_SEQUENCE;
    const char *url = NULL;
    if (!is_list || node->count == 1)
        url = config_text_read(loader, key->path, text_at(node, 0));
    if ((is_list && node->count > 1) || (url && names_several(url))) {
        diag_error(loader->diag, node->at,
                   "%s: this version uses one Redis server; spreading partitions over several "
                   "comes later",
                   key->path);
        return;
    }
    if (is_list && node->count == 0)
        diag_error(loader->diag, node->at, "%s is empty", key->path);
    if (!url)
        return;
    const char *problem = config_url_problem(url);
    if (problem)
        diag_error(loader->diag, node->at, "%s: %s", key->path, problem);
    else
        *(const char **)field_of(loader, key) = url;
}

/* The table has redis.url before redis.url_file, so the default is there to be replaced. */
static void read_url_file(struct loader *loader, const struct config_key *key,
                          const struct yaml_node *node)
{
    struct config *config = loader->config;
    const char *file = config_text_read(loader, key->path, node);
    if (!file)
        return;
    if (config->nodes[config_key_find("redis.url")]) {
        diag_error(loader->diag, node->at, "redis.url and redis.url_file are both given; keep one");
        return;
    }
    const char *url = config_secret_read(loader, file, node->at);
    const char *problem = url ? config_url_problem(url) : NULL;
    if (problem)
        diag_error(loader->diag, node->at, "%s: in that file: %s", key->path, problem);
    if (!url || problem)
        return;
    config->redis_url = url;
    config->redis_url_file = file;
}

void config_value_read(struct loader *loader, const struct config_key *key,
                       const struct yaml_node *node)
{
    switch (key->type) {
    case CONFIG_TEXT:
        read_text(loader, key, node);
        return;
    case CONFIG_NAME:
        read_name(loader, key, node);
        return;
    case CONFIG_CHOICE:
        read_choice(loader, key, node);
        return;
    case CONFIG_BOOL:
        read_bool(loader, key, node);
        return;
    case CONFIG_INT:
        read_int(loader, key, node);
        return;
    case CONFIG_DURATION:
        read_duration(loader, key, node);
        return;
    case CONFIG_WORKERS:
        read_workers(loader, key, node);
        return;
    case CONFIG_TOPICS:
        read_topics(loader, key, node);
        return;
    case CONFIG_PATHS:
        read_texts(loader, key, node);
        return;
    case CONFIG_REDIS_URL:
        read_url(loader, key, node);
        return;
    case CONFIG_SECRET_FILE:
        read_url_file(loader, key, node);
        return;
    case CONFIG_PROPERTIES:
        config_properties_read(loader, node);
        return;
    case CONFIG_ROUTES:
        read_routes(loader, key, node);
        return;
    case CONFIG_NODE:
        read_node(loader, key, node);
        return;
    }
}
