/*
 * consumer/hint.h - what the compiler can't know about the decoder's way: which branch the usual event takes.
 *
 * The usual way then lies close together and straight ahead, which matters more than single instructions: without, one
 * order of linking differed from another by a fifth of stagecoach-bench decode; with it all are at the better end.
 */
#ifndef CONSUMER_HINT_H
#define CONSUMER_HINT_H

#define LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define ALIGNED __attribute__((aligned(64))) /* begins a cache line, so that links differ less */

#define INLINE inline __attribute__((always_inline)) /* part of the usual way */
#define RARE   __attribute__((noinline))             /* kept out of it */
#endif
