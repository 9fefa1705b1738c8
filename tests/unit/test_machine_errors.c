/*
 * Wrong machine files: for each mistake exactly what is said, and where. Most rows are one line put into a sound file, so
 * that the place is that of the mistake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/yaml.h"
#include "rules/rules.h"

struct wrong {
    const char *text; /* of the file */
    const char
        *expected; /* LINE:COLUMN: message, a line each; "warning: " in front of what is one */
};

/* A whole machine around a part. */
#define HEAD                                                                                       \
    "machine: m\n"                                                                                 \
    "context: { n: int, s: string, t: timestamp, items: { type: line_items }, set: { type: set "   \
    "}, keys: { type: counter }, w: { type: window, over: 2h, bucket: 1h } }\n"
#define STATES      "initial: a\nstates:\n  a: { on: { go: b } }\n  b: { on: { back: a } }\n"
/* The part is line 3. */
#define TOP(line)   HEAD line "\n" STATES
/* The part is what state `a` says: line 5, from column 3 on. */
#define STATE(part) HEAD "initial: a\nstates:\n  a: " part "\n  b: { on: { back: a, go: b } }\n"

/* clang-format off */
static const struct wrong mistakes[] = {
    {"",
     "1:1: the file is empty\n"},
    {"- a\n- b\n",
     "1:1: a machine's file must be a mapping (key: value), not a list\n"},
    {"just text\n",
     "1:1: a machine's file must be a mapping (key: value), not a text\n"},
    {"machine: [\n",
     "2:1: a value is missing here\n"},
    {"machine: m\nmachine: n\ninitial: a\nstates: { a: {} }\n",
     "2:1: the key 'machine' is already in line 1\n"},
    {"initial: a\nstates: { a: {} }\n",
     "1:1: the file has no 'machine': the name of the machine\n"},
    {"machine: my cart\ninitial: a\nstates: { a: {} }\n",
     "1:10: 'my cart' is no name for a machine: a letter, then letters, digits, _ or -\n"},
    {"machine: 1st\ninitial: a\nstates: { a: {} }\n",
     "1:10: '1st' is no name for a machine: a letter, then letters, digits, _ or -\n"},
    {"machine:\ninitial: a\nstates: { a: {} }\n",
     "1:9: a machine needs a name, not nothing\n"},
    {"machine: m\nstates: { a: {} }\n",
     "1:1: the machine has no 'initial': name the state in which a new customer is\n"},
    {"machine: m\ninitial: a\n",
     "1:1: the machine has no 'states'\n"},
    {"machine: m\ninitial: a\nstates: {}\n",
     "3:9: 'states' must be a mapping with at least one state, not an empty one\n"},
    {"machine: m\ninitial: a\nstates:\n  a:\n",
     "4:5: this state is empty: write {} if it says nothing\n"},
    {"machine: m\ninitial: a\nstates: [a, b]\n",
     "3:9: 'states' must be a mapping with at least one state, not a list\n"},
    {"machine: m\ninitial: activ\nstates: { active: {} }\n",
     "2:10: there is no state 'activ': did you mean 'active'?\n"},
    {"machine: m\ninital: a\nstates: { a: {} }\n",
     "1:1: the machine has no 'initial': name the state in which a new customer is\n"
     "2:1: a machine has no key 'inital': did you mean 'initial'?\n"},
    {TOP("colour: red"),
     "3:1: a machine has no key 'colour': it has machine, description, context, data, observe, on, initial, states, emit_transitions\n"},
    {TOP("emit_transition: m.changed"),
     "3:1: a machine has no key 'emit_transition': did you mean 'emit_transitions'?\n"},
    {TOP("description: [Cart]"),
     "3:14: the description is text by language, such as { en: Cart, th: ตะกร้า }, not a list\n"},
    {TOP("description: { en: [a] }"),
     "3:20: the description in 'en' must be a text, not a list\n"},
    {TOP("emit_transitions: { type: m.changed }"),
     "3:19: 'emit_transitions' is the type of a signal, such as stage.changed, not a mapping\n"},
    {TOP("emit_transitions: changed!"),
     "3:19: 'changed!' is no type of a signal: letters, digits, '.', '_' and '-', such as cart.abandoned\n"},
    {TOP("data: items"),
     "3:7: 'data' must be a mapping (key: value), not a text\n"},
    {TOP("data: { 1x: '1' }"),
     "3:9: '1x' is no name for a field of data: a letter, then letters, digits, _ or -\n"},
    {TOP("data: { x: }"),
     "3:12: a field of data is empty: write an expression; an empty text is \"''\"\n"},
    {TOP("data: { x: [1, 2] }"),
     "3:12: a field of data must be an expression, not a list\n"},
    {TOP("data: { x: context.itms }"),
     "3:20: there is no variable 'itms': did you mean 'items'?\n"},
    {TOP("data: { x: contxt.items }"),
     "3:12: there is no name 'contxt': did you mean 'context'?\n"},
    {TOP("data: { x: n }"),
     "3:12: there is no name 'n': the variable is context.n\n"},
    {TOP("data: { x: email }"),
     "3:12: there is no name 'email': names are event, context, state, entered, now, machines and constants; a text is quoted once more, as in \"'email'\"\n"},
    {TOP("data: { x: event.nme }"),
     "3:18: there is no event field 'nme': did you mean 'name'?\n"},
    {TOP("data: { x: event.properties.price + }"),
     "3:36: the expression ends here, but a value is missing\n"},
    {TOP("data: { x: 'size(context.n)' }"),
     "3:26: size() takes string or bytes or list or map here, not int\n"},
    {TOP("data: { x: '1 + \"a\"' }"),
     "3:15: '+' can't be applied to int and string: convert to text by string(...)\n"},
    {TOP("data: { x: machines.cart.state }"),
     "3:21: there is no machine 'cart': the machines are those of the configuration\n"},
    {TOP("data: { x: machines.m }"),
     "3:21: of another machine only its state is seen: machines.m.state\n"},
    {TOP("data: { x: constants.zone }"),
     "3:12: the configuration has no 'constants'\n"},
    {TOP("data: { x: totl(context.items) }"),
     "3:12: there is no function 'totl'; did you mean 'total'?\n"},
    {TOP("data: { x: 'get(event.properties.x)' }"),
     "3:13: get() takes 2 arguments, not 1\n"},
    {TOP("data: { x: 'touched(1 + 2)' }"),
     "3:23: the first argument of touched() must be a variable, such as context.items\n"},
    {TOP("observe: { product_added: { add_itm: items } }"),
     "3:29: an action has no key 'add_itm': did you mean 'add_item'?\n"},
    {TOP("observe: { product_added: { add_item: set } }"),
     "3:39: 'add_item' does not fit 'set', which is of type set: that one takes add or clear\n"},
    {TOP("observe: { product_added: { add_item: item } }"),
     "3:39: there is no variable 'item': did you mean 'items'?\n"},
    {TOP("observe: { product_added: }"),
     "3:27: actions are missing here: write a mapping such as { clear: items }; within { } several names are quoted: 'a, b'\n"},
    {TOP("observe: { '*': { clear: n } }"),
     "3:13: '*' is for 'on': 'observe' names its events\n"},
    {TOP("observe: { 'look, look': { clear: n } }"),
     "3:19: 'look' is named twice in 'observe': put its actions into one list\n"},
    {TOP("observe: { look: { assign: { n: \"'x'\" } } }"),
     "3:33: 'n' is of type int, the expression gives string\n"},
    {TOP("observe: { look: { assign: { items: event.properties.x } } }"),
     "3:30: 'assign' does not fit 'items', which is of type line_items: that one takes add_item, remove_item, set_items or clear\n"},
    {TOP("observe: { look: { assign: n } }"),
     "3:28: 'assign' must be a mapping (key: value), not a text\n"},
    {TOP("observe: { look: { count: keys } }"),
     "3:27: a counter counts texts: write 'count: { keys: … }' with what it counts\n"},
    {TOP("observe: { look: { count: n } }"),
     "3:27: 'count' does not fit 'n', which is of type int: that one takes assign or clear\n"},
    {TOP("observe: { look: { count: { w: \"'x'\" } } }"),
     "3:29: 'w' is a window: write 'count: w'\n"},
    {TOP("observe: { look: { count: w, sum: { w: 1.0 } } }"),
     "2:119: the window 'w' is both counted and summed: take one window for each\n"},
    {TOP("observe: { look: { sum: { w: \"'x'\" } } }"),
     "3:30: 'sum' takes a number, the expression gives string\n"},
    {TOP("observe: { look: { add: { set: 5 } } }"),
     "3:32: 'add' takes a text or a list of texts, the expression gives int\n"},
    {TOP("observe: { look: { clear: [] } }"),
     "3:27: 'clear' names nothing: one variable, or a list of them\n"},
    {TOP("observe: { look: { clear: zet } }"),
     "3:27: there is no variable 'zet': did you mean 'set'?\n"},
    {TOP("observe: { look: { emit: [m.a, m.b] } }"),
     "3:26: 'emit' is one signal: a type, or { type: …, data: { … } }; more of them go into 'actions'\n"},
    {TOP("observe: { look: { emit: { data: { x: '1' } } } }"),
     "3:26: 'emit' needs a 'type', such as cart.abandoned\n"},
    {TOP("observe: { look: { emit: { type: m.a, cool: 1h } } }"),
     "3:39: 'emit' has no key 'cool': it has type, data, guard, cooldown\n"},
    {TOP("observe: { look: { emit: { type: m.a, cooldown: 30 min } } }"),
     "3:49: '30 min' is no duration for 'cooldown': write 30s, 30m, 4h, 7d or a sum such as 1h30m\n"},
    {TOP("on: { Product Added: a }"),
     "3:7: 'Product Added' is not a canonical event name: write 'product_added'\n"},
    {TOP("on: { 'look,, go': a }"),
     "3:13: an event's name is missing here: names are separated by commas\n"},
    {TOP("on: { look: [a, [b]] }"),
     "3:17: a list of transitions can't hold another list\n"
     "3:17: warning: this transition is never looked at: the one before it has no guard\n"},
    {TOP("on: { look: }"),
     "3:13: this transition is empty: name a state, or write {} for 'do nothing'; within { } several names are quoted: 'a, b'\n"},
    {TOP("on: { look: [] }"),
     "3:13: this list of transitions is empty: write {} for 'do nothing'\n"},
    {TOP("on: { look: activ }"),
     "3:13: there is no state 'activ' in this machine\n"},
    {TOP("on: { look: { targt: a } }"),
     "3:15: a transition has no key 'targt': did you mean 'target'?\n"},
    {TOP("on: { look: { guard: 'context.n', target: a } }"),
     "3:23: must be bool, is int\n"},
    {TOP("on: { look: { guard: 'false', target: a } }"),
     "3:22: warning: this guard is always false: what it guards never happens\n"},
    {TOP("on: { look: [ a, b ] }"),
     "3:18: warning: this transition is never looked at: the one before it has no guard\n"},
    {TOP("on: { cart.abandoned: a }"),
     "3:7: warning: no earlier machine emits the signal 'cart.abandoned'\n"},
    {TOP("<<: { on: { look: a } }"),
     "3:1: a merge key '<<' is not read; write the keys out, or use an alias as a value\n"},
    {TOP("on: { look: { guard: !has(event.properties.x), target: a } }"),
     "3:22: the tag '!has(event.properties.x)' has no meaning here; put a text that begins with '!' in quotes\n"},
    {STATE("{ on: { go: b, 'go, stay': a } }"),
     "5:22: 'go' is named twice in this state: put its transitions into one list\n"},
    {STATE("{ after: { 30 min: b } }"),
     "5:17: '30 min' is no duration for 'after': write 30s, 30m, 4h, 7d or a sum such as 1h30m\n"},
    {STATE("{ after: { 500ms: b } }"),
     "5:17: 'after' is shorter than 1s: that is the least\n"},
    {STATE("{ after: { -1h: b } }"),
     "5:17: '-1h' is no duration for 'after': write 30s, 30m, 4h, 7d or a sum such as 1h30m\n"},
    {STATE("{ after: { 99999999d: b } }"),
     "5:17: 'after' is longer than 3650000d: that is the most\n"},
    {STATE("{ after: 30m }"),
     "5:15: 'after' must be a mapping (key: value), not a text\n"},
    {STATE("{ after: { 30m: b, 1800s: b } }"),
     "5:25: 'after' has the same duration twice: put its transitions into one list\n"},
    {STATE("{ idle: { 1h: b, 2h: { emit: m.late } } }"),
     "5:23: warning: this timer can't fire: the state has always been left by then, by another timer\n"},
    {STATE("{ at: { n: b } }"),
     "5:14: 'at' needs a variable of type timestamp, 'n' is of type int\n"},
    {STATE("{ at: { tt: b } }"),
     "5:14: there is no variable 'tt': did you mean 't'?\n"},
    {STATE("{ at: { t: b } }"),
     "5:14: warning: this timer can't fire: nothing assigns a time to its variable\n"},
    {STATE("{ goal: yes }"),
     "5:14: 'goal' must be true or false\n"},
    {STATE("{ entry: clear }"),
     "5:15: actions are a mapping such as { clear: items }, or a list of these, not a text\n"},
    {STATE("{ always: b, after: { 1h: b } }"),
     "5:28: warning: this timer can't fire: the state is always left on entering it\n"},
    {STATE("{ idle: { 500d: b } }"),
     "5:16: warning: this timer can't fire: the customer is forgotten before (memory.forget_after)\n"},
    {STATE("{ onn: { go: b } }"),
     "5:8: a state has no key 'onn': did you mean 'on'?\n"},
    {STATE("[ a ]"),
     "5:6: a state must be a mapping, not a list; {} says nothing\n"},
    {"machine: m\ncontext: { x: { type: strng } }\ninitial: a\nstates: { a: {} }\n",
     "2:23: there is no type 'strng': did you mean 'string'?\n"},
    {"machine: m\ncontext: { x: { max: 3 } }\ninitial: a\nstates: { a: {} }\n",
     "2:15: the variable 'x' has no 'type'\n"},
    {"machine: m\ncontext: { x: { type: int, max: 3 } }\ninitial: a\nstates: { a: {} }\n",
     "2:28: a variable of this type has no key 'max': it has type\n"},
    {"machine: m\ncontext: { x: { type: set, max: 0 } }\ninitial: a\nstates: { a: {} }\n",
     "2:33: 'max' must be a whole number from 1 to 4096\n"},
    {"machine: m\ncontext: { x: { type: set, max: many } }\ninitial: a\nstates: { a: {} }\n",
     "2:33: 'max' must be a whole number from 1 to 4096\n"},
    {"machine: m\ncontext: { x: window }\ninitial: a\nstates: { a: {} }\n",
     "2:15: a window needs 'over' and 'bucket', such as { type: window, over: 28d, bucket: 1d }\n"},
    {"machine: m\ncontext: { x: { type: window, over: 90m, bucket: 1h } }\ninitial: a\nstates: { a: {} }\n",
     "2:37: 'over' must be a multiple of 'bucket' (1h)\n"},
    {"machine: m\ncontext: { x: { type: window, over: 65d, bucket: 1d } }\ninitial: a\nstates: { a: {} }\n",
     "2:37: a window has at most 64 buckets, here are 65: take a longer 'bucket'\n"},
    {"machine: m\ncontext: { x: { type: window, over: 2d } }\ninitial: a\nstates: { a: {} }\n",
     "2:15: a window needs 'over' and 'bucket', such as { type: window, over: 28d, bucket: 1d }\n"},
    {"machine: m\ncontext: { x y: int }\ninitial: a\nstates: { a: {} }\n",
     "2:12: 'x y' is no name for a variable: a letter, then letters, digits, _\n"},
    {"machine: m\ncontext: { x: [int] }\ninitial: a\nstates: { a: {} }\n",
     "2:15: the type must be a name, not a list\n"},
    {"machine: m\ninitial: a\nstates: { a: {}, lost: {} }\n",
     "3:18: warning: the state 'lost' can't be reached: no transition has it as its target\n"},
    {"machine: m\ninitial: a\nstates: { a b: {}, a: {} }\n",
     "3:11: 'a b' is no name for a state: a letter, then letters, digits, _ or -\n"
     "3:11: warning: the state 'a b' can't be reached: no transition has it as its target\n"},
    {TOP("observe: { look, go: { clear: n } }"),
     "3:16: actions are missing here: write a mapping such as { clear: items }; within { } several names are quoted: 'a, b'\n"},
    {TOP("on: { look, go: b }"),
     "3:11: this transition is empty: name a state, or write {} for 'do nothing'; within { } several names are quoted: 'a, b'\n"},
    {TOP("emit_transitions: \ndata: { time_in_state: '1' }"),
     "3:18: the type of a signal is a name such as cart.abandoned, not nothing\n"
     "3:18: 'time_in_state' is in the machine's data and is also what 'emit_transitions' adds: rename the field\n"},
    {TOP("emit_transitions: m.changed\ndata: { time_in_state: '1' }"),
     "3:19: 'time_in_state' is in the machine's data and is also what 'emit_transitions' adds: rename the field\n"},
    {TOP("on: { look: { emit: '' } }"),
     "3:21: the type of a signal is a name such as cart.abandoned, not a text\n"},
    {TOP("on: { look: { actions: { emit: { type: [] } } } }"),
     "3:40: the type of a signal is a name such as cart.abandoned, not a list\n"},
    {TOP("on: { look: { target: [b] } }"),
     "3:23: the target must be a state's name, not a list\n"},
    {TOP("on: { look: { target: } }"),
     "3:23: the target must be a state's name, not nothing\n"},
    {TOP("data: { x: \"event.properties.x ? 1 : 2 : 3\" }"),
     "3:40: an operator is expected here, not ':'\n"},
    {TOP("data: { x: 'event.time > 5' }"),
     "3:24: '>' can't be applied to google.protobuf.Timestamp and int\n"},
    {TOP("data: { x: 'context' , y: '\"' }"),
     "3:28: the text that begins here is not closed with \"\n"},
    {STATE("{ exit: [ clear, { clear: n } ] }"),
     "5:16: the actions must be a mapping (key: value), not a text\n"},
    {STATE("{ on: { look: { actions: [ { guard: context.s, clear: n } ] } } }"),
     "5:42: must be bool, is string\n"},
    {STATE("{ description: }"),
     "5:21: the description is text by language, such as { en: Cart, th: ตะกร้า }, not nothing\n"},
    {STATE("{ idle: { 1h: } }"),
     "5:20: this transition is empty: name a state, or write {} for 'do nothing'; within { } several names are quoted: 'a, b'\n"},
    {TOP("data: { x: total(context.set) }"),
     "3:18: total() takes a variable of type line_items\n"},
    {TOP("data: { x: \"currency( context.keys )\" }"),
     "3:31: currency() takes list here, not map\n"},
    {TOP("data: { x: top(context.items) }"),
     "3:24: top() takes map here, not list\n"},
    {TOP("data: { x: new_order(context) }"),
     "3:22: new_order() takes the event: write 'event'\n"},
    {TOP("data: { x: touched(event.time) }"),
     "3:20: touched() takes a variable, such as context.items\n"},
    {TOP("data: { x: \"'total(context.n)' + string(top(context.keys))\" }"),
     ""},
    {STATE("{ at: { t: b }, on: { look: { target: b, actions: { assign: { t: null } } } } }"),
     "5:14: warning: this timer can't fire: nothing assigns a time to its variable\n"},
    {STATE("{ at: { t: b }, on: { look: { target: b, actions: { assign: { t: now } } } } }"),
     ""},
    {TOP("on: { look: [ { guard: 'true', target: a }, b ] }"),
     "3:45: warning: this transition is never looked at: the guard of the one before it is always true\n"},
    {TOP("on: { look: [ { guard: 'context.n', target: a }, b ] }"),
     "3:25: must be bool, is int\n"},
    {STATE("{ after: { 1h: { guard: 'true', target: b }, 2h: b } }"),
     "5:51: warning: this timer can't fire: the state has always been left by then, by another timer\n"},
    {TOP("data: { x: context.t > 5 }"),
     "3:22: '>' can't be applied to google.protobuf.Timestamp and int\n"},
    {TOP("data: { x: context.t - now > 3 }"),
     "3:28: '>' can't be applied to google.protobuf.Duration and int\n"},
    {TOP("data: { x: context.t == null || context.t > timestamp(0) || context.t > event.properties.x }"),
     ""},
    {TOP("on: { look: { guard: context.t, target: a } }"),
     "3:22: must be bool, is a timestamp\n"},
    {TOP("observe: { look: { assign: { n: context.t } } }"),
     "3:33: 'n' is of type int, the expression gives timestamp\n"},
    {TOP("data: { x: \"get(event.properties.x, 0) > 'a'\" }"),
     "3:40: '>' can't be applied to int and string\n"},
    {TOP("data: { x: 'get(event.properties.x, 0) > 1.5 && get(event.properties.y, null) > 1' }"),
     ""},
    {TOP("data: { x: context.keys.x == 'a' }"),
     "3:27: '==' can't be applied to int and string\n"},
    {TOP("data: { x: \"context.items[0].foo == 1\" }"),
     "3:30: a line item has no field 'foo': it has product_id, name, price and quantity\n"},
    {TOP("data: { x: \"context.items.exists(i, has(i.prize))\" }"),
     "3:43: a line item has no field 'prize': did you mean 'price'?\n"},
    {TOP("data: { x: \"context.items[0].quantity == 'a'\" }"),
     "3:39: '==' can't be applied to double and string\n"},
    {TOP("data: { x: \"context.items.all(i, i.price == null || i.price > 5 && i.name != 'x')\" }"),
     ""},
    {TOP("data: { x: \"context.set[0] > 5\" }"),
     "3:28: '>' can't be applied to string and int\n"},
    {TOP("data: { x: \"context.set.exists(s, s > 5)\" }"),
     "3:37: '>' can't be applied to string and int\n"},
    {TOP("data: { x: 1 in context.set }"),
     "3:14: the elements of this list are string: int is never among them\n"},
    {TOP("data: { x: currency(context.items) > 5 }"),
     "3:36: '>' can't be applied to string and int\n"},
    {TOP("data: { x: \"currency(context.items) == null || product_ids(event).exists(p, p == 'a')\" }"),
     ""},
    {TOP("data: { x: \"1 in product_ids(event)\" }"),
     "3:15: the elements of this list are string: int is never among them\n"},
    {TOP("data: { x: \"next_date(now, '13-45', 'UTC')\" }"),
     "3:28: next_date(): '13-45' is no date: MM-DD or YYYY-MM-DD, with Thh:mm or without\n"},
    {TOP("data: { x: \"next_date(now, ['04-13T09:00', '2027-02-30', 5], 'UTC')\" }"),
     "3:44: next_date(): '2027-02-30' is no date: MM-DD or YYYY-MM-DD, with Thh:mm or without\n"
     "3:58: next_date(): a date is a text such as '04-13T09:00', not int\n"},
    {TOP("data: { x: \"next_date(now, '04-13', context.s != '' ? context.s : '+7')\" }"),
     "3:67: there is no time zone '+7': write a name of the tz database such as Asia/Bangkok, or an offset such as +07:00\n"},
    {TOP("data: { x: \"next_date(now, '02-29', '+07:00') > 5\" }"),
     "3:47: '>' can't be applied to google.protobuf.Timestamp and int\n"},
    {TOP("data: { x: \"now.getHours('Asia/Bankok') > 3\" }"),
     "3:26: there is no time zone 'Asia/Bankok': did you mean 'Asia/Bangkok'?\n"},
    {"machine: m\ncontext: { x: { type: string, max: 70000 } }\ninitial: a\nstates: { a: {} }\n",
     "2:36: 'max' must be a whole number from 1 to 65535\n"},
    /* The place of an expression's mistake is its own, in whatever style and line it stands. */
    {TOP("data: { x: '''ก'' + context.zz' }"),
     "3:29: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("data: { x: \"\\\"\\u0e01\\\" + context.zz\" }"),
     "3:34: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("data:\n  x: >-\n    'ตะกร้า' ==\n    context.zz"),
     "6:13: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("data:\n  x: |\n    [1].map(y,\n\n      y + context.zz)"),
     "7:19: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("data:\n  x: event.name ==\n    string(context.zz)"),
     "5:20: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("data:\r\n  x: |\r\n    1 +\r\n    context.zz"),
     "6:13: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("data:\n  x: >\n    1 +\n    2 +\n\n# more"),
     "6:8: the expression ends here, but a value is missing\n"},
    {TOP("data:\n  x: &total\n    total(\n      context.set)"),
     "6:7: total() takes a variable of type line_items\n"},
    {STATE("\n    on:\n      look:\n        guard: >-\n          context.n"),
     "9:11: must be bool, is int\n"},
    /* A comma within { }, ' #' and ': ' end an expression that is not quoted. */
    {STATE("{ on: { look: { guard: get(event.properties.value, 0.0) >= 5000, target: b } } }"),
     "5:55: within { } this comma ends the text: put the whole expression in quotes\n"},
    {STATE("{ on: { look: [ { guard: get(event.properties.x, 0) > get(event.properties.y, 0), target: b }, { target: a } ] } }"),
     "5:53: within { } this comma ends the text: put the whole expression in quotes\n"},
    {TOP("data: { x: get(event.properties.x, 0), y: get(event.properties.y, 0), z: context.n }"),
     "3:34: within { } this comma ends the text: put the whole expression in quotes\n"
     "3:65: within { } this comma ends the text: put the whole expression in quotes\n"},
    {TOP("data: { x: get(event.properties.x, true) ? get(event.properties.y, 1) : null, y: context.zz }"),
     "3:34: within { } this comma ends the text: put the whole expression in quotes\n"
     "3:90: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("observe: { look: { assign: { n: get(event.properties.x, 0), s: context.s } } }"),
     "3:55: within { } this comma ends the text: put the whole expression in quotes\n"},
    {TOP("data: { x: event.name == \"a, b\", y: '1' }"),
     "3:28: within { } this comma ends the text: put the whole expression in quotes\n"},
    {TOP("data: { x: size(context.s, y: '1' }"),
     "3:26: the expression ends here, but a comma or a closing bracket is missing\n"},
    {TOP("data:\n  x: event.name == \"no #1\""),
     "4:23: the expression ends here, since ' #' begins a comment: put the whole expression in quotes\n"},
    {TOP("data:\n  x: size(context.s # how long\n  y: 1 + # more\n  z: 1 # one\n  u: context.zz # (\n"),
     "4:20: the expression ends here, since ' #' begins a comment: put the whole expression in quotes\n"
     "5:9: the expression ends here, but a value is missing\n"
     "7:14: there is no variable 'zz': variables are declared under 'context'\n"},
    {TOP("data: { x: context.n > 0 ? 1 : 0 }"),
     "3:30: expected ',' or '}'; quote a text that contains ': ', ' #', brackets or a comma\n"},
    {TOP("data:\n  x: context.n > 0 ? 1 : 0"),
     "4:24: ':' can't stand here; quote a text that contains ': ', or start a new line\n"},
    /* Read twice, said once. */
    {TOP("on: { look: &t { guard: context.zz > 0, target: b }, seen: *t }"),
     "3:33: there is no variable 'zz': variables are declared under 'context'\n"},
    /* What is no name of a signal. */
    {TOP("emit_transitions: true"),
     "3:19: the type of a signal is a name such as cart.abandoned, not 'true'\n"},
    {TOP("emit_transitions: ~"),
     "3:19: '~' is no type of a signal: letters, digits, '.', '_' and '-', such as cart.abandoned\n"},
    {TOP("on: { look: { emit: '.' }, seen: { emit: null }, heard: { emit: { type: 5 } } }"),
     "3:21: the type of a signal is a name such as cart.abandoned, not '.'\n"
     "3:42: the type of a signal is a name such as cart.abandoned, not 'null'\n"
     "3:73: the type of a signal is a name such as cart.abandoned, not '5'\n"},
    {TOP("on: { look: { emit: 'true' }, seen: { emit: a } }"),
     ""},
    /* States that have a way to them, but from nowhere. */
    {"machine: m\ninitial: a\nstates:\n  a: {}\n  w: { on: { e: z } }\n  z: { on: { e: w } }\n",
     "5:3: warning: the state 'w' can't be reached: no way leads to it from the initial state\n"
     "6:3: warning: the state 'z' can't be reached: no way leads to it from the initial state\n"},
    {"machine: m\ninitial: a\nstates:\n  a: {}\n  w: { after: { 1h: w } }\n",
     "5:3: warning: the state 'w' can't be reached: no way leads to it from the initial state\n"},
    {"machine: m\ninitial: a\nstates:\n  a: { always: { guard: 'false', target: w } }\n  w: {}\n",
     "4:25: warning: this guard is always false: what it guards never happens\n"
     "5:3: warning: the state 'w' can't be reached: no way leads to it from the initial state\n"},
};
/* clang-format on */

