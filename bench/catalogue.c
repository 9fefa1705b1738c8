#include "bench/catalogue.h"

#include <math.h>
#include <stdlib.h>

#include <msgpack.h>

#include "core/check.h"
#include "core/number.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

#define THAI_SHARE 0.55

struct noun {
    struct slice english, thai;
    struct slice category;
    uint32_t baht_min, baht_max;
};

static const struct noun nouns[] = {
    {TEXT("Shirt"), TEXT("เสื้อเชิ้ต"), TEXT("fashion/shirts"), 290, 1890},
    {TEXT("T-Shirt"), TEXT("เสื้อยืด"), TEXT("fashion/shirts"), 150, 890},
    {TEXT("Trousers"), TEXT("กางเกงขายาว"), TEXT("fashion/trousers"), 390, 2490},
    {TEXT("Dress"), TEXT("ชุดเดรส"), TEXT("fashion/dresses"), 490, 3490},
    {TEXT("Sneakers"), TEXT("รองเท้าผ้าใบ"), TEXT("fashion/shoes"), 790, 5900},
    {TEXT("Backpack"), TEXT("กระเป๋าเป้"), TEXT("fashion/bags"), 590, 3900},
    {TEXT("Bed Sheet"), TEXT("ผ้าปูที่นอน"), TEXT("home/bedroom"), 490, 2990},
    {TEXT("Pillow"), TEXT("หมอน"), TEXT("home/bedroom"), 190, 1590},
    {TEXT("Lamp"), TEXT("โคมไฟ"), TEXT("home/lighting"), 350, 4500},
    {TEXT("Mug"), TEXT("แก้วกาแฟ"), TEXT("home/kitchen"), 89, 590},
    {TEXT("Frying Pan"), TEXT("กระทะ"), TEXT("home/kitchen"), 290, 2590},
    {TEXT("Chair"), TEXT("เก้าอี้"), TEXT("home/furniture"), 890, 12900},
    {TEXT("Headphones"), TEXT("หูฟัง"), TEXT("electronics/audio"), 390, 12900},
    {TEXT("Speaker"), TEXT("ลำโพง"), TEXT("electronics/audio"), 590, 8900},
    {TEXT("Phone Case"), TEXT("เคสโทรศัพท์"), TEXT("electronics/phones"), 99, 890},
    {TEXT("Power Bank"), TEXT("แบตเตอรี่สำรอง"), TEXT("electronics/phones"), 390, 1990},
    {TEXT("Face Cream"), TEXT("ครีมบำรุงผิวหน้า"), TEXT("beauty/skin"), 190, 2900},
    {TEXT("Lipstick"), TEXT("ลิปสติก"), TEXT("beauty/make-up"), 129, 1290},
    {TEXT("Yoga Mat"), TEXT("เสื่อโยคะ"), TEXT("sports/fitness"), 290, 1990},
    {TEXT("Toy Train"), TEXT("รถไฟของเล่น"), TEXT("kids/toys"), 190, 2490},
};

struct word {
    struct slice english, thai;
};

static const struct word materials[] = {
    {TEXT("Linen"), TEXT("ผ้าลินิน")},    {TEXT("Cotton"), TEXT("ผ้าฝ้าย")},
    {TEXT("Silk"), TEXT("ผ้าไหม")},     {TEXT("Bamboo"), TEXT("ไม้ไผ่")},
    {TEXT("Ceramic"), TEXT("เซรามิก")}, {TEXT("Leather"), TEXT("หนังแท้")},
    {TEXT("Classic"), TEXT("คลาสสิก")}, {TEXT("Mini"), TEXT("มินิ")},
    {TEXT("Deluxe"), TEXT("ดีลักซ์")},    {TEXT("Handmade"), TEXT("งานทำมือ")},
};

static const struct word colours[] = {
    {TEXT("Navy"), TEXT("สีกรมท่า")},  {TEXT("White"), TEXT("สีขาว")},  {TEXT("Black"), TEXT("สีดำ")},
    {TEXT("Indigo"), TEXT("สีคราม")}, {TEXT("Sand"), TEXT("สีทราย")},  {TEXT("Gold"), TEXT("สีทอง")},
    {TEXT("Jade"), TEXT("สีหยก")},    {TEXT("Rose"), TEXT("สีกุหลาบ")},
};

#define COUNT_OF(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

