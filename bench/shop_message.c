#include "bench/shop_message.h"

#include <string.h>

#include <msgpack.h>

#include "core/datetime.h"
#include "core/number.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    } /* SLICE() for static tables */

#define ENVELOPE_KEYS                                                                              \
    6 /* type, event (of pages: name), messageId, userId or anonymousId, timestamp, properties */

/* What is being written, and what about. */
struct writer {
    msgpack_packer pk;
    const struct shop_report *report;
    const struct catalogue *catalogue;
};

/*
 * As buf_pack_write(), but without a call where there is room, which is nearly always: the packer writes in pieces of a few
 * bytes, and this halves the cost of a message (tests/unit/test_shop.c prints events/s).
 */
static int write_piece(void *data, const char *bytes, size_t size)
{
    struct buf *out = data;
    if (out->capacity - out->size < size)
        buf_reserve(out, size);
    memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return 0;
}

static void text(struct writer *w, struct slice value)
{
    msgpack_pack_str_with_body(&w->pk, value.data, value.size);
}

static void text_field(struct writer *w, struct slice key, struct slice value)
{
    text(w, key);
    text(w, value);
}

static void int_field(struct writer *w, struct slice key, uint64_t value)
{
    text(w, key);
    msgpack_pack_uint64(&w->pk, value);
}

static void double_field(struct writer *w, struct slice key, double value)
{
    text(w, key);
    msgpack_pack_double(&w->pk, value);
}

/* A letter and a number, such as p17. */
static void id_field(struct writer *w, struct slice key, char letter, uint64_t number)
{
    char id[33] = {letter};
    int digits = number_format_uint(number, id + 1);
    text_field(w, key, (struct slice){id, (size_t)digits + 1});
}

static struct slice currency(const struct shop_report *report)
{
    return report->in_dollars ? SLICE("USD") : SLICE("THB");
}

/* ---- products ---- */

static void product_fields(struct writer *w, uint32_t product)
{
    struct slice packed = catalogue_packed(w->catalogue, product);
    write_piece(w->pk.data, packed.data, packed.size);
    msgpack_pack_double(&w->pk, catalogue_price(w->catalogue, product, w->report->in_dollars));
}

static void one_product(struct writer *w, struct slice last_key, uint32_t last_value)
{
    msgpack_pack_map(&w->pk, CATALOGUE_PACKED_KEYS + 2);
    product_fields(w, w->report->line.product);
    text_field(w, SLICE("currency"), currency(w->report));
    int_field(w, last_key, last_value);
}

static void cart_lines(struct writer *w)
{
    text(w, SLICE("products"));
    msgpack_pack_array(&w->pk, w->report->cart_count);
    for (uint32_t i = 0; i < w->report->cart_count; i++) {
        msgpack_pack_map(&w->pk, CATALOGUE_PACKED_KEYS + 1);
        product_fields(w, w->report->cart[i].product);
        int_field(w, SLICE("quantity"), w->report->cart[i].quantity);
    }
}

static double cart_value(const struct writer *w)
{
    const struct shop_report *report = w->report;
    double value = 0;
    for (uint32_t i = 0; i < report->cart_count; i++) {
        double price = catalogue_price(w->catalogue, report->cart[i].product, report->in_dollars);
        value += price * report->cart[i].quantity;
    }
    return value;
}

/* ---- properties, by deed ---- */

static void page(struct writer *w)
{
    static const struct {
        struct slice title, path, url;
    } pages[] = {
        {TEXT("Home"), TEXT("/"), TEXT("https://shop.example/")},
        {TEXT("Sale"), TEXT("/sale"), TEXT("https://shop.example/sale")},
        {TEXT("Delivery"), TEXT("/delivery"), TEXT("https://shop.example/delivery")},
        {TEXT("Account"), TEXT("/account"), TEXT("https://shop.example/account")},
    };
    size_t which = w->report->number % (sizeof pages / sizeof *pages);
    msgpack_pack_map(&w->pk, 4);
    text_field(w, SLICE("title"), pages[which].title);
    text_field(w, SLICE("path"), pages[which].path);
    text_field(w, SLICE("url"), pages[which].url);
    text_field(w, SLICE("referrer"), SLICE("https://www.google.co.th/"));
}

static void list(struct writer *w)
{
    uint32_t first = w->report->line.product;
    msgpack_pack_map(&w->pk, 3);
    id_field(w, SLICE("list_id"), 'l', first % 100);
    text_field(w, SLICE("category"), catalogue_category(w->catalogue, first));
    text(w, SLICE("products"));
    msgpack_pack_array(&w->pk, SHOP_LIST_PRODUCTS);
    for (uint32_t i = 0; i < SHOP_LIST_PRODUCTS; i++) {
        msgpack_pack_map(&w->pk, 2);
        id_field(w, SLICE("product_id"), 'p', (first + i) % w->catalogue->count);
        int_field(w, SLICE("position"), i + 1);
    }
}

