#include "bench/shop.h"

#include <stdlib.h>
#include <string.h>

#include "bench/agenda.h"
#include "bench/catalogue.h"
#include "bench/random.h"
#include "bench/shop_message.h"
#include "bench/zipf.h"
#include "core/buf.h"
#include "core/check.h"
#include "core/number.h"

#define SECOND_MS ((double)1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

/* Flatter than Zipf's own 1 for customers: nobody is on the site all day. */
#define CUSTOMER_SKEW 0.7
#define PRODUCT_SKEW  0.9

/*
 * How shoppers behave. Together these give the cart abandonment of about 70% that tests/unit/test_shop.c measures;
 * whoever changes one runs that test.
 */
#define BOUNCE_CHANCE        0.30 /* of sessions: one or two pages */
#define BUYING_CHANCE        0.20 /* ... fill a cart; the others look around */
#define COME_FOR_CART_CHANCE 0.15 /* of sessions of somebody with a cart: look at it first */
#define LOOKS_MEAN           7.0
#define MORE_CHANCE          0.35 /* another product into the cart, each time */
#define REGRET_CHANCE        0.08 /* take something out again */
#define SEE_CART_CHANCE      0.60
#define CHECKOUT_CHANCE      0.42 /* of filled carts, at first ... */
#define DECIDED_CHANCE       0.75 /* ... and of those who came back for it */
#define STEP_CHANCE          0.88 /* from one step of the checkout to the next; three of them */
#define RETURN_CHANCE        0.15 /* of those who leave a cart */

#define EVENTS_PER_SESSION 6.3 /* as it comes out, with what follows orders: measured by the test */

#define CART_LINES_MAX     6
#define CART_KEPT_MS       (7 * DAY_MS) /* as in config/machines/cart.yaml */
#define DRAWS_MAX          16           /* to find a customer who is not in a session */
#define PAUSE_CHANCE       0.06
#define GAP_MAX_MS         (20 * MINUTE_MS) /* within a session: well below the 30 minutes that end it */
#define DUPLICATE_DELAY_MS 5000
#define LATE_MS_MAX        5000

enum what {
    WHAT_ARRIVAL,
    WHAT_STEP,     /* who: of this shopper's session */
    WHAT_RETURN,   /* who: for the cart */
    WHAT_DELIVERY, /* about: order and product; so also those that follow */
    WHAT_REVIEW,
    WHAT_SHARE,
    WHAT_SUPPORT,
    WHAT_SCORE,
    WHAT_HELD, /* who: the slot of a message that comes late or twice */
};

/* What a shopper does next. */
enum phase {
    PHASE_AWAY = 0, /* in no session */
    PHASE_LOOK,
    PHASE_CHOOSE, /* views the product that goes into the cart */
    PHASE_ADD,
    PHASE_REGRET,
    PHASE_CART,
    PHASE_CHECKOUT,
    PHASE_STEP,
    PHASE_PAYMENT,
    PHASE_ORDER,
};

struct shopper {
    int64_t last_ms;
    uint32_t order;  /* of the checkout that is under way */
    uint32_t viewed; /* the last product seen */
    uint8_t phase;
    uint8_t looks; /* left before something else happens */
    uint8_t adds;  /* products still to go into the cart */
    bool decided;  /* came back for the cart */
    uint8_t cart_count;
    struct shop_line cart[CART_LINES_MAX];
};

#define CUSTOMER_SIZE_MAX 16
struct held {
    struct buf message;
    char customer[CUSTOMER_SIZE_MAX];
    size_t customer_size;
    int64_t time_ms;
    bool is_duplicate;
};

struct shop {
    struct shop_options options;
    struct random rng;
    struct zipf customers, products;
    struct shop_packing packing;
    struct agenda agenda;
    struct shopper *shoppers;
    uint32_t order_count;

    struct shop_report report; /* of the event that is being made */
    char customer[CUSTOMER_SIZE_MAX];
    struct buf message;

    struct held **held; /* slots; the free ones are named in free_slots */
    uint32_t *free_slots;
    uint32_t held_count, free_count;
    uint32_t borrowed; /* the slot behind the event given last, or none */
};