/* Cheap ones are more frequent: uniform in the logarithm; ends in 0, 5 or 9 baht, one in four in .50. */
static uint32_t draw_satang(const struct noun *noun, struct random *rng)
{
    static const uint32_t endings[] = {0, 5, 9, 9};
    double ratio = (double)noun->baht_max / (double)noun->baht_min;
    double baht = (double)noun->baht_min * pow(ratio, random_unit(rng));
    uint32_t tens = (uint32_t)(baht / 10) * 10;
    uint32_t ending = endings[random_below(rng, COUNT_OF(endings))];
    return (tens + ending) * 100 + (random_chance(rng, 0.25) ? 50 : 0);
}

static void pack_text(msgpack_packer *pk, struct slice text)
{
    msgpack_pack_str_with_body(pk, text.data, text.size);
}

static void pack_name(msgpack_packer *pk, const struct catalogue_product *product)
{
    const struct noun *noun = &nouns[product->noun];
    const struct word *material = &materials[product->material];
    const struct word *colour = &colours[product->colour];
    const struct slice space = SLICE(" "), comma = SLICE(", ");
    const struct slice english[] = {material->english, space, noun->english, comma,
                                    colour->english};
    const struct slice thai[] = {noun->thai, material->thai, space,
                                 colour->thai}; /* words are not spaced */
    const struct slice *pieces = product->is_thai ? thai : english;
    size_t count = product->is_thai ? COUNT_OF(thai) : COUNT_OF(english), size = 0;
    for (size_t i = 0; i < count; i++)
        size += pieces[i].size;
    msgpack_pack_str(pk, size);
    for (size_t i = 0; i < count; i++)
        msgpack_pack_str_body(pk, pieces[i].data, pieces[i].size);
}

static void pack_product(struct catalogue *catalogue, uint32_t i)
{
    char id[33] = {'p'};
    int digits = number_format_uint(i, id + 1);
    msgpack_packer pk;
    msgpack_packer_init(&pk, &catalogue->packed, buf_pack_write);
    pack_text(&pk, SLICE("product_id"));
    pack_text(&pk, (struct slice){id, (size_t)digits + 1});
    pack_text(&pk, SLICE("name"));
    pack_name(&pk, &catalogue->products[i]);
    pack_text(&pk, SLICE("category"));
    pack_text(&pk, catalogue_category(catalogue, i));
    pack_text(&pk, SLICE("price"));
    CHECK(catalogue->packed.size <= UINT32_MAX);
    catalogue->products[i].end = (uint32_t)catalogue->packed.size;
}

void catalogue_init(struct catalogue *catalogue, uint32_t count, struct random *rng)
{
    catalogue->count = count;
    catalogue->products = calloc(count, sizeof *catalogue->products);
    CHECK(catalogue->products != NULL);
    buf_init(&catalogue->packed);
    for (uint32_t i = 0; i < count; i++) {
        struct catalogue_product *product = &catalogue->products[i];
        product->noun = (uint8_t)random_below(rng, COUNT_OF(nouns));
        product->material = (uint8_t)random_below(rng, COUNT_OF(materials));
        product->colour = (uint8_t)random_below(rng, COUNT_OF(colours));
        product->is_thai = random_chance(rng, THAI_SHARE);
        product->satang = draw_satang(&nouns[product->noun], rng);
        pack_product(catalogue, i);
    }
}

void catalogue_fini(struct catalogue *catalogue)
{
    buf_fini(&catalogue->packed);
    free(catalogue->products);
    *catalogue = (struct catalogue){0};
}

struct slice catalogue_packed(const struct catalogue *catalogue, uint32_t product)
{
    uint32_t begin = product ? catalogue->products[product - 1].end : 0;
    return (struct slice){catalogue->packed.data + begin, catalogue->products[product].end - begin};
}

struct slice catalogue_category(const struct catalogue *catalogue, uint32_t product)
{
    return nouns[catalogue->products[product].noun].category;
}

double catalogue_price(const struct catalogue *catalogue, uint32_t product, bool in_dollars)
{
    uint32_t satang = catalogue->products[product].satang;
    uint32_t smallest = in_dollars ? satang / CATALOGUE_BAHT_PER_DOLLAR : satang;
    return (double)smallest / 100;
}

struct slice catalogue_query(const struct catalogue *catalogue, uint32_t product)
{
    const struct catalogue_product *it = &catalogue->products[product];
    return it->is_thai ? nouns[it->noun].thai : nouns[it->noun].english;
}
