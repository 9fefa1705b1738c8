/*
 * The made-up shop behaves like one: rates are computed here from its messages alone, read by msgpack-c's unpack.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <msgpack.h>

#include "bench/agenda.h"
#include "bench/shop.h"
#include "bench/zipf.h"
#include "core/datetime.h"
#include "core/hash.h"

#define EVENT_COUNT 200000
#define SILENCE_MS  (30 * 60 * 1000)

/* ---- reading messages ---- */

static bool text_is(const msgpack_object *object, const char *text)
{
    return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(text) &&
           memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

static const msgpack_object *field(const msgpack_object *map, const char *key)
{
    for (uint32_t i = 0; map->type == MSGPACK_OBJECT_MAP && i < map->via.map.size; i++)
        if (text_is(&map->via.map.ptr[i].key, key))
            return &map->via.map.ptr[i].val;
    return NULL;
}

static struct slice text_of(const msgpack_object *object)
{
    assert_non_null(object);
    assert_int_equal(object->type, MSGPACK_OBJECT_STR);
    return (struct slice){object->via.str.ptr, object->via.str.size};
}

static int64_t number_of(const msgpack_object *object)
{
    assert_non_null(object);
    assert_int_equal(object->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
    return (int64_t)object->via.u64;
}

/* The whole message, nothing behind it. */
static void unpack(struct slice message, msgpack_unpacked *unpacked)
{
    size_t offset = 0;
    msgpack_unpack_return rc = msgpack_unpack_next(unpacked, message.data, message.size, &offset);
    assert_int_equal(rc, MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, message.size);
    assert_int_equal(unpacked->data.type, MSGPACK_OBJECT_MAP);
}

static struct shop *shop_of(struct shop_options options)
{
    return shop_new(&options);
}

/* ---- carts, by the definition of the cart machine, from what the messages say ---- */

#define LINES_MAX 16
struct watched {
    int64_t last_ms;
    int64_t opened_ms; /* since when there is something in the cart */
    int line_count;
    bool abandoned;
    struct {
        uint64_t product;
        int64_t quantity;
    } lines[LINES_MAX];
};

/* Only carts opened before `until_ms` are counted: the later ones have had no time to end, and those that end in an order do so first. */
struct carts {
    int64_t until_ms;
    struct watched *customers; /* by the number in their id */
    uint32_t customer_count;
    long abandoned, ordered, recovered, emptied;
};

static struct watched *watched_of(struct carts *carts, struct slice customer)
{
    char number[32] = {0};
    assert_in_range(customer.size, 2, 16);
    memcpy(number, customer.data + 1, customer.size - 1);
    unsigned long which = strtoul(number, NULL, 10);
    assert_in_range(which, 0, carts->customer_count - 1);
    return &carts->customers[which];
}

static void note_silence(struct carts *carts, struct watched *it, int64_t now_ms)
{
    if (it->line_count > 0 && !it->abandoned && now_ms - it->last_ms >= SILENCE_MS) {
        it->abandoned = true;
        carts->abandoned += it->opened_ms < carts->until_ms;
    }
}

static void note_added(struct watched *it, const msgpack_object *line)
{
    uint64_t product = hash_bytes(text_of(field(line, "product_id")));
    int64_t quantity = number_of(field(line, "quantity"));
    for (int i = 0; i < it->line_count; i++) {
        if (it->lines[i].product == product) {
            it->lines[i].quantity += quantity;
            return;
        }
    }
    assert_in_range(it->line_count, 0, LINES_MAX - 1);
    it->lines[it->line_count].product = product;
    it->lines[it->line_count++].quantity = quantity;
}

static void note_removed(struct carts *carts, struct watched *it, const msgpack_object *line)
{
    uint64_t product = hash_bytes(text_of(field(line, "product_id")));
    for (int i = 0; i < it->line_count; i++) {
        if (it->lines[i].product != product)
            continue;
        it->lines[i].quantity -= number_of(field(line, "quantity"));
        if (it->lines[i].quantity <= 0)
            it->lines[i] = it->lines[--it->line_count];
        break;
    }
    if (it->line_count == 0) {
        carts->emptied++;
        it->abandoned = false;
    }
}

static void note_snapshot(struct watched *it, const msgpack_object *properties)
{
    const msgpack_object *products = field(properties, "products");
    assert_non_null(products);
    assert_in_range(products->via.array.size, 1, LINES_MAX);
    it->line_count = 0;
    for (uint32_t i = 0; i < products->via.array.size; i++)
        note_added(it, &products->via.array.ptr[i]);
}

static void note_ordered(struct carts *carts, struct watched *it)
{
    assert_true(it->line_count > 0);
    bool counts = it->opened_ms < carts->until_ms;
    carts->recovered += counts && it->abandoned;
    carts->ordered += counts && !it->abandoned;
    it->abandoned = false;
    it->line_count = 0;
}

/* Any activity after an abandonment that touches the cart is the same cart again, no longer abandoned. */
static void note_event(struct carts *carts, const struct shop_event *event,
                       const msgpack_object *map)
{
    struct watched *it = watched_of(carts, event->customer);
    note_silence(carts, it, event->time_ms);
    if (it->line_count == 0)
        it->opened_ms = event->time_ms;
    it->last_ms = event->time_ms;
    const msgpack_object *name = field(map, "event");
    const msgpack_object *properties = field(map, "properties");
    if (!name)
        return;
    if (text_is(name, "Product Added"))
        note_added(it, properties);
    else if (text_is(name, "Product Removed"))
        note_removed(carts, it, properties);
    else if (text_is(name, "Cart Viewed") || text_is(name, "Checkout Started"))
        note_snapshot(it, properties);
    else if (text_is(name, "Order Completed"))
        note_ordered(carts, it);
}

/* About 70% of the carts that are not emptied again fall silent for 30 minutes before an order, and some of them come back. */
static void test_about_seventy_percent_of_carts_are_abandoned(void **state)
{
    (void)state;
    const double rates[] = {0.5, 2, 10};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct shop *shop =
            shop_of((struct shop_options){.seed = 11, .events_per_second = rates[i]});
        double span_ms = EVENT_COUNT / rates[i] * 1000;
        struct carts carts = {.customer_count = 200000,
                              .until_ms = SHOP_START_MS + (int64_t)span_ms - 4 * SILENCE_MS};
        carts.customers = calloc(carts.customer_count, sizeof *carts.customers);
        assert_non_null(carts.customers);
        struct shop_event event;
        msgpack_unpacked unpacked;
        msgpack_unpacked_init(&unpacked);
        for (int n = 0; n < EVENT_COUNT; n++) {
            shop_next(shop, &event);
            unpack(event.message, &unpacked);
            note_event(&carts, &event, &unpacked.data);
        }
        for (uint32_t c = 0; c < carts.customer_count; c++)
            note_silence(&carts, &carts.customers[c], event.time_ms);
        double share = (double)carts.abandoned / (double)(carts.abandoned + carts.ordered);
        print_message(
            "%.1f events/s: carts abandoned %ld, ordered %ld, emptied %ld: %.2f%%; recovered %ld\n",
            rates[i], carts.abandoned, carts.ordered, carts.emptied, 100 * share, carts.recovered);
        assert_true(share > 0.66 && share < 0.74);
        assert_true(carts.abandoned > 1000);
        assert_true(carts.recovered > carts.abandoned / 50 &&
                    carts.recovered < carts.abandoned / 3);
        msgpack_unpacked_destroy(&unpacked);
        free(carts.customers);
        shop_free(shop);
    }
}

/* ---- messages ---- */

static size_t count_keys(const msgpack_object *map)
{
    return map->via.map.size + field(map, "properties")->via.map.size;
}

static void check_envelope(const struct shop_event *event, const msgpack_object *map)
{
    const msgpack_object *user = field(map, "userId"), *visitor = field(map, "anonymousId");
    assert_true((user != NULL) != (visitor != NULL));
    assert_true(slice_equal(text_of(user ? user : visitor), event->customer));
    int64_t time_ms;
    assert_true(datetime_parse_ms(text_of(field(map, "timestamp")), &time_ms));
    assert_int_equal(time_ms, event->time_ms);
    assert_int_equal(text_of(field(map, "messageId")).size, 36);
    bool is_page = text_is(field(map, "type"), "page");
    assert_true(is_page || text_is(field(map, "type"), "track"));
    assert_true((field(map, "event") != NULL) == !is_page);
    assert_int_equal(field(map, "properties")->type, MSGPACK_OBJECT_MAP);
}

struct sizes {
    double all;
    long views, thai;
    size_t view_bytes;
};

static void note_size(struct sizes *sizes, const struct shop_event *event,
                      const msgpack_object *map)
{
    sizes->all += (double)event->message.size;
    const msgpack_object *name = field(map, "event");
    if (!name || !text_is(name, "Product Viewed"))
        return;
    assert_int_equal(count_keys(map), 12);
    sizes->views++;
    sizes->view_bytes += event->message.size;
    struct slice product = text_of(field(field(map, "properties"), "name"));
    sizes->thai += (unsigned char)product.data[0] == 0xe0; /* U+0E00..: Thai */
    const msgpack_object *price = field(field(map, "properties"), "price");
    assert_int_equal(price->type, MSGPACK_OBJECT_FLOAT64);
    assert_true(price->via.f64 > 0 && price->via.f64 < 20000);
    assert_true(text_is(field(field(map, "properties"), "currency"), "THB") ||
                text_is(field(field(map, "properties"), "currency"), "USD"));
}

static void test_messages_are_well_formed_and_near_265_bytes(void **state)
{
    (void)state;
    struct shop *shop = shop_of((struct shop_options){.seed = 3});
    struct sizes sizes = {0};
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    int64_t before_ms = 0;
    for (int n = 0; n < EVENT_COUNT; n++) {
        struct shop_event event;
        shop_next(shop, &event);
        unpack(event.message, &unpacked);
        check_envelope(&event, &unpacked.data);
        note_size(&sizes, &event, &unpacked.data);
        assert_true(event.time_ms >= before_ms); /* in order where no lateness is asked for */
        assert_int_equal(event.time_ms, event.sent_ms);
        before_ms = event.time_ms;
    }
    double mean = sizes.all / EVENT_COUNT;
    double view_mean = (double)sizes.view_bytes / (double)sizes.views;
    double thai = (double)sizes.thai / (double)sizes.views;
    print_message("%.1f bytes a message, %.1f of a product view, %.1f%% of views in Thai\n", mean,
                  view_mean, 100 * thai);
    assert_true(mean > 250 && mean < 280);
    assert_true(view_mean > 245 && view_mean < 300);
    assert_true(thai > 0.3 && thai < 0.8);
    msgpack_unpacked_destroy(&unpacked);
    shop_free(shop);
}

static void test_time_may_be_epoch_ms(void **state)
{
    (void)state;
    struct shop *shop =
        shop_of((struct shop_options){.seed = 3, .time = SHOP_TIME_EPOCH_MS, .start_ms = 86400000});
    struct shop_event event;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    shop_next(shop, &event);
    unpack(event.message, &unpacked);
    assert_int_equal(number_of(field(&unpacked.data, "timestamp")), event.time_ms);
    assert_in_range(event.time_ms, 86400000, 86400000 + 3600000);
    msgpack_unpacked_destroy(&unpacked);
    shop_free(shop);
}

/* ---- the stream ---- */

static uint64_t digest(struct shop_options options, int count)
{
    struct shop *shop = shop_of(options);
    uint64_t hashes[4] = {0};
    for (int n = 0; n < count; n++) {
        struct shop_event event;
        shop_next(shop, &event);
        hashes[1] = hash_bytes(event.message);
        hashes[2] = hash_bytes(event.customer);
        hashes[3] = (uint64_t)event.sent_ms;
        hashes[0] = hash_bytes((struct slice){(const char *)hashes, sizeof hashes});
    }
    shop_free(shop);
    return hashes[0];
}

static void test_same_seed_same_stream_other_seed_another(void **state)
{
    (void)state;
    struct shop_options options = {.seed = 42, .late_share = 0.02, .duplicate_share = 0.01};
    uint64_t first = digest(options, 50000);
    assert_true(first == digest(options, 50000));
    options.seed = 43;
    assert_true(first != digest(options, 50000));
}

/* The rate that is asked for comes, in the second half of a long run, within a tenth. */
static void test_rate_of_event_time(void **state)
{
    (void)state;
    const double rates[] = {5, 50, 500};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct shop *shop =
            shop_of((struct shop_options){.seed = 5, .events_per_second = rates[i]});
        struct shop_event event;
        int count = rates[i] > 100 ? 6 * EVENT_COUNT : 2 * EVENT_COUNT;
        int64_t half_ms = 0;
        for (int n = 0; n < count; n++) {
            shop_next(shop, &event);
            if (n == count / 2)
                half_ms = event.sent_ms;
        }
        double rate = count / 2.0 * 1000 / (double)(event.sent_ms - half_ms);
        print_message("asked for %.0f events/s, came %.1f\n", rates[i], rate);
        assert_true(rate > 0.9 * rates[i] && rate < 1.1 * rates[i]);
        shop_free(shop);
    }
}