#define NO_SLOT UINT32_MAX

/* ---- construction ---- */

static struct shop_options with_defaults(struct shop_options options)
{
    if (options.customers == 0)
        options.customers = 200000;
    if (options.products == 0)
        options.products = 20000;
    if (!(options.events_per_second > 0))
        options.events_per_second = 50;
    if (options.start_ms == 0)
        options.start_ms = SHOP_START_MS;
    if (options.late_ms_max <= 0)
        options.late_ms_max = LATE_MS_MAX;
    return options;
}

static void plan(struct shop *shop, double time_ms, enum what what, uint32_t who, uint64_t about)
{
    agenda_add(&shop->agenda, (struct agenda_entry){(int64_t)time_ms, what, who, about});
}

static void plan_arrival(struct shop *shop, int64_t now_ms)
{
    double mean_ms = SECOND_MS * EVENTS_PER_SESSION / shop->options.events_per_second;
    plan(shop, (double)now_ms + random_exponential(&shop->rng, mean_ms), WHAT_ARRIVAL, 0, 0);
}

struct shop *shop_new(const struct shop_options *options)
{
    struct shop *shop = calloc(1, sizeof *shop);
    CHECK(shop != NULL);
    shop->options = with_defaults(*options);
    shop->rng = random_seeded(shop->options.seed);
    zipf_init(&shop->customers, shop->options.customers, CUSTOMER_SKEW);
    zipf_init(&shop->products, shop->options.products, PRODUCT_SKEW);
    catalogue_init(&shop->packing.catalogue, shop->options.products, &shop->rng);
    shop_beginnings_init(&shop->packing.beginnings);
    shop->packing.time = shop->options.time;
    agenda_init(&shop->agenda);
    buf_init(&shop->message);
    shop->shoppers = calloc(shop->options.customers, sizeof *shop->shoppers);
    CHECK(shop->shoppers != NULL);
    shop->borrowed = NO_SLOT;
    plan_arrival(shop, shop->options.start_ms);
    return shop;
}

void shop_free(struct shop *shop)
{
    if (!shop)
        return;
    for (uint32_t i = 0; i < shop->held_count; i++) {
        buf_fini(&shop->held[i]->message);
        free(shop->held[i]);
    }
    free(shop->held);
    free(shop->free_slots);
    free(shop->shoppers);
    buf_fini(&shop->message);
    agenda_fini(&shop->agenda);
    shop_beginnings_fini(&shop->packing.beginnings);
    catalogue_fini(&shop->packing.catalogue);
    zipf_fini(&shop->products);
    zipf_fini(&shop->customers);
    free(shop);
}

/* ---- messages that come late or twice ---- */

static uint32_t take_slot(struct shop *shop)
{
    if (shop->free_count > 0)
        return shop->free_slots[--shop->free_count];
    uint32_t slot = shop->held_count++;
    shop->held = realloc(shop->held, shop->held_count * sizeof(struct held *));
    shop->free_slots = realloc(shop->free_slots, shop->held_count * sizeof *shop->free_slots);
    CHECK(shop->held != NULL && shop->free_slots != NULL);
    shop->held[slot] = calloc(1, sizeof(struct held));
    CHECK(shop->held[slot] != NULL);
    buf_init(&shop->held[slot]->message);
    return slot;
}

static void hold(struct shop *shop, const struct shop_event *event, double until_ms,
                 bool is_duplicate)
{
    uint32_t slot = take_slot(shop);
    struct held *held = shop->held[slot];
    buf_reset(&held->message);
    buf_add_slice(&held->message, event->message);
    memcpy(held->customer, event->customer.data, event->customer.size);
    held->customer_size = event->customer.size;
    held->time_ms = event->time_ms;
    held->is_duplicate = is_duplicate;
    plan(shop, until_ms, WHAT_HELD, slot, 0);
}

static void give_held(struct shop *shop, uint32_t slot, int64_t now_ms, struct shop_event *event)
{
    const struct held *held = shop->held[slot];
    *event = (struct shop_event){
        .time_ms = held->time_ms,
        .sent_ms = now_ms,
        .customer = {held->customer, held->customer_size},
        .message = buf_slice(&held->message),
        .is_duplicate = held->is_duplicate,
    };
    shop->borrowed = slot;
}

