#include <inttypes.h>
#include <stdio.h>

#include "bench/reader.h"
#include "bench/segment_message.h"
#include "cli/cli.h"
#include "cli/config_or_say.h"
#include "cli/feed.h"
#include "consumer/decode.h"

static const char help[] =
    "Usage: stagecoach replay -c FILE --input FILE... --format NAME [--rate X | --speed X]\n"
    "\n"
    "Sends files of events into the first topic of the configuration, as msgpack of the "
    "configured\n"
    "schema, keyed by customer. Each record's time is its event's: a topic that keeps records for "
    "a\n"
    "shorter time than the events are old will lose them (retention.ms=-1 keeps them).\n"
    "\n"
    "  -c, --config FILE   the configuration\n"
    "  -i, --input FILE    a file of events; more may follow; `-` is standard input; .gz is read "
    "as it is\n"
    "  -f, --format NAME   segment-jsonl, ga4-jsonl, msgpack, rees46-csv, retailrocket-csv, "
    "taobao-csv, otto-jsonl\n"
    "      --rate X        sends X events a second\n"
    "      --speed X       sends X times as fast as it happened: 1 is real time\n"
    "                      without either: as fast as possible\n"
    "  -h, --help          this text\n"
    "\n"
    "Where the file's schema is the configured one, its messages are sent as they are. Where the "
    "configured\n"
    "one is segment, those of all other formats become Segment messages.\n"
    "\n"
    "Rows that can't be read are reported and left out; files are sent in the order of their "
    "rows.\n"
    "\n"
    "Exit codes: 0 done, 1 interrupted, a file can't be read or not all was delivered, 2 wrong "
    "usage or\n"
    "configuration.\n";

struct replay {
    const struct reader_format *format;
    struct schema *configured;
    struct schema *of_format; /* NULL: the configured one */
    struct decoder *decoder;
    bool converts;
    struct arena arena;
    struct buf message;
    struct feed feed;
    uint64_t left_out;
    bool is_over;
};

/* ---- which messages are sent ---- */

static bool same_schema(const struct replay *replay)
{
    return !replay->format->schema ||
           slice_is(schema_name(replay->configured), replay->format->schema);
}

static int refuse_schema(const struct replay *replay)
{
    struct slice configured = schema_name(replay->configured);
    fprintf(stderr,
            "stagecoach replay: events.schema is %.*s, and %s is %s: take a configuration whose "
            "events.schema is %s or segment\n",
            (int)configured.size, configured.data, replay->format->name, replay->format->schema,
            replay->format->schema);
    return 2;
}

static int prepare(struct replay *replay, const struct config *config)
{
    static const struct event_wants nothing;
    replay->configured = config_schema_or_say(config);
    if (!replay->configured)
        return 2;
    replay->converts = !same_schema(replay);
    if (replay->converts && !slice_is(schema_name(replay->configured), "segment"))
        return refuse_schema(replay);
    if (replay->converts)
        replay->of_format = config_shipped_schema_or_say(config, replay->format->schema);
    if (replay->converts && !replay->of_format)
        return 2;
    replay->decoder = replay->converts ? decoder_new(replay->of_format, segment_message_wants())
                                       : decoder_new(replay->configured, &nothing);
    return 0;
}

/* ---- rows ---- */

static bool send(struct replay *replay, const struct event *event, struct slice message,
                 const char *where)
{
    struct feeder_record record = {event->customer, message, event->time_ms, -1};
    return feed_send(&replay->feed, &record, where);
}

/* As it is: one record, also where it carries several events (of one customer, in GA4). */
static bool send_message(struct replay *replay, const struct decoded *decoded,
                         const struct reader_row *row, const char *where)
{
    if (!replay->converts)
        return send(replay, &decoded->events[0], row->message, where);
    for (size_t i = 0; i < decoded->count; i++) {
        buf_reset(&replay->message);
        segment_message_pack(&decoded->events[i], replay->of_format, replay->configured,
                             &replay->arena, &replay->message);
        if (!send(replay, &decoded->events[i], buf_slice(&replay->message), where))
            return false;
    }
    return true;
}

