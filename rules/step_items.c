/* The verbs for line items: what an event says of products, taken into the cart (DESIGN section 6). */
#include <math.h>

#include "rules/step.h"
#include "state/items.h"

static struct value element_field(struct step *step, struct value product, struct slice key)
{
    if (product.kind != VALUE_MAP)
        return (struct value){.kind = VALUE_ABSENT};
    if (product.rep == VALUE_REP_RAW)
        return step_select(&step->activation, product, key);
    return cel_find(&step->activation, product, value_string(key));
}

/* An event's products: those of a list in which something has an id, else the one in its properties. */
struct products {
    struct step_list list;
    bool is_list;
    bool is_read; /* the one */
};

static struct slice product_id(struct value id)
{
    if (id.kind != VALUE_STRING)
        return SLICE("");
    return step_element(value_text(id));
}

static bool has_id(struct step *step, struct value list)
{
    struct step_list cursor = step_list_of(list);
    struct value product;
    while (step_list_next(step, &cursor, &product))
        if (product_id(element_field(step, product, SLICE("product_id"))).size > 0)
            return true;
    return false;
}

/* What an event means: each of its list, else the one in its properties. `is_list` decides once for all. */
static void find_products(struct step *step, struct products *products)
{
    struct value list = step_path(step, step->rules->slot_products);
    products->is_read = false;
    products->is_list = list.kind == VALUE_LIST && has_id(step, list);
    if (products->is_list)
        products->list = step_list_of(list);
}

static double positive(struct value value)
{
    double number;
    if (!step_number(value, &number) || !isfinite(number) || number <= 0)
        return 0;
    return number;
}

static void read_price(struct value value, struct items_line *line)
{
    double number;
    line->has_price = step_number(value, &number) && isfinite(number);
    if (line->has_price)
        line->price = number;
}

static void read_element(struct step *step, struct value product, struct items_line *line)
{
    struct value name = element_field(step, product, SLICE("name"));
    line->product_id = product_id(element_field(step, product, SLICE("product_id")));
    if (line->product_id.size == 0)
        return;
    if (name.kind == VALUE_STRING)
        line->name = value_text(name);
    read_price(element_field(step, product, SLICE("price")), line);
    line->quantity = positive(element_field(step, product, SLICE("quantity")));
}

static void read_properties(struct step *step, struct items_line *line)
{
    const struct rules *rules = step->rules;
    struct value name = step_path(step, rules->slot_name);
    line->product_id = product_id(step_path(step, rules->slot_product_id));
    if (name.kind == VALUE_STRING)
        line->name = value_text(name);
    read_price(step_path(step, rules->slot_price), line);
    line->quantity = positive(step_path(step, rules->slot_quantity));
}

/* The next product that has an id. Quantity 0: none that can be used. */
static bool next_product(struct step *step, struct products *products, struct items_line *line)
{
    struct value product;
    while (products->is_list && step_list_next(step, &products->list, &product)) {
        *line = (struct items_line){0};
        read_element(step, product, line);
        if (line->product_id.size > 0)
            return true;
    }
    if (products->is_list || products->is_read)
        return false;
    products->is_read = true;
    *line = (struct items_line){0};
    read_properties(step, line);
    return line->product_id.size > 0;
}

static struct slice event_currency(struct step *step)
{
    struct value currency = step_path(step, step->rules->slot_currency);
    return currency.kind == VALUE_STRING ? value_text(currency) : SLICE("");
}

static void add_line(struct step *step, uint32_t variable, struct items_line *line)
{
    struct items **items = &step->slots[variable].items;
    uint32_t max = step->layout->variables[variable].max;
    if (line->quantity <= 0)
        line->quantity = 1;
    /* The oldest may go: it has to be noted while it is there. */
    struct slice oldest = SLICE("");
    if (step->machine->asks_removed && items_count(*items) == max)
        oldest = arena_copy(step->context->arena, items_at(*items, 0).product_id);
    if (items_add(items, line, max)) {
        step->context->counters->overflows++;
        step_remove(step, variable, oldest);
    }
    step_touch(step, variable, line->product_id);
}

static void add_items(struct step *step, uint32_t variable, struct products *products)
{
    struct items_line line;
    bool changed = false;
    while (next_product(step, products, &line)) {
        add_line(step, variable, &line);
        changed = true;
    }
    if (changed)
        items_set_currency(step->slots[variable].items, event_currency(step));
}

static bool remove_line(struct step *step, uint32_t variable, const struct items_line *line)
{
    struct items **items = &step->slots[variable].items;
    size_t before = items_count(*items);
    if (!items_remove(items, line->product_id, line->quantity))
        return false;
    if (items_count(*items) < before)
        step_remove(step, variable, line->product_id);
    else
        step_touch(step, variable, line->product_id);
    return true;
}

static void remove_items(struct step *step, uint32_t variable, struct products *products)
{
    struct items_line line;
    bool changed = false;
    while (next_product(step, products, &line))
        changed = remove_line(step, variable, &line) || changed;
    if (changed && items_count(step->slots[variable].items) > 0)
        items_set_currency(step->slots[variable].items, event_currency(step));
}

void step_items(struct step *step, const struct action *action)
{
    struct products products;
    find_products(step, &products);
    if (action->verb == VERB_REMOVE_ITEM) {
        remove_items(step, action->variable, &products);
        return;
    }
    if (action->verb == VERB_SET_ITEMS) {
        if (!products.is_list)
            return; /* no snapshot */
        step_remove_all(step, action->variable);
        items_clear(&step->slots[action->variable].items);
    }
    add_items(step, action->variable, &products);
}

static struct value one_product_id(struct step *step)
{
    struct slice id = product_id(step_path(step, step->rules->slot_product_id));
    if (id.size == 0)
        return (struct value){.kind = VALUE_LIST};
    struct value *ids = arena_alloc(step->context->arena, sizeof(*ids));
    *ids = value_string(id);
    return (struct value){.kind = VALUE_LIST, .size = 1, .items = ids};
}

struct value step_product_ids(struct step *step)
{
    struct products products;
    struct value product;
    find_products(step, &products);
    if (!products.is_list)
        return one_product_id(step);
    struct value *ids = arena_alloc(step->context->arena, (products.list.count + 1) * sizeof(*ids));
    uint32_t size = 0;
    while (step_list_next(step, &products.list, &product)) {
        struct slice id = product_id(element_field(step, product, SLICE("product_id")));
        if (id.size > 0)
            ids[size++] = value_string(id);
    }
    return (struct value){.kind = VALUE_LIST, .size = size, .items = ids};
}