static void search(struct writer *w)
{
    msgpack_pack_map(&w->pk, 2);
    text_field(w, SLICE("query"), catalogue_query(w->catalogue, w->report->line.product));
    int_field(w, SLICE("results"), w->report->number);
}

static void cart(struct writer *w)
{
    msgpack_pack_map(&w->pk, 3);
    double_field(w, SLICE("value"), cart_value(w));
    text_field(w, SLICE("currency"), currency(w->report));
    cart_lines(w);
}

/* Segment's spec has only the order's id at the start of a checkout, its value as `value`. */
static void checkout(struct writer *w)
{
    msgpack_pack_map(&w->pk, 4);
    id_field(w, SLICE("order_id"), 'o', w->report->order);
    double_field(w, SLICE("value"), cart_value(w));
    text_field(w, SLICE("currency"), currency(w->report));
    cart_lines(w);
}

static void checkout_step(struct writer *w, struct slice key, struct slice value)
{
    msgpack_pack_map(&w->pk, 3);
    id_field(w, SLICE("checkout_id"), 'c', w->report->order);
    int_field(w, SLICE("step"), w->report->number);
    text_field(w, key, value);
}

static void order(struct writer *w)
{
    double value = cart_value(w);
    msgpack_pack_map(&w->pk, 6);
    id_field(w, SLICE("checkout_id"), 'c', w->report->order);
    id_field(w, SLICE("order_id"), 'o', w->report->order);
    double_field(w, SLICE("total"), value);
    double_field(w, SLICE("revenue"), value);
    text_field(w, SLICE("currency"), currency(w->report));
    cart_lines(w);
}

/* Ratings often come as text (Segment's spec has them so). */
static void review(struct writer *w)
{
    char rating = (char)('0' + w->report->number);
    msgpack_pack_map(&w->pk, 3);
    id_field(w, SLICE("product_id"), 'p', w->report->line.product);
    id_field(w, SLICE("review_id"), 'r', w->report->order);
    text_field(w, SLICE("rating"), (struct slice){&rating, 1});
}

static void share(struct writer *w)
{
    msgpack_pack_map(&w->pk, 3);
    id_field(w, SLICE("product_id"), 'p', w->report->line.product);
    text_field(w, SLICE("category"), catalogue_category(w->catalogue, w->report->line.product));
    text_field(w, SLICE("share_via"), SLICE("line"));
}

static void of_order(struct writer *w, struct slice key, struct slice value)
{
    msgpack_pack_map(&w->pk, 2);
    id_field(w, SLICE("order_id"), 'o', w->report->order);
    text_field(w, key, value);
}

static void score(struct writer *w)
{
    msgpack_pack_map(&w->pk, 1);
    int_field(w, SLICE("score"), w->report->number);
}

static void properties(struct writer *w)
{
    switch (w->report->deed) {
    case SHOP_PAGE:
        page(w);
        break;
    case SHOP_SEARCHED:
        search(w);
        break;
    case SHOP_LISTED:
        list(w);
        break;
    case SHOP_CLICKED:
    case SHOP_VIEWED:
        one_product(w, SLICE("position"), w->report->number);
        break;
    case SHOP_ADDED:
    case SHOP_REMOVED:
        one_product(w, SLICE("quantity"), w->report->line.quantity);
        break;
    case SHOP_CART:
        cart(w);
        break;
    case SHOP_CHECKOUT:
        checkout(w);
        break;
    case SHOP_CHECKOUT_STEP:
        checkout_step(w, SLICE("shipping_method"), SLICE("courier"));
        break;
    case SHOP_PAYMENT:
        checkout_step(w, SLICE("payment_method"), SLICE("promptpay"));
        break;
    case SHOP_ORDERED:
        order(w);
        break;
    case SHOP_DELIVERED:
        of_order(w, SLICE("carrier"), SLICE("rider"));
        break;
    case SHOP_SUPPORT:
        of_order(w, SLICE("topic"), SLICE("delivery"));
        break;
    case SHOP_REVIEWED:
        review(w);
        break;
    case SHOP_SHARED:
        share(w);
        break;
    case SHOP_SCORED:
        score(w);
        break;
    }
}

/* ---- the envelope ---- */

