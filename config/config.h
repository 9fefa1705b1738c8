/*
 * config/config.h - the main configuration: one YAML file, each key also an environment variable.
 *
 * config/config_table.h has the keys with type, default, bounds and help; config/stagecoach.yaml
 * shows them all. `kafka.brokers` is overridden by STAGECOACH_KAFKA_BROKERS, and so on; a list is
 * separated by commas (or written as YAML, `[a, b]`), a map is written as YAML. An empty variable
 * counts as unset.
 *
 * Ownership: all texts and positions live in the configuration, until config_free().
 * Threads:   immutable once loaded, so all threads share it.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/arena.h"
#include "core/diag.h"
#include "core/slice.h"
#include "core/yaml.h"

enum config_start { CONFIG_START_EARLIEST, CONFIG_START_LATEST };
enum config_format { CONFIG_FORMAT_JSON, CONFIG_FORMAT_MSGPACK };

/* One entry of kafka.properties, for librdkafka. */
struct config_property {
    const char *name;
    const char *value; /* read from `file` where that is given */
    const char *file;  /* or NULL */
    bool is_secret;    /* never to be printed */
    struct diag_pos at;
};

/* One entry of signals.topics, in the file's order. */
struct config_route {
    struct slice pattern;
    struct slice topic; /* NUL-terminated behind the slice */
    struct diag_pos at;
};

/* A list of texts, each NUL-terminated. */
struct config_texts {
    const char *const *items;
    const struct diag_pos *at;
    size_t count;
};

struct config {
    /* kafka */
    const char *brokers;
    const char *group;
    struct config_texts topics; /* at least one */
    int start;                  /* enum config_start */
    struct config_property *properties;
    size_t property_count;

    /* redis */
    /* redis://[user:password@]host[:port][/db] or unix:///path/to/socket[?db=N] */
    const char *redis_url;
    const char *redis_url_file; /* where the url came from, or NULL */
    const char *redis_prefix;

    /* events */
    const char *schema;      /* as configured */
    const char *schema_path; /* the file */
    int event_format;        /* enum config_format: msgpack, the only one yet */

    /* Paths to open. Those of defaults and variables have no place in the file. */
    struct config_texts machines;

    /* signals */
    int signal_format; /* enum config_format */
    struct config_route *routes;
    size_t route_count;
    const char *dead_letters;
    int64_t max_bytes;

    const char *instance;
    bool watch;   /* look at the files of the rules once a second */
    int delivery; /* 0, exactly_once: refused otherwise */
    int64_t commit_interval_ms;
    int64_t checkpoint_interval_ms; /* >= commit_interval_ms */

    /* watermark */
    int64_t lateness_ms;
    int64_t watermark_idle_ms;
    int64_t future_ms;

    int64_t workers; /* `auto` resolved */

    /* memory, per worker */
    int64_t memory_customers;
    int64_t forget_after_ms;

    const char *http_listen;           /* read and not yet used */
    const struct yaml_node *constants; /* a mapping, or NULL */
    int64_t shutdown_timeout_ms;

    const char *path; /* the file itself */

    /* private to config/ */
    const struct yaml_node *
        *nodes;               /* what each key of the table was read from, NULL: its default */
    struct yaml_file **files; /* owned: the file's tree, and those of environment variables */
    size_t file_count;
    struct arena arena;
};

/* NULL on errors; they and the warnings are in `diag`, all of them. Free with config_free(). */
struct config *config_load(const char *path, struct diag *diag);

/*
 * With errors too, to look for those in its files in the same run: of schema_path (else NULL) and machines there is what can be
 * read, all other values may be wrong. NULL where the file itself can't be read.
 */
struct config *config_read(const char *path, struct diag *diag);

/* The same from memory. `path` is what positions say; relative paths start at its folder. */
struct config *config_parse(const char *path, struct slice text, struct diag *diag);

/* Accepts NULL. */
void config_free(struct config *config);

/*
 * Where the value of a key, such as "signals.topics", stands; the file as a whole where it is a
 * default.
 */
struct diag_pos config_pos(const struct config *config, const char *key);

/* The configuration in force as YAML, passwords hidden. */
void config_print_effective(const struct config *config, FILE *out);
#endif