static void return_borrowed(struct shop *shop)
{
    if (shop->borrowed == NO_SLOT)
        return;
    shop->free_slots[shop->free_count++] = shop->borrowed;
    shop->borrowed = NO_SLOT;
}

/* ---- who, and what is told of it ---- */

static bool is_anonymous(uint32_t who)
{
    return who % 5 == 4;
}

static bool pays_in_dollars(uint32_t who)
{
    return who % 7 == 6;
}

static void begin_report(struct shop *shop, enum shop_deed deed, uint32_t who, int64_t now_ms)
{
    char number[32];
    int digits = number_format_uint(who, number);
    shop->customer[0] = is_anonymous(who) ? 'v' : 'u';
    memcpy(shop->customer + 1, number, (size_t)digits);
    shop->report = (struct shop_report){
        .deed = deed,
        .time_ms = now_ms,
        .id = {random_next(&shop->rng), random_next(&shop->rng)},
        .customer = {shop->customer, (size_t)digits + 1},
        .is_anonymous = is_anonymous(who),
        .in_dollars = pays_in_dollars(who),
    };
}

/* Packs the report. False where the message comes later. */
static bool give_report(struct shop *shop, struct shop_event *event)
{
    buf_reset(&shop->message);
    shop_pack(&shop->report, &shop->packing, &shop->message);
    *event = (struct shop_event){
        .time_ms = shop->report.time_ms,
        .sent_ms = shop->report.time_ms,
        .customer = shop->report.customer,
        .message = buf_slice(&shop->message),
    };
    double now_ms = (double)event->time_ms;
    if (shop->options.duplicate_share > 0 &&
        random_chance(&shop->rng, shop->options.duplicate_share))
        hold(shop, event, now_ms + 1 + random_unit(&shop->rng) * DUPLICATE_DELAY_MS, true);
    if (shop->options.late_share > 0 && random_chance(&shop->rng, shop->options.late_share)) {
        double delay_ms = random_unit(&shop->rng) * (double)shop->options.late_ms_max;
        hold(shop, event, now_ms + 1 + delay_ms, false);
        return false;
    }
    return true;
}

/* ---- the cart ---- */

static bool cart_add(struct shopper *shopper, struct shop_line line)
{
    for (uint8_t i = 0; i < shopper->cart_count; i++) {
        if (shopper->cart[i].product == line.product) {
            shopper->cart[i].quantity += line.quantity;
            return true;
        }
    }
    if (shopper->cart_count == CART_LINES_MAX)
        return false;
    shopper->cart[shopper->cart_count++] = line;
    return true;
}

static struct shop_line cart_remove(struct shop *shop, struct shopper *shopper)
{
    uint32_t which = random_below(&shop->rng, shopper->cart_count);
    struct shop_line line = shopper->cart[which];
    shopper->cart_count--;
    memmove(&shopper->cart[which], &shopper->cart[which + 1],
            (shopper->cart_count - which) * sizeof *shopper->cart);
    return line;
}

/* ---- sessions: each phase tells one event and says which comes next ---- */

static double gap_ms(struct shop *shop)
{
    double gap = 2 * SECOND_MS + random_exponential(&shop->rng, 28 * SECOND_MS);
    if (random_chance(&shop->rng, PAUSE_CHANCE))
        gap += 90 * SECOND_MS + random_exponential(&shop->rng, 200 * SECOND_MS);
    return gap < GAP_MAX_MS ? gap : GAP_MAX_MS;
}

static uint8_t draw_looks(struct shop *shop, double mean)
{
    double looks = random_exponential(&shop->rng, mean);
    return looks < 60 ? (uint8_t)looks : 60;
}

/* To fill the cart, after a few looks. */
static enum phase go_choosing(struct shop *shop, struct shopper *shopper, double looks_mean)
{
    shopper->looks = draw_looks(shop, looks_mean);
    return shopper->looks > 0 ? PHASE_LOOK : PHASE_CHOOSE;
}