static void test_late_and_duplicate_shares(void **state)
{
    (void)state;
    struct shop *shop = shop_of((struct shop_options){
        .seed = 9, .late_share = 0.05, .late_ms_max = 60000, .duplicate_share = 0.02});
    long late = 0, duplicates = 0;
    int64_t newest_ms = 0, sent_before_ms = 0;
    for (int n = 0; n < EVENT_COUNT; n++) {
        struct shop_event event;
        shop_next(shop, &event);
        assert_true(event.sent_ms >= sent_before_ms && event.sent_ms >= event.time_ms);
        assert_true(event.sent_ms - event.time_ms <= 60001);
        sent_before_ms = event.sent_ms;
        duplicates += event.is_duplicate;
        late += !event.is_duplicate && event.time_ms < newest_ms;
        newest_ms = event.time_ms > newest_ms ? event.time_ms : newest_ms;
    }
    print_message("late %ld, duplicates %ld of %d\n", late, duplicates, EVENT_COUNT);
    /* A delayed event is late unless nothing else came in between: nearly always at 50 a second. */
    assert_in_range(late, EVENT_COUNT * 0.045, EVENT_COUNT * 0.055);
    assert_in_range(duplicates, EVENT_COUNT * 0.018, EVENT_COUNT * 0.022);
    shop_free(shop);
}

