#include "consumer/names.h"

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

static char lowered(char c)
{
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

struct slice names_key(struct slice name, struct arena *arena)
{
    char *key = arena_alloc(arena, name.size + 1);
    size_t size = 0;

    for (size_t i = 0; i < name.size; i++) {
        char c = lowered(name.data[i]);

        if (is_lower(c) || is_digit(c))
            key[size++] = c;
    }
    return (struct slice){key, size};
}

struct slice names_snake_case(struct slice name, struct arena *arena)
{
    /* Each character gives at most itself and one `_` before it. */
    char *snake = arena_alloc(arena, name.size * 2 + 1);
    size_t size = 0;
    bool in_run = false;

    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];

        if (is_ascii(c) && !is_lower(c) && !is_upper(c) && !is_digit(c)) {
            if (!in_run)
                snake[size++] = '_';
            in_run = true;
            continue;
        }
        if (is_upper(c) && i > 0 && is_lower(name.data[i - 1]))
            snake[size++] = '_';
        snake[size++] = lowered(c);
        in_run = false;
    }
    return (struct slice){snake, size};
}

const struct names_builtin names_builtin[] = {
    {"products_searched", NULL},
    {"product_list_viewed", NULL},
    {"product_list_viewed", "Product List Filtered"},
    {"product_list_viewed", "Viewed Product Category"},
    {"product_clicked", NULL},
    {"product_clicked", "Clicked Product"},
    {"product_viewed", NULL},
    {"product_viewed", "Viewed Product"},
    {"promotion_viewed", NULL},
    {"promotion_viewed", "Viewed Promotion"},
    {"promotion_clicked", NULL},
    {"promotion_clicked", "Clicked Promotion"},
    {"product_added", NULL},
    {"product_added", "Added Product"},
    {"product_removed", NULL},
    {"product_removed", "Removed Product"},
    {"cart_viewed", NULL},
    {"cart_updated", NULL},
    {"checkout_started", NULL},
    {"checkout_step_viewed", NULL},
    {"checkout_step_completed", NULL},
    {"payment_info_entered", NULL},
    {"payment_failed", NULL},
    {"order_completed", NULL},
    {"order_completed", "Completed Order"},
    {"order_updated", NULL},
    {"order_updated", "Updated Order"},
    {"order_cancelled", NULL},
    {"order_refunded", NULL},
    {"order_delivered", NULL},
    {"coupon_entered", NULL},
    {"coupon_applied", NULL},
    {"coupon_denied", NULL},
    {"coupon_removed", NULL},
    {"product_added_to_wishlist", NULL},
    {"product_removed_from_wishlist", NULL},
    {"wishlist_product_added_to_cart", NULL},
    {"product_shared", NULL},
    {"cart_shared", NULL},
    {"product_reviewed", NULL},
    {"product_used", NULL},
    {"email_delivered", NULL},
    {"email_opened", NULL},
    {"email_link_clicked", NULL},
    {"unsubscribed", NULL},
    {"push_notification_received", NULL},
    {"push_notification_tapped", NULL},
    {"page_viewed", NULL},
    {"screen_viewed", NULL},
    {"customer_identified", NULL},
    {"customer_aliased", NULL},
    {"customer_grouped", NULL},
    {"customer_forgotten", NULL},
    {"support_contacted", NULL},
    {"referral_sent", NULL},
    {"nps_submitted", NULL},
    {"csat_submitted", NULL},
    {"ces_submitted", NULL},
    {"element_clicked", NULL},
    {"rage_clicked", NULL},
    {"error_shown", NULL},
    {"liked", NULL},
    {"commented", NULL},
};
const size_t names_builtin_count = sizeof names_builtin / sizeof names_builtin[0];