static bool send_row(struct replay *replay, const char *path, const struct reader_row *row)
{
    struct decoded decoded;
    char where[512];
    snprintf(where, sizeof where, "%s:%" PRId64, path, row->line);
    arena_reset(&replay->arena);
    decode_message(replay->decoder, row->message, EVENT_NO_TIME, &replay->arena, &decoded);
    if (decoded.dead == EVENT_DEAD_NONE)
        return decoded.count == 0 || send_message(replay, &decoded, row, where);
    replay->left_out++;
    fprintf(stderr, "%s: %s: %s\n", where, event_dead_code(decoded.dead), decoded.detail);
    return true;
}

/* ---- files ---- */

static int send_file(struct replay *replay, const char *path)
{
    struct errinfo info = {""};
    enum err rc = ERR_NONE;
    struct reader *reader = reader_open(path, replay->format, &rc, &info);
    if (!reader) {
        fprintf(stderr, "stagecoach replay: %s\n", info.text);
        return rc == ERR_CONFIG ? 2 : 1;
    }
    struct reader_row row;
    enum reader_result result = READER_ROW;
    while (!replay->is_over && (result = reader_next(reader, &row, &info)) != READER_END &&
           result != READER_FAILED) {
        if (result == READER_ROW) {
            replay->is_over = !send_row(replay, path, &row);
            continue;
        }
        replay->left_out++;
        fprintf(stderr, "%s\n", row.error);
    }
    reader_close(reader);
    if (result == READER_FAILED)
        fprintf(stderr, "stagecoach replay: %s\n", info.text);
    return result == READER_FAILED || replay->is_over ? 1 : 0;
}

static int send_files(struct replay *replay, const struct cli_list *inputs)
{
    int code = 0;
    for (size_t i = 0; i < inputs->count && code == 0; i++)
        code = send_file(replay, inputs->items[i]);
    int closed = feed_close(&replay->feed);
    if (replay->left_out > 0)
        fprintf(stderr, "  %" PRIu64 " rows left out\n", replay->left_out);
    return code ? code : closed;
}

static int replay_files(const struct reader_format *format, const struct config *config,
                        const struct cli_list *inputs, struct pacer pacer)
{
    struct replay replay = {.format = format, .feed = {.pacer = pacer}};
    arena_init(&replay.arena);
    buf_init(&replay.message);
    int code = prepare(&replay, config);
    if (code == 0)
        code = feed_open(&replay.feed, "replay", config);
    if (code == 0)
        code = send_files(&replay, inputs);
    decoder_free(replay.decoder);
    schema_free(replay.of_format);
    schema_free(replay.configured);
    buf_fini(&replay.message);
    arena_fini(&replay.arena);
    return code;
}

struct request {
    const char *config, *format_name;
    struct cli_list inputs;
    struct pacer pacer;
};

static int check(const char *command, const struct request *request)
{
    if (!request->config || request->inputs.count == 0 || !request->format_name)
        return cli_wrong(command, "-c FILE, --input FILE and --format NAME are all needed");
    if (request->pacer.events_per_s > 0 && request->pacer.speed > 0)
        return cli_wrong(command, "--rate and --speed exclude each other");
    if (!reader_format_find(request->format_name))
        return cli_wrong(command, "--format %s: there is %s", request->format_name,
                         reader_format_names());
    return CLI_GO_ON;
}

static int replay_request(const struct request *request)
{
    struct config *config = config_load_or_say(request->config);
    if (!config)
        return 2;
    int code = replay_files(reader_format_find(request->format_name), config, &request->inputs,
                            request->pacer);
    config_free(config);
    return code;
}

int cmd_replay(int argc, char **argv)
{
    struct request request = {0};
    const struct cli_option options[] = {
        {"config", 'c', CLI_TEXT, &request.config},
        {"input", 'i', CLI_LIST, &request.inputs},
        {"format", 'f', CLI_TEXT, &request.format_name},
        {"rate", 0, CLI_FACTOR, &request.pacer.events_per_s},
        {"speed", 0, CLI_FACTOR, &request.pacer.speed},
        {0},
    };
    int code = cli_parse(argc, argv, options, help, &request.inputs);
    if (code == CLI_GO_ON)
        code = check(argv[0], &request);
    if (code == CLI_GO_ON) {
        cli_catch_signals();
        code = replay_request(&request);
    }
    cli_list_free(&request.inputs);
    return code;
}
