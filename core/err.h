/*
 * core/err.h - what went wrong. The code tells the caller what to do, the text tells a person why.
 * Neither needs an allocation or a global.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

enum err {
    ERR_NONE = 0, /* must stay zero */
    ERR_AGAIN,    /* no room or no answer yet: serve callbacks, then repeat the same call */
    ERR_RETRY,    /* a dependency failed and may heal: back off, redo the batch */
    ERR_FENCED, /* somebody else owns this now, or the outcome is unknown: write nothing, recover */
    ERR_REJECT, /* this input can never pass: dead-letter it and go on */
    ERR_CONFIG, /* wrong usage or configuration: exit code 2 */
    ERR_FATAL,  /* stop without storing offsets; a person has to look */
};

struct errinfo {
    char text[512];
};

/* Fills `info` (which may be NULL) and returns `code`, for `return err_set(...)`. */
enum err err_set(struct errinfo *info, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#endif
