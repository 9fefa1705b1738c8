#include "core/yaml_cut.h"

static void read_in_quotes(struct yaml_cut *cut, struct slice text, size_t *pos)
{
    char c = text.data[*pos];
    if (c == '\\')
        (*pos)++;
    else if (c == cut->quote)
        cut->quote = 0;
}

void yaml_cut_read(struct yaml_cut *cut, struct slice text)
{
    for (size_t pos = 0; pos < text.size; pos++) {
        char c = text.data[pos];
        if (cut->quote)
            read_in_quotes(cut, text, &pos);
        else if (c == '"' || c == '\'')
            cut->quote = c;
        else if (c == '(' || c == '[' || c == '{')
            cut->depth++;
        else if ((c == ')' || c == ']' || c == '}') && cut->depth > 0)
            cut->depth--;
    }
}

bool yaml_cut_is_open(const struct yaml_cut *cut)
{
    return cut->depth > 0 || cut->quote;
}

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '.';
        if (!good)
            return false;
    }
    return true;
}

bool yaml_cut_goes_on(struct yaml_cut *cut, const struct yaml_node *key,
                      const struct yaml_node *value)
{
    if (!yaml_cut_is_open(cut) || key->kind != YAML_SCALAR || key->quoted)
        return false;
    bool is_alone = value->kind == YAML_SCALAR && !value->quoted && value->text.size == 0;
    if (!is_alone && is_name(key->text))
        return false; /* a pair of its own: the text before it only lacks its bracket */
    yaml_cut_read(cut, key->text);
    if (value->kind == YAML_SCALAR)
        yaml_cut_read(cut, value->text);
    return true;
}
