/*
 * core/check.h - our own broken promises. Stays on in release builds: a wrong offset must never be
 * stored.
 */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

_Noreturn void check_failed(const char *condition, const char *file, int line);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
#endif