/* The last looks before leaving. */
static enum phase go_leaving(struct shop *shop, struct shopper *shopper, double looks_mean)
{
    shopper->adds = 0;
    shopper->looks = draw_looks(shop, looks_mean);
    return shopper->looks > 0 ? PHASE_LOOK : PHASE_AWAY;
}

static enum phase decide_on_cart(struct shop *shop, struct shopper *shopper)
{
    double chance = shopper->decided ? DECIDED_CHANCE : CHECKOUT_CHANCE;
    if (shopper->cart_count > 0 && random_chance(&shop->rng, chance))
        return PHASE_CHECKOUT;
    return go_leaving(shop, shopper, 2.0);
}

static enum phase after_cart_change(struct shop *shop, struct shopper *shopper)
{
    if (shopper->adds > 0)
        return go_choosing(shop, shopper, 2.0);
    if (shopper->cart_count > 0 && random_chance(&shop->rng, SEE_CART_CHANCE))
        return PHASE_CART;
    return decide_on_cart(shop, shopper);
}

static enum phase look(struct shop *shop, struct shopper *shopper)
{
    struct shop_report *report = &shop->report;
    uint32_t dice = random_below(&shop->rng, 100);
    report->deed = dice < 12   ? SHOP_PAGE
                   : dice < 24 ? SHOP_SEARCHED
                   : dice < 40 ? SHOP_LISTED
                   : dice < 48 ? SHOP_CLICKED
                               : SHOP_VIEWED;
    shopper->viewed = zipf_draw(&shop->products, &shop->rng);
    report->line = (struct shop_line){shopper->viewed, 1};
    report->number = 1 + random_below(&shop->rng, 24);
    if (--shopper->looks > 0)
        return PHASE_LOOK;
    return shopper->adds > 0 ? PHASE_CHOOSE : PHASE_AWAY;
}

static enum phase choose(struct shop *shop, struct shopper *shopper)
{
    shopper->viewed = zipf_draw(&shop->products, &shop->rng);
    shop->report.deed = SHOP_VIEWED;
    shop->report.line = (struct shop_line){shopper->viewed, 1};
    shop->report.number = 1 + random_below(&shop->rng, 24);
    return PHASE_ADD;
}

static enum phase add(struct shop *shop, struct shopper *shopper)
{
    uint32_t quantity = random_chance(&shop->rng, 0.15) ? 2 : 1;
    shop->report.deed = SHOP_ADDED;
    shop->report.line = (struct shop_line){shopper->viewed, quantity};
    shopper->adds--;
    if (!cart_add(shopper, shop->report.line)) { /* full: only looked at */
        shop->report.deed = SHOP_VIEWED;
        shopper->adds = 0;
    }
    if (random_chance(&shop->rng, REGRET_CHANCE))
        return PHASE_REGRET;
    return after_cart_change(shop, shopper);
}

static enum phase regret(struct shop *shop, struct shopper *shopper)
{
    shop->report.deed = SHOP_REMOVED;
    shop->report.line = cart_remove(shop, shopper);
    return after_cart_change(shop, shopper);
}

static void report_cart(struct shop *shop, struct shopper *shopper, enum shop_deed deed)
{
    shop->report.deed = deed;
    shop->report.order = shopper->order;
    shop->report.cart = shopper->cart;
    shop->report.cart_count = shopper->cart_count;
}

static enum phase next_step(struct shop *shop, struct shopper *shopper, enum phase next)
{
    if (random_chance(&shop->rng, STEP_CHANCE))
        return next;
    return go_leaving(shop, shopper, 1.0);
}

static uint64_t about(uint32_t order, uint32_t product)
{
    return (uint64_t)order << 32 | product;
}

static void plan_delivery(struct shop *shop, uint32_t who, uint64_t about_order, double now_ms)
{
    double delay_ms = random_chance(&shop->rng, 0.6)
                          ? 40 * MINUTE_MS + random_exponential(&shop->rng, 90 * MINUTE_MS)
                          : DAY_MS + random_exponential(&shop->rng, 2 * DAY_MS);
    plan(shop, now_ms + delay_ms, WHAT_DELIVERY, who, about_order);
}

