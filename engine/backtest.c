#include "engine/backtest.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/hash.h"
#include "engine/stats.h"
#include "rules/failures.h"
#include "state/codec.h"

struct backtest {
    struct backtest_options options;
    struct partition partition;
    struct partition_host host;
    struct partition_setting setting;
    struct rules_counters counters;
    struct failures failures;
    struct decoder *decoder;
    struct signal_list signals;
    struct arena message, scratch;
    struct buf id;
    uint64_t left_out;
    int64_t first_ms, last_ms;
};

static enum err take_signal(void *self, struct partition *partition, const struct signal *signal,
                            const struct partition_cause *cause)
{
    struct backtest *backtest = self;
    buf_reset(&backtest->id);
    signal_add_id(signal, slice_of(partition->id.topic), partition->id.partition, cause->offset,
                  &backtest->id);
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
    failures_init(&backtest->failures, options->rules);
    backtest->counters.failures = &backtest->failures;
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
    failures_fini(&backtest->failures);
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

void backtest_message(struct backtest *backtest, int64_t offset, struct slice message,
                      struct decoded *decoded)
{
    struct source_message source = {.from = backtest->partition.id,
                                    .offset = offset,
                                    .time_ms = EVENT_NO_TIME,
                                    .value = message};
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
        CHECK(partition_apply(&backtest->partition, event, hash_bytes(event->customer), &source,
                              &rank, &info) == ERR_NONE);
    }
}

void backtest_move_watermark(struct backtest *backtest, int64_t watermark_ms)
{
    struct errinfo info;
    CHECK(partition_sweep(&backtest->partition, watermark_ms, &info) == ERR_NONE);
}

static void take_over(struct partition *from, struct partition *to)
{
    const struct layout *old = rules_layout(from->setting->rules),
                        *new = rules_layout(to->setting->rules);
    struct codec *codec = codec_new(new);
    struct customer *customer, *taken;
    struct errinfo info;
    struct buf text;
    size_t position = 0;

    buf_init(&text);
    codec_layout_describe(old, &text);
    CHECK(codec_know(codec, old->id, buf_slice(&text), &info) == ERR_NONE);
    while ((customer = table_next(from->table, &position))) {
        if (customer->flags & CUSTOMER_GONE)
            continue;
        buf_reset(&text);
        codec_encode(old, customer, &text);
        CHECK(codec_decode(codec, customer_key(old, customer), buf_slice(&text), &taken, NULL,
                           &info) == ERR_NONE);
        stats_count(to, taken);
        partition_add_loaded(to, taken, CUSTOMER_NEVER);
    }
    buf_fini(&text);
    codec_free(codec);
}

void backtest_change_rules(struct backtest *backtest, const struct ruleset *ruleset)
{
    struct partition before = backtest->partition;
    struct partition_setting setting = backtest->setting; /* of what was before */

    before.setting = &setting;
    backtest->setting.rules = ruleset->rules;
    backtest->setting.schema = ruleset->schema;
    backtest->setting.lateness_ms = ruleset->lateness_ms;
    backtest->setting.forget_after_ms = ruleset->forget_after_ms;
    partition_init(&backtest->partition, before.id, &backtest->setting);
    backtest->partition.next_offset = before.next_offset;
    backtest->partition.watermark_ms = before.watermark_ms;
    backtest->partition.customers = before.customers;
    backtest->partition.counters = before.counters;
    stats_keep_transitions(&before, &backtest->partition);
    take_over(&before, &backtest->partition);
    failures_fini(&backtest->failures);
    failures_init(&backtest->failures, ruleset->rules);
    partition_fini(&before);
    decoder_free(backtest->decoder);
    backtest->decoder = decoder_new(ruleset->schema, rules_wants(ruleset->rules));
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
        .timers_left = partition->counters.timers_left + backtest->counters.event_overflows,
        .customers = partition->customers,
        .first_ms = backtest->first_ms,
        .last_ms = backtest->last_ms,
        .rules = &backtest->counters,
        .stats = &partition->stats,
    };
}
