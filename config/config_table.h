/*
 * config/config_table.h - every key of the configuration: type, default, bounds, help.
 *
 * The one list of them: read by the loader, by --help and the manual page, and by the tests, which
 * compare config/stagecoach.yaml with it.
 */
#ifndef CONFIG_CONFIG_TABLE_H
#define CONFIG_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* What a key's text is, and the field of struct config that it fills. */
enum config_type {
    CONFIG_TEXT,        /* const char *: min to max bytes */
    CONFIG_NAME,        /* const char *: min to max letters, digits, `.`, `_`, `-` */
    CONFIG_CHOICE,      /* int: index into `choices` */
    CONFIG_BOOL,        /* bool */
    CONFIG_INT,         /* int64_t: min to max */
    CONFIG_DURATION,    /* int64_t in ms: min to max */
    CONFIG_WORKERS,     /* int64_t: `auto`, or min to max */
    CONFIG_TOPICS,      /* struct config_texts */
    CONFIG_PATHS,       /* struct config_texts */
    CONFIG_REDIS_URL,   /* const char * */
    CONFIG_SECRET_FILE, /* const char *: its path */
    CONFIG_PROPERTIES,  /* properties, property_count */
    CONFIG_ROUTES,      /* routes, route_count */
    CONFIG_NODE,        /* const struct yaml_node *: a mapping, for others to read */
};

struct config_key {
    const char *path; /* NAME or SECTION.NAME */
    enum config_type type;
    size_t offset;        /* of the field in struct config; of maps unused */
    const char *fallback; /* the default as YAML, NULL: none */
    int64_t min, max;
    const char *const *choices; /* NULL at the end */
    const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* The index of a path, config_key_count where there is none. */
size_t config_key_find(const char *path);

/* STAGECOACH_KAFKA_BROKERS for kafka.brokers. */
void config_key_variable(const struct config_key *key, char out[64]);
#endif