static enum phase order(struct shop *shop, struct shopper *shopper, uint32_t who, int64_t now_ms)
{
    report_cart(shop, shopper, SHOP_ORDERED); /* its lines stay readable until the next add */
    shopper->cart_count = 0;
    plan_delivery(shop, who, about(shopper->order, shopper->cart[0].product), (double)now_ms);
    return go_leaving(shop, shopper, 1.0);
}

static enum phase walk(struct shop *shop, struct shopper *shopper, uint32_t who, int64_t now_ms)
{
    switch ((enum phase)shopper->phase) {
    case PHASE_LOOK:
        return look(shop, shopper);
    case PHASE_CHOOSE:
        return choose(shop, shopper);
    case PHASE_ADD:
        return add(shop, shopper);
    case PHASE_REGRET:
        return regret(shop, shopper);
    case PHASE_CART:
        report_cart(shop, shopper, SHOP_CART);
        return decide_on_cart(shop, shopper);
    case PHASE_CHECKOUT:
        shopper->order = ++shop->order_count;
        report_cart(shop, shopper, SHOP_CHECKOUT);
        return next_step(shop, shopper, PHASE_STEP);
    case PHASE_STEP:
        report_cart(shop, shopper, SHOP_CHECKOUT_STEP);
        shop->report.number = 2;
        return next_step(shop, shopper, PHASE_PAYMENT);
    case PHASE_PAYMENT:
        report_cart(shop, shopper, SHOP_PAYMENT);
        shop->report.number = 3;
        return next_step(shop, shopper, PHASE_ORDER);
    case PHASE_ORDER:
        return order(shop, shopper, who, now_ms);
    case PHASE_AWAY:
        break;
    }
    CHECK(shopper->phase != PHASE_AWAY); /* who is away has no step planned */
    return PHASE_AWAY;
}

/* One event of a session; then the next one is planned, or a return for the cart that is left behind. */
static void step(struct shop *shop, uint32_t who, int64_t now_ms)
{
    struct shopper *shopper = &shop->shoppers[who];
    begin_report(shop, SHOP_PAGE, who, now_ms);
    shopper->phase = (uint8_t)walk(shop, shopper, who, now_ms);
    shopper->last_ms = now_ms;
    if (shopper->phase != PHASE_AWAY)
        plan(shop, (double)now_ms + gap_ms(shop), WHAT_STEP, who, 0);
    else if (shopper->cart_count > 0 && random_chance(&shop->rng, RETURN_CHANCE))
        plan(shop, (double)now_ms + 35 * MINUTE_MS + random_exponential(&shop->rng, 4 * HOUR_MS),
             WHAT_RETURN, who, 0);
}

static void begin_session(struct shop *shop, struct shopper *shopper, int64_t now_ms)
{
    if ((double)(now_ms - shopper->last_ms) > CART_KEPT_MS)
        shopper->cart_count = 0;
    shopper->adds = 0;
    shopper->decided = shopper->cart_count > 0 && random_chance(&shop->rng, COME_FOR_CART_CHANCE);
    double dice = random_unit(&shop->rng);
    if (shopper->decided) {
        shopper->phase = PHASE_CART;
    } else if (dice < BUYING_CHANCE) {
        shopper->adds = 1;
        while (shopper->adds < CART_LINES_MAX && random_chance(&shop->rng, MORE_CHANCE))
            shopper->adds++;
        shopper->phase = (uint8_t)go_choosing(shop, shopper, LOOKS_MEAN / 2);
    } else {
        bool bounces = dice < BUYING_CHANCE + BOUNCE_CHANCE;
        shopper->looks = (uint8_t)(1 + draw_looks(shop, bounces ? 1.0 : LOOKS_MEAN));
        shopper->phase = PHASE_LOOK;
    }
}

/* Somebody who is not in a session already; none where nearly all are. */
static bool draw_customer(struct shop *shop, uint32_t *who)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        *who = zipf_draw(&shop->customers, &shop->rng);
        if (shop->shoppers[*who].phase == PHASE_AWAY)
            return true;
    }
    return false;
}