/* What the loader says of one file, without the file's name. NULL where it takes it without a word. */
static char *complaints_with(const char *text, const char *constants)
{
    char path[] = "/tmp/stagecoach-wrong-XXXXXX";
    const char *file = path;
    char *said = NULL;
    size_t size = 0;
    struct diag diag;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *out = fdopen(fd, "w");
    fputs(text, out);
    fclose(out);
    diag_init(&diag);
    struct rules_options options = {
        .files = &file, .file_count = 1, .forget_after_ms = INT64_C(400) * 86400000};
    struct yaml_file *yaml = constants ? yaml_parse("c.yaml", slice_of(constants), &diag) : NULL;
    options.constants = yaml ? yaml_root(yaml) : NULL;
    struct rules *rules = rules_load(&options, &diag);
    assert_true(rules == NULL || diag.error_count == 0);
    assert_true(rules != NULL || diag.error_count > 0);
    rules_free(rules);
    yaml_free(yaml);
    FILE *memory = open_memstream(&said, &size);
    diag_print(&diag, memory);
    fclose(memory);
    diag_fini(&diag);
    remove(path);
    /* Every line begins with the file's name. */
    char *to = said, *from = said;
    while (*from) {
        if (strncmp(from, path, strlen(path)) == 0)
            from += strlen(path) + 1;
        char *end = strchr(from, '\n');
        size_t length = end ? (size_t)(end - from) + 1 : strlen(from);
        memmove(to, from, length);
        to += length;
        from += length;
    }
    *to = '\0';
    return said;
}

