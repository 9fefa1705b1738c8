#include "core/yaml_syntax.h"

#include <string.h>

#include "core/utf8.h"
#include "core/yaml.h"

/* libyaml's words, and ours where they say more clearly what to do. */
static const struct {
    const char *problem;
    const char *friendly;
} wordings[] = {
    {"mapping values are not allowed in this context",
     "':' can't stand here; quote a text that contains ': ', or start a new line"},
    {"block sequence entries are not allowed in this context",
     "'- ' can't stand here; start a new line"},
    {"found character that cannot start any token",
     "this character can't start a text; put the text in quotes"},
    {"found a tab character that violates indentation", "a tab can't indent; use spaces"},
    {"found a tab character where an indentation space is expected",
     "a tab can't indent; use spaces"},
    {"did not find expected key",
     "expected a key; check the indentation of this line and of those before"},
    {"did not find expected '-' indicator",
     "expected '- '; check the indentation of this line and of those before"},
    {"could not find expected ':'", "expected ':' after the key"},
    {"did not find expected ',' or '}'",
     "expected ',' or '}'; quote a text that contains ': ', ' #', brackets or a comma"},
    {"did not find expected ',' or ']'", "expected ',' or ']'"},
    {"did not find expected node content", "a value is missing here"},
    {"found undefined alias", "this alias (*name) has no anchor (&name) before it"},
    {"found unknown escape character",
     "unknown escape; write \\\\ for a backslash, or use single quotes"},
    {"found undefined tag handle",
     "a tag has no meaning here; put a text that begins with '!' in quotes"},
    {"did not find expected <document start>", "the document ends before this; a file holds one"},
};
#define WORDING_COUNT (sizeof(wordings) / sizeof(wordings[0]))

struct diag_pos yaml_syntax_pos(const char *name, const yaml_mark_t *mark)
{
    return (struct diag_pos){name, (int)mark->line + 1, (int)mark->column + 1};
}

/* The place of a byte. `text` is valid UTF-8 up to there. */
static struct diag_pos pos_of_byte(const char *name, struct slice text, size_t offset)
{
    struct slice before = {text.data, offset < text.size ? offset : text.size};
    size_t line_start = 0;
    int line = 1;
    for (size_t i = 0; i < before.size; i++) {
        if (before.data[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    struct slice of_line = {before.data + line_start, before.size - line_start};
    return (struct diag_pos){name, line, (int)utf8_count(of_line) + 1};
}

static const char *wording_of(const char *problem)
{
    for (size_t i = 0; i < WORDING_COUNT; i++) {
        if (strcmp(problem, wordings[i].problem) == 0)
            return wordings[i].friendly;
    }
    return problem;
}

/* The byte at a mark. Marks count characters, and so does this. */
static char char_at(struct slice text, const yaml_mark_t *mark)
{
    size_t pos = 0;
    for (size_t i = 0; i < mark->index && pos < text.size; i++)
        utf8_next(text, &pos);
    return pos < text.size ? text.data[pos] : '\0';
}

void yaml_syntax_report(const yaml_parser_t *parser, const char *name, struct slice text,
                        struct diag *diag)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    const char *context = parser->context;
    if (parser->error == YAML_READER_ERROR) {
        diag_error(diag, pos_of_byte(name, text, parser->problem_offset), "%s", problem);
        return;
    }
    if (context && strcmp(context, "while scanning a quoted scalar") == 0 &&
        strcmp(problem, "found unexpected end of stream") == 0) {
        diag_error(diag, yaml_syntax_pos(name, &parser->context_mark),
                   "this quote is never closed");
        return;
    }
    const char *wording = wording_of(problem);
    if (char_at(text, &parser->problem_mark) == '\t' && wording != problem)
        wording = "a tab can't indent; use spaces";
    struct diag_pos at = yaml_syntax_pos(name, &parser->problem_mark);
    bool is_elsewhere = context && parser->context_mark.line != parser->problem_mark.line;
    if (is_elsewhere)
        diag_error(diag, at, "%s (%s that starts in line %d)", wording, context,
                   (int)parser->context_mark.line + 1);
    else
        diag_error(diag, at, "%s", wording);
}

static const char *tag_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return (const char *)event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return (const char *)event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return (const char *)event->data.mapping_start.tag;
    default:
        return NULL;
    }
}

static void report_tag(const char *name, const yaml_event_t *event, struct diag *diag)
{
    static const char standard[] = "tag:yaml.org,2002:";
    const char *tag = tag_of(event);
    if (!tag)
        return;
    bool is_standard = strncmp(tag, standard, sizeof(standard) - 1) == 0;
    diag_error(diag, yaml_syntax_pos(name, &event->start_mark),
               "the tag '%s%s' has no meaning here; put a text that begins with '!' in quotes",
               is_standard ? "!!" : "", is_standard ? tag + sizeof(standard) - 1 : tag);
}

/* What is counted while the events go by. */
struct tally {
    int documents;
    int depth;
    size_t nodes;
};

/* False: what follows need not be looked at. */
static bool check_event(const char *name, const yaml_event_t *event, struct tally *tally,
                        struct diag *diag)
{
    struct diag_pos at = yaml_syntax_pos(name, &event->start_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++tally->documents > 1) {
            diag_error(diag, at, "a second document begins here; a file holds one");
            return false;
        }
        return true;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (++tally->depth > YAML_DEPTH_MAX) {
            diag_error(diag, at, "nested deeper than %d levels", YAML_DEPTH_MAX);
            return false;
        }
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        tally->depth--;
        return true;
    case YAML_SCALAR_EVENT:
        break;
    default:
        return true;
    }
    report_tag(name, event, diag);
    if (++tally->nodes > YAML_NODES_MAX) {
        diag_error(diag, at, "more than %u values in one file", YAML_NODES_MAX);
        return false;
    }
    return true;
}

static bool check_events(yaml_parser_t *parser, const char *name, struct slice text,
                         struct diag *diag)
{
    struct tally tally = {0};
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            yaml_syntax_report(parser, name, text, diag);
            return false;
        }
        bool is_end = event.type == YAML_STREAM_END_EVENT;
        bool good = check_event(name, &event, &tally, diag);
        yaml_event_delete(&event);
        if (!good || is_end)
            return good;
    }
}

static bool check_utf8(const char *name, struct slice text, struct diag *diag)
{
    if (utf8_valid(text))
        return true;
    size_t pos = 0;
    size_t length;
    while ((length = utf8_sequence(text.data + pos, text.size - pos)) > 0)
        pos += length;
    diag_error(diag, pos_of_byte(name, text, pos), "not UTF-8; save the file in this encoding");
    return false;
}

bool yaml_syntax_check(const char *name, struct slice text, struct diag *diag)
{
    if (!check_utf8(name, text, diag))
        return false;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return false;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.data, text.size);
    bool good = check_events(&parser, name, text, diag);
    yaml_parser_delete(&parser);
    return good;
}