static bool arrive(struct shop *shop, int64_t now_ms)
{
    uint32_t who;
    plan_arrival(shop, now_ms);
    if (!draw_customer(shop, &who))
        return false;
    begin_session(shop, &shop->shoppers[who], now_ms);
    step(shop, who, now_ms);
    return true;
}

static bool come_back(struct shop *shop, uint32_t who, int64_t now_ms)
{
    struct shopper *shopper = &shop->shoppers[who];
    if (shopper->phase != PHASE_AWAY || shopper->cart_count == 0)
        return false; /* did so already */
    shopper->decided = true;
    shopper->phase = PHASE_CART;
    step(shop, who, now_ms);
    return true;
}

/* ---- what follows an order ---- */

static void plan_aftermath(struct shop *shop, const struct agenda_entry *delivery)
{
    static const struct {
        enum what what;
        double chance, delay_min_ms, delay_mean_ms;
    } follow[] = {
        {WHAT_SUPPORT, 0.05, 10 * MINUTE_MS, 6 * HOUR_MS},
        {WHAT_SHARE, 0.08, 20 * MINUTE_MS, DAY_MS},
        {WHAT_REVIEW, 0.25, HOUR_MS, 2 * DAY_MS},
        {WHAT_SCORE, 0.08, DAY_MS, 2 * DAY_MS},
    };
    for (size_t i = 0; i < sizeof follow / sizeof *follow; i++) {
        if (!random_chance(&shop->rng, follow[i].chance))
            continue;
        double delay_ms =
            follow[i].delay_min_ms + random_exponential(&shop->rng, follow[i].delay_mean_ms);
        plan(shop, (double)delivery->time_ms + delay_ms, follow[i].what, delivery->who,
             delivery->about);
    }
}

/* Most are content. */
static uint32_t draw_rating(struct shop *shop)
{
    uint32_t dice = random_below(&shop->rng, 100);
    return dice < 55 ? 5 : dice < 80 ? 4 : dice < 90 ? 3 : dice < 95 ? 2 : 1;
}

static void follow_order(struct shop *shop, enum shop_deed deed, const struct agenda_entry *entry)
{
    begin_report(shop, deed, entry->who, entry->time_ms);
    shop->report.order = entry->about >> 32;
    shop->report.line = (struct shop_line){(uint32_t)entry->about, 1};
    if (deed == SHOP_DELIVERED)
        plan_aftermath(shop, entry);
    if (deed == SHOP_REVIEWED)
        shop->report.number = draw_rating(shop);
    if (deed == SHOP_SCORED)
        shop->report.number = 2 * draw_rating(shop) - random_below(&shop->rng, 2);
    shop->shoppers[entry->who].last_ms = entry->time_ms;
}

/* ---- the stream ---- */

/* Makes the report of one moment; false where nothing is told then. */
static bool happen(struct shop *shop, const struct agenda_entry *entry)
{
    switch ((enum what)entry->what) {
    case WHAT_ARRIVAL:
        return arrive(shop, entry->time_ms);
    case WHAT_RETURN:
        return come_back(shop, entry->who, entry->time_ms);
    case WHAT_STEP:
        step(shop, entry->who, entry->time_ms);
        return true;
    case WHAT_DELIVERY:
        follow_order(shop, SHOP_DELIVERED, entry);
        return true;
    case WHAT_REVIEW:
        follow_order(shop, SHOP_REVIEWED, entry);
        return true;
    case WHAT_SHARE:
        follow_order(shop, SHOP_SHARED, entry);
        return true;
    case WHAT_SUPPORT:
        follow_order(shop, SHOP_SUPPORT, entry);
        return true;
    case WHAT_SCORE:
        follow_order(shop, SHOP_SCORED, entry);
        return true;
    case WHAT_HELD: /* shop_next() itself */
        break;
    }
    return false;
}

void shop_next(struct shop *shop, struct shop_event *event)
{
    return_borrowed(shop);
    for (;;) {
        struct agenda_entry entry = agenda_take(&shop->agenda);
        if (entry.what == WHAT_HELD) {
            give_held(shop, entry.who, entry.time_ms, event);
            return;
        }
        if (happen(shop, &entry) && give_report(shop, event))
            return;
    }
}
