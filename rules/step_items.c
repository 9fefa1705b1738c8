/* The verbs for line items: what an event says of products, taken into the cart (DESIGN section 6). */
#include <math.h>

#include "rules/step.h"
#include "state/items.h"

static struct slice product_id(struct value id)
{
    if (id.kind != VALUE_STRING)
        return SLICE("");
    return step_element(value_text(id));
}

/* An event's products: those of a list in which something has an id, else the one in its properties. */
struct products {
    struct event_products list;
    bool is_list;
    bool is_ahead;   /* `id` is that of a product of the list which nobody has taken yet */
    bool is_read;    /* the one */
    struct slice id; /* of the list's product at hand */
};

/* Moves on to the next of the list that has an id. */
static bool next_of_list(struct products *products)
{
    if (products->is_ahead) {
        products->is_ahead = false;
        return true;
    }
    while (event_products_next(&products->list)) {
        products->id = product_id(event_products_field(&products->list, EVENT_PRODUCT_ID));
        if (products->id.size > 0)
            return true;
    }
    return false;
}

/* What an event means: each of its list, else the one in its properties. `is_list` decides once for all. */
static void find_products(struct step *step, struct products *products)
{
    enum event_naming naming =
        step->input == STEP_SIGNAL ? EVENT_NAMES_CANONICAL : EVENT_NAMES_OF_SCHEMA;
    struct value list = step_path(step, step->rules->slot_products);
    products->is_list = false;
    products->is_ahead = false;
    products->is_read = false;
    if (list.kind != VALUE_LIST)
        return;
    event_products_open(&products->list, list, step->context->schema, naming,
                        step->activation.arena);
    products->is_list = next_of_list(products);
    products->is_ahead = products->is_list;
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

static void read_element(const struct products *products, struct items_line *line)
{
    const struct event_products *list = &products->list;
    struct value name = event_products_field(list, EVENT_PRODUCT_NAME);
    line->product_id = products->id;
    if (name.kind == VALUE_STRING)
        line->name = value_text(name);
    read_price(event_products_field(list, EVENT_PRODUCT_PRICE), line);
    line->quantity = positive(event_products_field(list, EVENT_PRODUCT_QUANTITY));
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
    *line = (struct items_line){0};
    if (products->is_list) {
        if (!next_of_list(products))
            return false;
        read_element(products, line);
        return true;
    }
    if (products->is_read)
        return false;
    products->is_read = true;
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
    find_products(step, &products);
    if (!products.is_list)
        return one_product_id(step);
    size_t capacity = (size_t)products.list.left + 1;
    struct value *ids = arena_alloc(step->context->arena, capacity * sizeof(*ids));
    uint32_t size = 0;
    while (next_of_list(&products))
        ids[size++] = value_string(products.id);
    return (struct value){.kind = VALUE_LIST, .size = size, .items = ids};
}
