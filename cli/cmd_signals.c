#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/config_or_say.h"
#include "cli/follower.h"
#include "core/json.h"
#include "core/mp.h"
#include "producer/signal.h"

#define ANSWER_TIMEOUT_MS 5000
#define WAIT_MS           100
#define RETRY_PAUSE_MS    500

static const char help[] =
    "Usage: stagecoach signals -c FILE [--type PATTERN] [--from-beginning] [--until-end]\n"
    "\n"
    "Follows the signal topics of the configuration (signals.topics) as JSON Lines on stdout: the\n"
    "signal's id, then its value. Committed signals only. No consumer group: nobody is disturbed.\n"
    "\n"
    "  -c, --config FILE      the configuration\n"
    "  -t, --type PATTERN     only signals of these types, such as 'cart.*'\n"
    "      --from-beginning   all that is there, then what comes; without it only what comes\n"
    "      --until-end        all that is there, then it ends (also without --from-beginning)\n"
    "  -h, --help             this text\n"
    "\n"
    "Exit codes: 0 done or interrupted, 1 failed while running, 2 wrong usage or configuration.\n";

struct signals {
    const struct config *config;
    struct follower *follower;
    struct slice pattern;
    bool from_beginning, until_end;
    struct buf line, value;
    bool is_away;    /* it has been said */
    int write_error; /* errno of the first write to stdout that failed */
};

/* ---- one line ---- */

/* Whether what follows the type's header is JSON in one line, as we write it. */
static bool is_json_object(struct slice value)
{
    return value.size >= 2 && value.data[0] == '{' && value.data[value.size - 1] == '}' &&
           !memchr(value.data, '\n', value.size);
}

static struct slice value_as_json(struct signals *signals, const struct follower_record *record)
{
    if (!slice_is(follower_header(record, "content-type"), "application/msgpack"))
        return record->value;
    buf_reset(&signals->value);
    if (mp_well_formed(record->value))
        mp_to_json(record->value, &signals->value);
    return buf_slice(&signals->value);
}

/* Records of others in a signal topic are shown too, so that they are seen. */
static void add_foreign(struct buf *line, const struct follower_record *record)
{
    buf_printf(line,
               ",\"topic\":\"%s\",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"value\":",
               record->topic, record->partition, record->offset);
    json_add_string(line, record->value);
    buf_add_char(line, '}');
}

static void make_line(struct signals *signals, const struct follower_record *record)
{
    struct buf *line = &signals->line;
    struct slice id = follower_header(record, "ce_id"), json = value_as_json(signals, record);
    buf_reset(line);
    buf_add_text(line, "{\"id\":");
    if (id.data)
        json_add_string(line, id);
    else
        buf_add_text(line, "null");
    if (!is_json_object(json)) {
        add_foreign(line, record);
    } else {
        if (json.size > 2)
            buf_add_char(line, ',');
        buf_add(line, json.data + 1, json.size - 1);
    }
    buf_add_char(line, '\n');
}

static bool is_wanted(const struct signals *signals, const struct follower_record *record)
{
    return signals->pattern.size == 0 ||
           signal_pattern_matches(signals->pattern, follower_header(record, "ce_type"));
}

static void show(struct signals *signals, const struct follower_record *record)
{
    if (!is_wanted(signals, record))
        return;
    make_line(signals, record);
    if (fwrite(signals->line.data, 1, signals->line.size, stdout) < signals->line.size)
        signals->write_error = errno;
}

/* ---- topics ---- */

static void pause_ms(int ms)
{
    struct timespec pause = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&pause, NULL);
}

/* Until it is there: `run` creates what is missing when it starts. */
static int add_topic(struct signals *signals, const char *topic)
{
    struct errinfo info = {""};
    bool has_said = false, was_there = true;
    while (!cli_interrupted()) {
        /* What came into being while we waited is read whole. */
        enum err rc = follower_add(signals->follower, topic,
                                   signals->from_beginning || signals->until_end || !was_there,
                                   ANSWER_TIMEOUT_MS, &info);
        if (rc == ERR_NONE)
            return 0;
        bool waits = rc == ERR_RETRY || (rc == ERR_REJECT && !signals->until_end);
        if (!waits || !has_said)
            fprintf(stderr, "stagecoach signals: %s%s\n", info.text,
                    waits ? "; waiting for it" : "");
        if (!waits)
            return 1;
        was_there = was_there && rc != ERR_REJECT;
        has_said = true;
        pause_ms(RETRY_PAUSE_MS);
    }
    return 0;
}

