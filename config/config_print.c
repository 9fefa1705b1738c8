#include <string.h>

#include "config/config_loader.h"
#include "core/buf.h"
#include "core/datetime.h"
#include "core/json.h"
#include "core/number.h"

#define HIDDEN "********"

/* Whether the text reads back as itself without quotes. */
static bool is_plain(struct slice text)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off"};
    struct number number;
    if (text.size == 0 || strchr(".-", text.data[0]) || number_parse(text, &number))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    strchr("._-/", c) || (c == ':' && i + 1 < text.size);
        if (!fits || c == '\0')
            return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (slice_is(text, words[i]))
            return false;
    }
    return true;
}

/* JSON's text is YAML's too. */
static void add_text(struct buf *out, struct slice text)
{
    if (is_plain(text))
        buf_add_slice(out, text);
    else
        json_add_string(out, text);
}

static void add_url(struct buf *out, const struct config *config)
{
    size_t start, size;
    struct buf url;
    buf_init(&url);
    if (config_url_password(config->redis_url, &start, &size))
        buf_printf(&url, "%.*s" HIDDEN "%s", (int)start, config->redis_url,
                   config->redis_url + start + size);
    else
        buf_add_text(&url, config->redis_url);
    add_text(out, buf_slice(&url));
    if (config->redis_url_file) {
        buf_add_text(out, " # from ");
        buf_add_text(out, config->redis_url_file);
    }
    buf_fini(&url);
}

static void add_texts(struct buf *out, const struct config_texts *texts)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < texts->count; i++) {
        if (i > 0)
            buf_add_text(out, ", ");
        add_text(out, slice_of(texts->items[i]));
    }
    buf_add_char(out, ']');
}

static void add_properties(struct buf *out, const struct config *config)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < config->property_count; i++) {
        const struct config_property *property = &config->properties[i];
        buf_add_text(out, i > 0 ? ", " : " ");
        add_text(out, slice_of(property->name));
        buf_add_text(out, ": ");
        if (property->file) {
            buf_add_text(out, "{ file: ");
            add_text(out, slice_of(property->file));
            buf_add_text(out, " }");
        } else {
            add_text(out, slice_of(property->is_secret ? HIDDEN : property->value));
        }
    }
    buf_add_text(out, config->property_count > 0 ? " }" : "}");
}

static void add_routes(struct buf *out, const struct config *config)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < config->route_count; i++) {
        buf_add_text(out, i > 0 ? ", " : " ");
        add_text(out, config->routes[i].pattern);
        buf_add_text(out, ": ");
        add_text(out, config->routes[i].topic);
    }
    buf_add_text(out, " }");
}

/* What was a number, bool or null stays one: quotes would make it a text. */
static void add_scalar(struct buf *out, const struct yaml_node *node)
{
    struct number number;
    bool is_true;
    bool is_typed = !node->quoted && (yaml_is_null(node) || yaml_bool(node, &is_true) ||
                                      number_parse(node->text, &number));
    if (is_typed)
        buf_add_slice(out, node->text.size > 0 ? node->text : SLICE("null"));
    else
        add_text(out, node->text);
}

/* In flow style. */
static void add_node(struct buf *out, const struct yaml_node *node)
{
    switch (node->kind) {
    case YAML_SCALAR:
        add_scalar(out, node);
        return;
    case YAML_SEQUENCE:
        buf_add_char(out, '[');
        for (size_t i = 0; i < node->count; i++) {
            if (i > 0)
                buf_add_text(out, ", ");
            add_node(out, node->items[i]);
        }
        buf_add_char(out, ']');
        return;
    case YAML_MAPPING:
        buf_add_char(out, '{');
        for (size_t i = 0; i < node->count; i++) {
            buf_add_text(out, i > 0 ? ", " : " ");
            add_node(out, node->keys[i]);
            buf_add_text(out, ": ");
            add_node(out, node->items[i]);
        }
        buf_add_text(out, " }");
        return;
    }
}

static void add_optional(struct buf *out, const char *text)
{
    if (text)
        add_text(out, slice_of(text));
}

static void add_value(struct buf *out, const struct config *config, const struct config_key *key)
{
    const void *field = (const char *)config + key->offset;
    char text[32];
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_NAME:
        add_optional(out, *(const char *const *)field);
        return;
    case CONFIG_CHOICE:
        buf_add_text(out, key->choices[*(const int *)field]);
        return;
    case CONFIG_BOOL:
        buf_add_text(out, *(const bool *)field ? "true" : "false");
        return;
    case CONFIG_INT:
    case CONFIG_WORKERS:
        json_add_int(out, *(const int64_t *)field);
        return;
    case CONFIG_DURATION:
        duration_format_ms(*(const int64_t *)field, text);
        buf_add_text(out, text);
        return;
    case CONFIG_TOPICS:
    case CONFIG_PATHS:
        add_texts(out, field);
        return;
    case CONFIG_REDIS_URL:
        add_url(out, config);
        return;
    case CONFIG_SECRET_FILE:
        return;
    case CONFIG_PROPERTIES:
        add_properties(out, config);
        return;
    case CONFIG_ROUTES:
        add_routes(out, config);
        return;
    case CONFIG_NODE:
        if (*(const struct yaml_node *const *)field)
            add_node(out, *(const struct yaml_node *const *)field);
        return;
    }
}

/*
 * The name that the key has in its section, after the section's line where it is the first one
 * there.
 */
static const char *add_section(struct buf *out, const char *path, const char *previous)
{
    const char *dot = strchr(path, '.');
    if (!dot)
        return path;
    size_t size = (size_t)(dot - path) + 1;
    if (!previous || strncmp(path, previous, size) != 0)
        buf_printf(out, "%.*s:\n", (int)size - 1, path);
    buf_add_text(out, "  ");
    return dot + 1;
}

void config_print_effective(const struct config *config, FILE *out)
{
    struct buf text, value;
    const char *previous = NULL;
    buf_init(&text);
    buf_init(&value);
    for (size_t i = 0; i < config_key_count; i++) {
        buf_reset(&value);
        add_value(&value, config, &config_keys[i]);
        if (value.size == 0)
            continue; /* nothing there, and no default */
        const char *name = add_section(&text, config_keys[i].path, previous);
        previous = config_keys[i].path;
        buf_printf(&text, "%s: %.*s\n", name, (int)value.size, value.data);
    }
    fwrite(text.data, 1, text.size, out);
    buf_fini(&value);
    buf_fini(&text);
}