static const struct slice event_names[] = {
    [SHOP_PAGE] = TEXT("Shop"), /* a page's name */
    [SHOP_SEARCHED] = TEXT("Products Searched"),
    [SHOP_LISTED] = TEXT("Product List Viewed"),
    [SHOP_CLICKED] = TEXT("Product Clicked"),
    [SHOP_VIEWED] = TEXT("Product Viewed"),
    [SHOP_ADDED] = TEXT("Product Added"),
    [SHOP_REMOVED] = TEXT("Product Removed"),
    [SHOP_CART] = TEXT("Cart Viewed"),
    [SHOP_CHECKOUT] = TEXT("Checkout Started"),
    [SHOP_CHECKOUT_STEP] = TEXT("Checkout Step Viewed"),
    [SHOP_PAYMENT] = TEXT("Payment Info Entered"),
    [SHOP_ORDERED] = TEXT("Order Completed"),
    [SHOP_DELIVERED] = TEXT("Order Delivered"),
    [SHOP_REVIEWED] = TEXT("Product Reviewed"),
    [SHOP_SHARED] = TEXT("Product Shared"),
    [SHOP_SUPPORT] = TEXT("Support Contacted"),
    [SHOP_SCORED] = TEXT("NPS Submitted"),
};

#define UUID_SIZE 36

static void format_hex(uint64_t bits, int digits, char *out)
{
    for (int i = digits - 1; i >= 0; i--, bits >>= 4)
        out[i] = "0123456789abcdef"[bits & 15];
}

/* RFC 9562, version 4: xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx, y of 8 to b. */
static void format_uuid(const uint64_t bits[2], char out[UUID_SIZE])
{
    format_hex(bits[0] >> 32, 8, out);
    out[8] = '-';
    format_hex(bits[0] >> 16, 4, out + 9);
    out[13] = '-';
    format_hex((bits[0] & 0x0fff) | 0x4000, 4, out + 14);
    out[18] = '-';
    format_hex(((bits[1] >> 48) & 0x3fff) | 0x8000, 4, out + 19);
    out[23] = '-';
    format_hex(bits[1], 12, out + 24);
}

static void timestamp(struct writer *w, enum shop_time time)
{
    text(w, SLICE("timestamp"));
    if (time == SHOP_TIME_EPOCH_MS) {
        msgpack_pack_int64(&w->pk, w->report->time_ms);
        return;
    }
    char written[32];
    int size = datetime_format_ms(w->report->time_ms, written);
    text(w, (struct slice){written, (size_t)size});
}

/* ---- beginnings ---- */

static void pack_beginning(enum shop_deed deed, struct buf *packed)
{
    struct writer w = {0};
    bool is_page = deed == SHOP_PAGE;
    msgpack_packer_init(&w.pk, packed, buf_pack_write);
    msgpack_pack_map(&w.pk, ENVELOPE_KEYS);
    text_field(&w, SLICE("type"), is_page ? SLICE("page") : SLICE("track"));
    text_field(&w, is_page ? SLICE("name") : SLICE("event"), event_names[deed]);
    text(&w, SLICE("messageId"));
    msgpack_pack_str(&w.pk, UUID_SIZE);
}

void shop_beginnings_init(struct shop_beginnings *beginnings)
{
    buf_init(&beginnings->packed);
    for (int deed = 0; deed < SHOP_DEED_COUNT; deed++) {
        pack_beginning((enum shop_deed)deed, &beginnings->packed);
        beginnings->ends[deed] = (uint32_t)beginnings->packed.size;
    }
}

void shop_beginnings_fini(struct shop_beginnings *beginnings)
{
    buf_fini(&beginnings->packed);
}

static struct slice beginning_of(const struct shop_beginnings *beginnings, enum shop_deed deed)
{
    uint32_t from = deed > 0 ? beginnings->ends[deed - 1] : 0;
    return (struct slice){beginnings->packed.data + from, beginnings->ends[deed] - from};
}

void shop_pack(const struct shop_report *report, const struct shop_packing *packing,
               struct buf *out)
{
    struct writer w = {.report = report, .catalogue = &packing->catalogue};
    struct slice beginning = beginning_of(&packing->beginnings, report->deed);
    char id[UUID_SIZE];
    msgpack_packer_init(&w.pk, out, write_piece);
    format_uuid(report->id, id);
    write_piece(out, beginning.data, beginning.size);
    write_piece(out, id, sizeof id);
    text_field(&w, report->is_anonymous ? SLICE("anonymousId") : SLICE("userId"), report->customer);
    timestamp(&w, packing->time);
    text(&w, SLICE("properties"));
    properties(&w);
}