static char *complaints(const char *text)
{
    return complaints_with(text, NULL);
}

/* A date or zone of the configuration is looked at where it is used, and named. */
static void test_a_wrong_constant_is_named(void **state)
{
    static const char text[] =
        TOP("data: { x: 'next_date(now, constants.days, constants.zone)', y: '"
            "now.getHours(constants.zone) + constants.days.size()' }");
    (void)state;
    char *said = complaints_with(text, "{ zone: Asia/Bangkok, days: { 04-13T09:00: songkran } }");
    assert_string_equal(said, "");
    free(said);
    said =
        complaints_with(text, "{ zone: Asia/Bankok, days: { 13-01T09:00: x, 04-13: y, 4-1: z } }");
    assert_string_equal(
        said,
        "3:38: constants.days: next_date(): '13-01T09:00' is no date: MM-DD or YYYY-MM-DD, with "
        "Thh:mm or without\n"
        "3:38: constants.days: next_date(): '4-1' is no date: MM-DD or YYYY-MM-DD, with Thh:mm "
        "or without\n"
        "3:54: constants.zone: there is no time zone 'Asia/Bankok': did you mean "
        "'Asia/Bangkok'?\n"
        "3:89: constants.zone: there is no time zone 'Asia/Bankok': did you mean "
        "'Asia/Bangkok'?\n");
    free(said);
}

