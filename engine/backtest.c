#include "engine/backtest.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/hash.h"

struct backtest {
    struct backtest_options options;
    struct partition partition;
    struct partition_host host;
    struct partition_setting setting;
    struct rules_counters counters;
    struct decoder *decoder;
    struct signal_list signals;
    struct arena message, scratch;
    struct buf id;
    uint64_t left_out;
    int64_t first_ms, last_ms;
};

static enum err take_signal(void *self, struct partition *partition, const struct signal *signal, const struct partition_cause *cause)
{
    struct backtest *backtest = self;
    buf_reset(&backtest->id);
    signal_add_id(signal, slice_of(partition->id.topic), partition->id.partition, cause->offset, &backtest->id);
    backtest->options.signal(backtest->options.self, signal, buf_slice(&backtest->id));
    return ERR_NONE;
}

struct backtest *backtest_new(const struct backtest_options *options)
{
    struct backtest *backtest = calloc(1, sizeof *backtest);
    CHECK(backtest);
    backtest->options = *options;
    backtest->host = (struct partition_host){.self = backtest, .signal = take_signal};
    backtest->setting = (struct partition_setting){
        .host = &backtest->host,
        .rules = options->rules,
        .schema = options->schema,
        .lateness_ms = options->lateness_ms,
        .future_ms = INT64_MAX,
        .forget_after_ms = options->forget_after_ms,
        .scratch = &backtest->scratch,
        .signals = &backtest->signals,
        .rules_counters = &backtest->counters,
    };
    arena_init(&backtest->message);
    arena_init(&backtest->scratch);
    buf_init(&backtest->id);
    signal_list_init(&backtest->signals);
    backtest->decoder = decoder_new(options->schema, rules_wants(options->rules));
    partition_init(&backtest->partition, (struct topic_partition){"", 0}, &backtest->setting);
    backtest->first_ms = backtest->last_ms = PARTITION_NO_TIME;
    return backtest;
}

void backtest_free(struct backtest *backtest)
{
    if (!backtest)
        return;
    partition_fini(&backtest->partition);
    decoder_free(backtest->decoder);
    signal_list_fini(&backtest->signals);
    buf_fini(&backtest->id);
    arena_fini(&backtest->scratch);
    arena_fini(&backtest->message);
    free(backtest);
}

void backtest_begin_file(struct backtest *backtest, const char *topic)
{
    backtest->partition.id.topic = topic;
}

static void note_time(struct backtest *backtest, int64_t time_ms)
{
    if (backtest->first_ms == PARTITION_NO_TIME || time_ms < backtest->first_ms)
        backtest->first_ms = time_ms;
    if (backtest->last_ms == PARTITION_NO_TIME || time_ms > backtest->last_ms)
        backtest->last_ms = time_ms;
}

void backtest_message(struct backtest *backtest, int64_t offset, struct slice message, struct decoded *decoded)
{
    struct source_message source = {.from = backtest->partition.id, .offset = offset, .time_ms = EVENT_NO_TIME, .value = message};
    struct errinfo info;
    uint32_t rank = 0;

    arena_reset(&backtest->message);
    decode_message(backtest->decoder, message, EVENT_NO_TIME, &backtest->message, decoded);
    backtest->partition.next_offset = offset;
    for (size_t i = 0; i < decoded->count; i++) {
        struct event *event = &decoded->events[i];
        if (event->time_ms > backtest->options.until_ms) {
            backtest->left_out++;
            continue;
        }
        note_time(backtest, event->time_ms);
        CHECK(partition_apply(&backtest->partition, event, hash_bytes(event->customer), &source, &rank, &info) == ERR_NONE);
    }
}

void backtest_move_watermark(struct backtest *backtest, int64_t watermark_ms)
{
    struct errinfo info;
    CHECK(partition_sweep(&backtest->partition, watermark_ms, &info) == ERR_NONE);
}

void backtest_finish(struct backtest *backtest)
{
    struct partition *partition = &backtest->partition;
    struct errinfo info;
    int64_t until_ms = backtest->options.until_ms;

    if (partition->watermark_ms == PARTITION_NO_TIME)
        return; /* no event, no clock */
    if (until_ms == BACKTEST_NO_UNTIL)
        until_ms = partition->watermark_ms + backtest->options.lateness_ms;
    CHECK(partition_finish(partition, until_ms, &info) == ERR_NONE);
}

void backtest_totals(const struct backtest *backtest, struct backtest_totals *totals)
{
    const struct partition *partition = &backtest->partition;
    *totals = (struct backtest_totals){
        .events = partition->counters.events,
        .duplicates = partition->counters.duplicates,
        .late = partition->counters.late,
        .signals = partition->counters.signals,
        .left_out = backtest->left_out,
        .timers_left = partition->counters.timers_left,
        .customers = partition->customers,
        .first_ms = backtest->first_ms,
        .last_ms = backtest->last_ms,
        .rules = &backtest->counters,
        .stats = &partition->stats,
    };
}