static bool is_new(const struct config *config, size_t route)
{
    for (size_t i = 0; i < route; i++)
        if (slice_equal(config->routes[i].topic, config->routes[route].topic))
            return false;
    return true;
}

static int add_topics(struct signals *signals)
{
    int code = 0;
    for (size_t i = 0; i < signals->config->route_count && code == 0; i++)
        if (is_new(signals->config, i))
            code = add_topic(signals, signals->config->routes[i].topic.data);
    return code;
}

/* ---- following ---- */

/* Whoever reads us may have enough (`| head`): then we are done. */
static bool flush_lines(struct signals *signals, int *code)
{
    if (!signals->write_error && fflush(stdout) != 0)
        signals->write_error = errno;
    if (!signals->write_error)
        return true;
    *code = signals->write_error == EPIPE ? 0 : 1;
    if (*code)
        fprintf(stderr, "stagecoach signals: writing: %s\n", strerror(signals->write_error));
    return false;
}

static void say_away(struct signals *signals, const struct errinfo *info)
{
    if (!signals->is_away)
        fprintf(stderr, "stagecoach signals: %s; trying again\n", info->text);
    signals->is_away = true;
}

static int follow(struct signals *signals)
{
    struct follower_record record;
    struct errinfo info = {""};
    int code = 0, wait_ms = 0;
    while (!cli_interrupted()) {
        switch (follower_next(signals->follower, wait_ms, signals->until_end, &record, &info)) {
        case FOLLOWER_RECORD:
            show(signals, &record);
            signals->is_away = false;
            wait_ms = 0; /* lines are flushed when nothing more is waiting */
            if (!signals->write_error)
                continue;
            break;
        case FOLLOWER_NOTHING:
            break;
        case FOLLOWER_AWAY:
            say_away(signals, &info);
            break;
        case FOLLOWER_END:
            flush_lines(signals, &code);
            return code;
        case FOLLOWER_FAILED:
            flush_lines(signals, &code);
            fprintf(stderr, "stagecoach signals: %s\n", info.text);
            return 1;
        }
        if (!flush_lines(signals, &code))
            return code;
        wait_ms = WAIT_MS;
    }
    flush_lines(signals, &code);
    return code;
}

static int run(struct signals *signals)
{
    struct errinfo info = {""};
    signals->follower = follower_open(signals->config, &info);
    if (!signals->follower) {
        fprintf(stderr, "stagecoach signals: %s\n", info.text);
        return 2;
    }
    buf_init(&signals->line);
    buf_init(&signals->value);
    int code = add_topics(signals);
    if (code == 0)
        code = follow(signals);
    follower_close(signals->follower);
    buf_fini(&signals->line);
    buf_fini(&signals->value);
    return code;
}

int cmd_signals(int argc, char **argv)
{
    const char *config_path = NULL, *pattern = NULL;
    struct signals signals = {0};
    const struct cli_option options[] = {
        {"config", 'c', CLI_TEXT, &config_path},
        {"type", 't', CLI_TEXT, &pattern},
        {"from-beginning", 0, CLI_FLAG, &signals.from_beginning},
        {"until-end", 0, CLI_FLAG, &signals.until_end},
        {0},
    };
    int code = cli_parse(argc, argv, options, help, NULL);
    if (code != CLI_GO_ON)
        return code;
    if (!config_path)
        return cli_wrong(argv[0], "-c FILE is missing");
    cli_catch_signals();
    struct config *config = config_load_or_say(config_path);
    if (!config)
        return 2;
    signals.config = config;
    signals.pattern = slice_of(pattern);
    code = run(&signals);
    config_free(config);
    return code;
}