static void test_each_mistake_is_said_with_its_place(void **state)
{
    int failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        char *said = complaints(mistakes[i].text);
        if (strcmp(said, mistakes[i].expected) != 0) {
            fprintf(stderr, "--- mistake %zu\n%s--- expected\n%s--- said\n%s", i, mistakes[i].text,
                    mistakes[i].expected, said);
            failed++;
        }
        free(said);
    }
    assert_int_equal(failed, 0);
    assert_true(sizeof(mistakes) / sizeof(mistakes[0]) >= 60);
}

/* Mistakes of all files are said in one run, in the order of the files. */
static void test_all_files_in_one_run(void **state)
{
    const char *const texts[] = {"machine: m\ninitial: a\nstates: { a: { on: { go: c } } }\n",
                                 "machine: m\ninitial: x\nstates: { a: {} }\n", NULL};
    char paths[3][40], expected[512], *said = NULL;
    const char *files[3];
    size_t size = 0;
    struct diag diag;
    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/tmp/stagecoach-wrong-XXXXXX");
        int fd = mkstemp(paths[i]);
        assert_true(fd >= 0);
        if (texts[i])
            assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        close(fd);
        files[i] = paths[i];
    }
    diag_init(&diag);
    struct rules_options options = {.files = files, .file_count = 3};
    assert_null(rules_load(&options, &diag));
    FILE *memory = open_memstream(&said, &size);
    diag_print(&diag, memory);
    fclose(memory);
    diag_fini(&diag);
    snprintf(expected, sizeof(expected),
             "%s:3:26: there is no state 'c' in this machine\n"
             "%s:1:10: there are two machines named 'm'\n"
             "%s:2:10: there is no state 'x' in this machine\n"
             "%s:1:1: the file is empty\n",
             paths[0], paths[1], paths[1], paths[2]);
    /* Files stand in the order in which something was first said of them. */
    for (char *line = strtok(expected, "\n"); line; line = strtok(NULL, "\n"))
        assert_non_null(strstr(said, line));
    for (int i = 0; i < 3; i++)
        remove(paths[i]);
    free(said);
}

