/*
 * config/config_loader.h - what the files of config/ share while a configuration is loaded.
 * Private to config/.
 */
#ifndef CONFIG_CONFIG_LOADER_H
#define CONFIG_CONFIG_LOADER_H

#include "config/config.h"
#include "config/config_table.h"

struct loader {
    struct config *config;
    struct diag *diag;
};

/* ---- config.c ---- */

/* A NUL-terminated copy that lives as long as the configuration. */
const char *config_keep(struct config *config, struct slice text);

/* Hands a tree over; NULL is passed through. */
const struct yaml_node *config_own(struct config *config, struct yaml_file *file);

/* ---- config_value.c ---- */

/* Reads `node` into the field of `key`. What is wrong is reported. */
void config_value_read(struct loader *loader, const struct config_key *key,
                       const struct yaml_node *node);

/*
 * The text of a scalar that is not null; NULL, and reported as a mistake of `name`, where it is
 * anything else.
 */
const char *config_text_read(struct loader *loader, const char *name, const struct yaml_node *node);

/*
 * Whether `text` can be a Kafka topic's name: 1 to 249 letters, digits, `.`, `_`, `-`, but neither
 * `.` nor `..`.
 */
bool config_topic_is_valid(const char *text);

/* ---- config_property.c ---- */

void config_properties_read(struct loader *loader, const struct yaml_node *node);

/* ---- config_secret.c ---- */

/*
 * What a secret's file holds, without the line's end. NULL, and reported, where it can't be read.
 */
const char *config_secret_read(struct loader *loader, const char *path, struct diag_pos at);

/* ---- config_url.c ---- */

/* What is wrong with an address of Redis, or NULL. Says nothing of what is in it. */
const char *config_url_problem(const char *url);

/* Where in the url the password begins, and its length; false where there is none. */
bool config_url_password(const char *url, size_t *start, size_t *size);

/* ---- config_environment.c ---- */

/*
 * `text` as a value of `key`: a list or map is read as YAML, or, of a list, as texts between
 * commas.
 */
const struct yaml_node *config_text_node(struct loader *loader, const struct config_key *key,
                                         const char *name, const char *text);

/* What the variable of `key` says, as if it stood in the file; NULL where it is unset. */
const struct yaml_node *config_environment_node(struct loader *loader,
                                                const struct config_key *key);

/* Warns of variables that are nearly ours. */
void config_environment_check(struct loader *loader);

/* ---- config_location.c ---- */

/* A path that starts at the configuration's folder, or is absolute, as one to open. */
const char *config_location(struct loader *loader, const char *path);

/* Finds the files of schema and machines. */
void config_locations_resolve(struct loader *loader);

/* ---- config_check.c ---- */

/* What only several keys together can have wrong, and what this version does not do. */
void config_check(struct loader *loader);
#endif