/* A duplicate has the bytes of a message that was sent before, and no two others have the same id. */
static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_duplicates_repeat_bytes_and_nothing_else_does(void **state)
{
    (void)state;
    struct shop *shop = shop_of((struct shop_options){.seed = 9, .duplicate_share = 0.02});
    uint64_t *hashes = calloc(EVENT_COUNT, sizeof *hashes);
    assert_non_null(hashes);
    long duplicates = 0, repeated = 0;
    for (int n = 0; n < EVENT_COUNT; n++) {
        struct shop_event event;
        shop_next(shop, &event);
        hashes[n] = hash_bytes(event.message);
        duplicates += event.is_duplicate;
    }
    qsort(hashes, EVENT_COUNT, sizeof *hashes, compare_hashes);
    for (int n = 1; n < EVENT_COUNT; n++)
        repeated += hashes[n] == hashes[n - 1];
    assert_true(duplicates > 0);
    assert_int_equal(repeated, duplicates);
    free(hashes);
    shop_free(shop);
}

/* With fewer customers than sessions there would be, it goes on, only slower. */
static void test_few_customers(void **state)
{
    (void)state;
    struct shop *shop = shop_of((struct shop_options){.seed = 1, .customers = 3, .products = 2});
    bool seen[3] = {false};
    for (int n = 0; n < 20000; n++) {
        struct shop_event event;
        shop_next(shop, &event);
        assert_in_range(event.customer.size, 2, 2);
        assert_in_range(event.customer.data[1], '0', '2');
        seen[event.customer.data[1] - '0'] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    shop_free(shop);
}

/* ---- skew ---- */

/* The share of each rank is what Zipf's law says, within what 5 standard deviations allow. */
static void test_zipf_shares(void **state)
{
    (void)state;
    enum { RANKS = 1000, DRAWS = 2000000 };
    static long drawn[RANKS];
    struct zipf zipf;
    zipf_init(&zipf, RANKS, 0.9);
    struct random rng = random_seeded(17);
    for (int i = 0; i < DRAWS; i++)
        drawn[zipf_draw(&zipf, &rng)]++;
    double sum = 0;
    for (int k = 1; k <= RANKS; k++)
        sum += pow(k, -0.9);
    for (int k = 1; k <= RANKS; k++) {
        double expected = DRAWS * pow(k, -0.9) / sum;
        assert_true(fabs((double)drawn[k - 1] - expected) < 5 * sqrt(expected));
    }
    zipf_fini(&zipf);
}

static void test_zipf_of_one(void **state)
{
    (void)state;
    struct zipf zipf;
    zipf_init(&zipf, 1, 1.0);
    struct random rng = random_seeded(0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(zipf_draw(&zipf, &rng), 0);
    zipf_fini(&zipf);
}

/* How much of all draws the ranks from..to (from 1) have by the law. */
static double zipf_share(int from, int to)
{
    double sum = 0, all = 0;
    for (int k = 1; k <= 20000; k++) {
        all += pow(k, -0.9);
        sum += k >= from && k <= to ? pow(k, -0.9) : 0;
    }
    return sum / all;
}

static void test_products_are_zipf_distributed(void **state)
{
    (void)state;
    struct shop *shop = shop_of((struct shop_options){.seed = 23});
    long decades[5] = {0}; /* by the digits of a rank from 0: 0-9, 10-99, 100-999, ... */
    long all = 0;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    for (int n = 0; n < EVENT_COUNT; n++) {
        struct shop_event event;
        shop_next(shop, &event);
        unpack(event.message, &unpacked);
        const msgpack_object *product = field(field(&unpacked.data, "properties"), "product_id");
        if (!product)
            continue;
        decades[text_of(product).size - 2]++;
        all++;
    }
    for (int d = 0, first = 1; d < 5; d++) {
        int next = (int)pow(10, d + 1) + 1;
        double expected = zipf_share(first, next - 1), share = (double)decades[d] / (double)all;
        print_message("products from rank %d on: %.4f of the events, by the law %.4f\n", first,
                      share, expected);
        assert_true(fabs(share - expected) < 0.01);
        first = next;
    }
    msgpack_unpacked_destroy(&unpacked);
    shop_free(shop);
}

/* Some customers come often, most once: the top hundredth have several times their even share. */
static void test_customers_are_skewed(void **state)
{
    (void)state;
    enum { CUSTOMERS = 10000 };
    struct shop *shop =
        shop_of((struct shop_options){.seed = 23, .customers = CUSTOMERS, .events_per_second = 5});
    static long events[CUSTOMERS];
    for (int n = 0; n < EVENT_COUNT; n++) {
        struct shop_event event;
        char number[32] = {0};
        shop_next(shop, &event);
        memcpy(number, event.customer.data + 1, event.customer.size - 1);
        events[strtoul(number, NULL, 10)]++;
    }
    long top = 0;
    for (int i = 0; i < CUSTOMERS / 100; i++)
        top += events[i];
    double share = (double)top / EVENT_COUNT;
    print_message("the first 1%% of the customers have %.1f%% of the events\n", 100 * share);
    assert_true(share > 0.10 && share < 0.30);
    shop_free(shop);
}

/* ---- parts ---- */

static void test_agenda_gives_moments_in_order(void **state)
{
    (void)state;
    struct agenda agenda;
    agenda_init(&agenda);
    struct random rng = random_seeded(2);
    for (uint32_t i = 0; i < 10000; i++)
        agenda_add(&agenda, (struct agenda_entry){random_below(&rng, 5000), i, 0, 0});
    static bool seen[10000];
    int64_t before_ms = -1;
    for (uint32_t i = 0; i < 10000; i++) {
        struct agenda_entry entry = agenda_take(&agenda);
        assert_true(entry.time_ms >= before_ms);
        assert_false(seen[entry.what]);
        seen[entry.what] = true;
        before_ms = entry.time_ms;
    }
    assert_int_equal(agenda.count, 0);
    agenda_fini(&agenda);
}

/* The published first outputs: splitmix64 of seed 1234567 seeds, so xoshiro256** is checked from a known state. */
static void test_random_numbers_are_those_of_the_reference(void **state)
{
    (void)state;
    struct random seeded = random_seeded(1234567);
    assert_true(seeded.state[0] == UINT64_C(6457827717110365317));
    assert_true(seeded.state[1] == UINT64_C(3203168211198807973));
    assert_true(seeded.state[2] == UINT64_C(9817491932198370423));
    assert_true(seeded.state[3] == UINT64_C(4593380528125082431));
    struct random known = {{1, 2, 3, 4}};
    assert_true(random_next(&known) == 11520);
    assert_true(random_next(&known) == 0);
    assert_true(random_next(&known) == 1509978240);
    assert_true(random_next(&known) == UINT64_C(1215971899390074240));
}

/* Not a test of speed (machines differ), but of its order: a shop that can't feed an engine is of no use. */
static void test_speed_is_told(void **state)
{
    (void)state;
    struct shop *shop = shop_of((struct shop_options){.seed = 1});
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int n = 0; n < EVENT_COUNT; n++) {
        struct shop_event event;
        shop_next(shop, &event);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    print_message("%.0f events per CPU second in this build\n", EVENT_COUNT / seconds);
    assert_true(EVENT_COUNT / seconds > 20000); /* also under sanitizers */
    shop_free(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_about_seventy_percent_of_carts_are_abandoned),
        cmocka_unit_test(test_messages_are_well_formed_and_near_265_bytes),
        cmocka_unit_test(test_time_may_be_epoch_ms),
        cmocka_unit_test(test_same_seed_same_stream_other_seed_another),
        cmocka_unit_test(test_rate_of_event_time),
        cmocka_unit_test(test_late_and_duplicate_shares),
        cmocka_unit_test(test_duplicates_repeat_bytes_and_nothing_else_does),
        cmocka_unit_test(test_few_customers),
        cmocka_unit_test(test_zipf_shares),
        cmocka_unit_test(test_zipf_of_one),
        cmocka_unit_test(test_products_are_zipf_distributed),
        cmocka_unit_test(test_customers_are_skewed),
        cmocka_unit_test(test_agenda_gives_moments_in_order),
        cmocka_unit_test(test_random_numbers_are_those_of_the_reference),
        cmocka_unit_test(test_speed_is_told),
    };
    return cmocka_run_group_tests_name("shop", tests, NULL, NULL);
}