/* What is too large gets a limit, not a crash: 10,000 states, an expression of 1 MB, 300 variables, 100 timers. */
static void test_limits(void **state)
{
    char *text = malloc(4u << 20), *to = text, *said;
    (void)state;
    assert_non_null(text);
    to += sprintf(to, "machine: m\ninitial: s1\nstates:\n");
    for (int i = 0; i < 10000; i++)
        to += sprintf(to, "  s%d: {}\n", i);
    said = complaints(text);
    assert_non_null(strstr(said, "4:3: a machine has at most 100 states, this one has 10000\n"));
    free(said);

    to = text + sprintf(text, "machine: m\ninitial: s100\non: { go: s100, look: s102 }\nstates:\n");
    for (int i = 0; i <= 100; i++)
        to += sprintf(to, "  s%d: {}\n", i);
    said = complaints(text);
    assert_string_equal(said, "3:23: there is no state 's102': did you mean 's10'?\n"
                              "5:3: a machine has at most 100 states, this one has 101\n");
    free(said);

    to = text + sprintf(text, "machine: m\ndata: { x: '1");
    for (int i = 0; i < 500000; i++)
        to += sprintf(to, "+1");
    sprintf(to, "' }\ninitial: a\nstates: { a: {} }\n");
    said = complaints(text);
    assert_true(strncmp(said, "2:", 2) == 0);
    free(said);

    to = text + sprintf(text, "machine: m\ninitial: a\nstates: { a: {} }\ncontext:\n");
    for (int i = 0; i < 300; i++)
        to += sprintf(to, "  v%d: int\n", i);
    said = complaints(text);
    assert_string_equal(said, "261:3: a machine has at most 256 variables\n");
    free(said);

    to = text + sprintf(text, "machine: m\ninitial: a\nstates:\n  b: {}\n  a:\n    after:\n");
    for (int i = 0; i < 100; i++)
        to += sprintf(to, "      %ds: { guard: now == entered, target: b }\n", i + 1);
    said = complaints(text);
    assert_non_null(strstr(said, "71:7: a state has at most 64 timers\n"));
    free(said);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_mistake_is_said_with_its_place),
        cmocka_unit_test(test_a_wrong_constant_is_named),
        cmocka_unit_test(test_all_files_in_one_run),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
