#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/reader.h"
#include "cli/cli.h"
#include "cli/project.h"
#include "core/datetime.h"
#include "engine/backtest.h"
#include "producer/signal.h"
#include "rules/failures.h"

static const char help[] =
    "Usage: stagecoach backtest -c FILE --input FILE... --format NAME [--until TIME]\n"
    "\n"
    "Runs the machines of the configuration over files: what they would have signalled. No Kafka, "
    "no Redis.\n"
    "Signals go to stdout as JSON Lines, a summary to stderr.\n"
    "\n"
    "  -c, --config FILE   the configuration\n"
    "  -i, --input FILE    a file of events; more may follow; `-` is standard input; .gz is read "
    "as it is\n"
    "  -f, --format NAME   segment-jsonl, ga4-jsonl, msgpack, rees46-csv, retailrocket-csv, "
    "taobao-csv, otto-jsonl\n"
    "      --until TIME    RFC 3339, such as 2026-01-05T10:00:00Z: events after it are left out, "
    "timers due by it fire;\n"
    "                      without it the clock stops at the greatest event time\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0 done (rows that can't be read are reported and counted), 1 a file can't be "
    "read, 2 wrong usage or configuration.\n";

struct run {
    struct backtest *backtest;
    struct project *project;
    struct buf line;
    size_t max_bytes;
    uint64_t rows, bad_rows, dead_letters, oversize;
    uint64_t *by_type; /* in the order of rules_signal_type() */
};

static void count_type(struct run *run, struct slice type)
{
    struct slice known;
    for (size_t i = 0; (known = rules_signal_type(run->project->rules, i)).size > 0; i++)
        if (slice_equal(known, type)) {
            run->by_type[i]++;
            return;
        }
}

static void print_signal(void *self, const struct signal *signal, struct slice id)
{
    struct run *run = self;

    buf_reset(&run->line);
    signal_encode(signal, SIGNAL_JSON, (struct slice){0}, &run->line);
    if (run->line.size > run->max_bytes) {
        run->oversize++;
        fprintf(stderr,
                "%.*s: dead letter oversize_signal: %.*s has %zu bytes, signals.max_bytes is %zu\n",
                (int)id.size, id.data, (int)signal->type.size, signal->type.data, run->line.size,
                run->max_bytes);
        return;
    }
    count_type(run, signal->type);
    buf_reset(&run->line);
    signal_encode(signal, SIGNAL_JSON, id, &run->line);
    buf_add_char(&run->line, '\n');
    fwrite(run->line.data, 1, run->line.size, stdout);
}

static void take_row(struct run *run, const char *path, const struct reader_row *row)
{
    struct decoded decoded;
    run->rows++;
    backtest_message(run->backtest, row->row, row->message, &decoded);
    if (decoded.dead == EVENT_DEAD_NONE)
        return;
    run->dead_letters++;
    fprintf(stderr, "%s:%lld: dead letter %s: %s\n", path, (long long)row->line,
            event_dead_code(decoded.dead), decoded.detail ? decoded.detail : "");
}

