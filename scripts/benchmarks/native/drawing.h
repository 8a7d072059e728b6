/* What both load generators need: random numbers, the time, and an end with a message. */
#ifndef FAILOVERDNS_DRAWING_H
#define FAILOVERDNS_DRAWING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t state = 0x9e3779b97f4a7c15u;

/* Return the next random number (xorshift64): quick, and the same in every run. */
static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Return the time of a monotonic clock in nanoseconds. */
static int64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000ll + at.tv_nsec;
}

/* End with a message. */
static void fail(const char *program, const char *why)
{
    fprintf(stderr, "%s: %s\n", program, why);
    exit(2);
}

#endif
