/*
 * Machine files as anybody may write them: whatever they are, loading ends with mistakes or with a machine, and a
 * machine takes a shop's first events to their end.
 */
#include <stdint.h>
#include <stdlib.h>

#include "bench/shop.h"
#include "core/check.h"
#include "engine/backtest.h"

#define EVENTS 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct schema *schema;

static struct schema *load_schema(void)
{
    struct diag diag;
    diag_init(&diag);
    struct schema *loaded =
        schema_load(STAGECOACH_SOURCE_DIR "/config/schemas/segment.yaml", &diag);
    diag_fini(&diag);
    CHECK(loaded != NULL);
    return loaded;
}

static void ignore(void *self, const struct signal *signal, struct slice id)
{
    (void)self;
    (void)signal;
    (void)id;
}

static void play(const struct rules *rules)
{
    struct backtest_options options = {
        .rules = rules,
        .schema = schema,
        .lateness_ms = 5000,
        .forget_after_ms = INT64_C(400) * 86400000,
        .until_ms = BACKTEST_NO_UNTIL,
        .signal = ignore,
    };
    struct shop_options few = {.seed = 1, .customers = 8, .products = 8, .events_per_second = 0.01};
    struct backtest *backtest = backtest_new(&options);
    struct shop *shop = shop_new(&few);
    struct shop_event event;
    struct decoded decoded;
    for (int64_t i = 0; i < EVENTS; i++) {
        shop_next(shop, &event);
        backtest_message(backtest, i, event.message, &decoded);
    }
    backtest_finish(backtest);
    shop_free(shop);
    backtest_free(backtest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *name = "machine.yaml";
    struct slice text = {(const char *)data, size};
    struct rules_options options = {.files = &name,
                                    .file_count = 1,
                                    .texts = &text,
                                    .forget_after_ms = INT64_C(400) * 86400000};
    struct diag diag;

    if (!schema)
        schema = load_schema();
    diag_init(&diag);
    struct rules *rules = rules_load(&options, &diag);
    CHECK((rules == NULL) == (diag.error_count > 0));
    if (rules)
        play(rules);
    rules_free(rules);
    diag_fini(&diag);
    return 0;
}
