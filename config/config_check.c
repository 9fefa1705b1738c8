#include <string.h>

#include "config/config_loader.h"
#include "core/datetime.h"

#define TOPIC_SIZE_MAX 249

static void check_intervals(struct loader *loader)
{
    const struct config *config = loader->config;
    if (config->checkpoint_interval_ms >= config->commit_interval_ms)
        return;
    char commit[32];
    duration_format_ms(config->commit_interval_ms, commit);
    diag_error(loader->diag, config_pos(config, "checkpoint_interval"),
               "checkpoint_interval must be at least commit_interval (%s)", commit);
}

static void check_version(struct loader *loader)
{
    const struct config *config = loader->config;
    if (config->delivery != 0)
        diag_error(loader->diag, config_pos(config, "delivery"),
                   "delivery: at_least_once is not in this version; exactly_once is the default");
}

static bool is_input(const struct config *config, const char *topic)
{
    for (size_t i = 0; i < config->topics.count; i++) {
        if (strcmp(config->topics.items[i], topic) == 0)
            return true;
    }
    return false;
}

/* `GROUP.journal.TOPIC` of one of the inputs. */
static bool is_journal(const struct config *config, const char *topic)
{
    size_t size = config->group ? strlen(config->group) : 0;
    if (size == 0 || strncmp(topic, config->group, size) != 0 ||
        strncmp(topic + size, ".journal.", strlen(".journal.")) != 0)
        return false;
    return is_input(config, topic + size + strlen(".journal."));
}

static void check_output(struct loader *loader, struct diag_pos at, const char *what,
                         const char *topic)
{
    if (is_input(loader->config, topic))
        diag_error(loader->diag, at, "%s can't go to '%s': events are read from there", what,
                   topic);
    else if (is_journal(loader->config, topic))
        diag_error(loader->diag, at, "%s can't go to '%s': that is the journal", what, topic);
}

static void check_inputs(struct loader *loader)
{
    const struct config_texts *topics = &loader->config->topics;
    for (size_t i = 1; i < topics->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(topics->items[i], topics->items[j]) == 0)
                diag_error(loader->diag, topics->at[i], "kafka.topics names '%s' twice",
                           topics->items[i]);
        }
    }
}

/* Signals that come back as events would go round for ever. */
static void check_outputs(struct loader *loader)
{
    const struct config *config = loader->config;
    for (size_t i = 0; i < config->route_count; i++)
        check_output(loader, config->routes[i].at, "signals", config->routes[i].topic.data);
    struct diag_pos at = config_pos(config, "signals.dead_letters");
    if (!config->dead_letters)
        return;
    if (!config_topic_is_valid(config->dead_letters))
        diag_error(loader->diag, at, "'%s' can't be a topic", config->dead_letters);
    else
        check_output(loader, at, "dead letters", config->dead_letters);
}

/* The journal of a topic is `GROUP.journal.TOPIC`, a topic too. */
static void check_journals(struct loader *loader)
{
    const struct config *config = loader->config;
    if (!config->group)
        return;
    for (size_t i = 0; i < config->topics.count; i++) {
        size_t size = strlen(config->group) + strlen(".journal.") + strlen(config->topics.items[i]);
        if (size > TOPIC_SIZE_MAX)
            diag_error(loader->diag, config->topics.at[i],
                       "the journal's name, %s.journal.%s, is longer than %d characters",
                       config->group, config->topics.items[i], TOPIC_SIZE_MAX);
    }
}

void config_check(struct loader *loader)
{
    check_intervals(loader);
    check_version(loader);
    check_inputs(loader);
    check_outputs(loader);
    check_journals(loader);
}
