/*
 * core/yaml_syntax.h - what core/yaml.h refuses before a tree is made. Private to core/yaml.c.
 *
 * libyaml's document API gives every node a tag, so one that somebody wrote can't be told from a
 * default. Therefore the events are read first; that also finds a second document and what is
 * nested too deep.
 */
#ifndef CORE_YAML_SYNTAX_H
#define CORE_YAML_SYNTAX_H

#include <stdbool.h>
#include <yaml.h>

#include "core/diag.h"
#include "core/slice.h"

#define YAML_DEPTH_MAX 128 /* sequences and mappings inside each other */

/* False where no tree can be made. Tags are reported, but do not hinder the tree. */
bool yaml_syntax_check(const char *name, struct slice text, struct diag *diag);

/* Says what libyaml found wrong, in terms of the person who wrote the file. */
void yaml_syntax_report(const yaml_parser_t *parser, const char *name, struct slice text,
                        struct diag *diag);

struct diag_pos yaml_syntax_pos(const char *name, const yaml_mark_t *mark);
#endif