static void take_bad_row(struct run *run, const struct reader_row *row)
{
    run->rows++;
    run->bad_rows++;
    run->dead_letters++;
    fprintf(stderr, "%s\n", row->error);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int run_file(struct run *run, const char *path, const struct reader_format *format)
{
    struct errinfo info = {""};
    enum err rc = ERR_NONE;
    struct reader_row row;
    enum reader_result result = READER_END;
    struct reader *reader = reader_open(path, format, &rc, &info);

    if (!reader) {
        fprintf(stderr, "stagecoach backtest: %s\n", info.text);
        return rc == ERR_CONFIG ? 2 : 1;
    }
    backtest_begin_file(run->backtest, base_name(path));
    while (!cli_interrupted() && (result = reader_next(reader, &row, &info)) != READER_END &&
           result != READER_FAILED) {
        if (result == READER_ROW)
            take_row(run, path, &row);
        else
            take_bad_row(run, &row);
        if (run->rows % 65536 == 0)
            cli_progress("%llu rows", (unsigned long long)run->rows);
    }
    reader_close(reader);
    if (result == READER_FAILED)
        fprintf(stderr, "stagecoach backtest: %s\n", info.text);
    return result == READER_FAILED || cli_interrupted() ? 1 : 0;
}

static void print_span(const struct backtest_totals *totals)
{
    char first[32], last[32];
    if (totals->first_ms == PARTITION_NO_TIME)
        return;
    datetime_format_ms(totals->first_ms, first);
    datetime_format_ms(totals->last_ms, last);
    fprintf(stderr, "  time       %s to %s\n", first, last);
}

static void print_machines(const struct run *run, const struct backtest_totals *totals)
{
    const struct rules *rules = run->project->rules;
    const struct layout *layout = rules_layout(rules);
    for (uint32_t m = 0; m < layout->machine_count; m++) {
        const struct layout_machine *machine = &layout->machines[m];
        fprintf(stderr, "  %-10.*s", (int)machine->name.size, machine->name.data);
        for (uint32_t s = 0; s < machine->state_count; s++)
            fprintf(stderr, " %.*s=%lld", (int)machine->states[s].size, machine->states[s].data,
                    (long long)totals->stats->states[rules_stats_state(rules, m, s)]);
        fputc('\n', stderr);
    }
}

/* All of them: a backtest is where rules are looked at. */
static void print_failures(const struct rules_counters *rules)
{
    struct failures_list list = {0};
    if (rules_errors(rules) == 0)
        return;
    fprintf(stderr, "  rules that failed: guards %llu, data %llu, actions %llu, chains %llu\n",
            (unsigned long long)rules->guard_errors, (unsigned long long)rules->data_errors,
            (unsigned long long)rules->action_errors, (unsigned long long)rules->chain_overflows);
    failures_list_add(&list, rules->failures);
    failures_list_sort(&list);
    for (size_t i = 0; i < list.count; i++)
        fprintf(stderr, "    %s: %llu times, the last: %s\n", list.items[i].place,
                (unsigned long long)list.items[i].count, list.items[i].message);
    failures_list_fini(&list);
}

static void print_summary(const struct run *run)
{
    struct backtest_totals totals;
    struct slice type;

    backtest_totals(run->backtest, &totals);
    fprintf(stderr, "\n%llu rows, %llu events, %llu customers, %llu signals, %llu dead letters\n",
            (unsigned long long)run->rows, (unsigned long long)totals.events,
            (unsigned long long)totals.customers,
            (unsigned long long)(totals.signals - run->oversize),
            (unsigned long long)(run->dead_letters + run->oversize));
    print_span(&totals);
    fprintf(stderr, "  late       %llu\n  duplicates %llu\n", (unsigned long long)totals.late,
            (unsigned long long)totals.duplicates);
    if (totals.left_out)
        fprintf(stderr, "  left out   %llu events after --until\n",
                (unsigned long long)totals.left_out);
    for (size_t i = 0; (type = rules_signal_type(run->project->rules, i)).size > 0; i++)
        fprintf(stderr, "  signal     %-24.*s %llu\n", (int)type.size, type.data,
                (unsigned long long)run->by_type[i]);
    print_machines(run, &totals);
    if (totals.rules->overflows)
        fprintf(stderr, "  left out   %llu elements that a full variable had no room for\n",
                (unsigned long long)totals.rules->overflows);
    if (totals.rules->cooldown_suppressed)
        fprintf(stderr, "  suppressed %llu signals by their cooldown\n",
                (unsigned long long)totals.rules->cooldown_suppressed);
    print_failures(totals.rules);
    if (totals.timers_left)
        fprintf(stderr, "  timers left over for the next second %llu times\n",
                (unsigned long long)totals.timers_left);
}

static size_t type_count(const struct rules *rules)
{
    size_t count = 0;
    while (rules_signal_type(rules, count).size > 0)
        count++;
    return count;
}

static int backtest(struct project *project, const struct reader_format *format,
                    const char *const *inputs, size_t input_count, int64_t until_ms)
{
    struct run run = {.project = project, .max_bytes = (size_t)project->config->max_bytes};
    struct backtest_options options = {
        .rules = project->rules,
        .schema = project->schema,
        .lateness_ms = project->config->lateness_ms,
        .forget_after_ms = project->config->forget_after_ms,
        .until_ms = until_ms,
        .self = &run,
        .signal = print_signal,
    };
    int rc = 0;

    buf_init(&run.line);
    run.by_type = calloc(type_count(project->rules) + 1, sizeof *run.by_type);
    run.backtest = backtest_new(&options);
    for (size_t i = 0; i < input_count && rc == 0; i++)
        rc = run_file(&run, inputs[i], format);
    if (rc == 0)
        backtest_finish(run.backtest);
    cli_progress_end();
    fflush(stdout);
    print_summary(&run);
    backtest_free(run.backtest);
    buf_fini(&run.line);
    free(run.by_type);
    return rc;
}

int cmd_backtest(int argc, char **argv)
{
    const char *config = NULL, *format_name = NULL, *until = NULL;
    struct cli_list inputs = {0};
    const struct cli_option options[] = {
        {"config", 'c', CLI_TEXT, &config},
        {"input", 'i', CLI_LIST, &inputs},
        {"format", 'f', CLI_TEXT, &format_name},
        {"until", 0, CLI_TEXT, &until},
        {0},
    };
    struct project project;
    int64_t until_ms = BACKTEST_NO_UNTIL;
    int rc = cli_parse(argc, argv, options, help, &inputs);

    if (rc != CLI_GO_ON)
        return rc;
    if (!config || inputs.count == 0 || !format_name)
        return cli_wrong(argv[0], "-c FILE, --input FILE and --format NAME are all needed");
    const struct reader_format *format = reader_format_find(format_name);
    if (!format)
        return cli_wrong(argv[0], "--format %s: there is %s", format_name, reader_format_names());
    if (until && !datetime_parse_ms(slice_of(until), &until_ms))
        return cli_wrong(argv[0],
                         "--until %s: must be a time with an offset, such as 2026-01-05T10:00:00Z",
                         until);
    cli_catch_signals();
    rc = project_load_or_say(&project, config, format->schema)
             ? backtest(&project, format, inputs.items, inputs.count, until_ms)
             : 2;
    project_free(&project);
    cli_list_free(&inputs);
    return rc;
}
