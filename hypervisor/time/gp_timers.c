/* SPDX-License-Identifier: Apache-2.0 */
/*
 * General-purpose timers for a deadline queue: who has which, and the conversion from the counter to a
 * timer's clock.
 *
 * The timers are compared with the queue as a whole after each of its changes. That takes a step for each
 * urgent deadline and timer: there are few of either, and no change can be forgotten. A timer is written only
 * when its instant has changed.
 */
#include "time/gp_timers.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/units.h"

#define LEARN_US  1000
#define NARROW_US 100     /* where the counter has 16 bits or less, so that it does not wrap */
#define ROUND_HZ  100000u /* clocks are multiples of that, */
#define ROUND_PER 1000u   /* if they seem to be so within a thousandth */
#define MOST_HZ   1000000000u

/*
 * The clock's frequency from `ticks` of it in `span` ticks of the counter, one of either more or less; 0: it
 * will not do.
 */
static uint32_t frequency_of(uint32_t ticks, uint64_t span)
{
    uint64_t hz = (ticks * arch_counter_hz() + span / 2) / span;
    uint64_t round = (hz + ROUND_HZ / 2) / ROUND_HZ * ROUND_HZ;
    uint64_t off = hz > round ? hz - round : round - hz;

    if (off <= hz / ROUND_PER)
        hz = round;
    return hz >= GP_TIMER_LEAST_HZ && hz <= MOST_HZ ? (uint32_t)hz : 0;
}

bool gp_timer_start(struct gp_timer *timer)
{
    unsigned width;
    uint64_t start, span;
    uint32_t ticks;

    timer->set_for = GP_TIMER_OFF;
    timer->owner = NULL;
    timer->driver->init(timer->base, timer->index);
    width = timer->driver->width(timer->base, timer->index);
    timer->most = UINT32_C(1) << (width - 1);
    start = arch_counter();
    ticks = timer->driver->read(timer->base, timer->index);
    do
        span = arch_counter() - start;
    while (span < us_to_ticks(width <= 16 ? NARROW_US : LEARN_US));
    ticks = timer->driver->read(timer->base, timer->index) - ticks;
    timer->hz = frequency_of(ticks & (2 * (timer->most - 1) + 1), span);
    if (timer->hz == 0)
        return false;
    timer->most_counter = (timer->most - 2) * arch_counter_hz() / timer->hz;
    return true;
}

/* How many of its own ticks from now on the timer is set to. */
static uint32_t ticks_until(const struct gp_timer *timer, uint64_t when)
{
    uint64_t now = arch_counter();

    if (when <= now)
        return 1;
    if (when - now >= timer->most_counter)
        return timer->most;
    return (uint32_t)gp_timer_convert(when - now, timer->hz, arch_counter_hz()) + 1;
}

static void set(struct gp_timer *timer, uint64_t when)
{
    if (when == timer->set_for)
        return;
    timer->set_for = when;
    if (when == GP_TIMER_OFF)
        timer->driver->off(timer->base, timer->index);
    else
        timer->driver->set(timer->base, timer->index, ticks_until(timer, when));
}

/* The timer that has this owner, NULL: one that has none. Returns 0 when there is none. */
static unsigned find(const struct gp_timers *timers, const struct heap_node *owner)
{
    for (unsigned i = 1; i < timers->count; i++)
        if (timers->timers[i].owner == owner)
            return i;
    return 0;
}

/* Takes the timers from deadlines that are not armed any more. */
static void release(struct gp_timers *timers, const struct heap *urgent)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < urgent->count; i++)
        kept |= 1u << find(timers, urgent->slots[i]);
    for (unsigned i = 1; i < timers->count; i++)
        if ((kept >> i & 1) == 0)
            timers->timers[i].owner = NULL;
}

/* Returns the first instant of those that have found no timer. */
static uint64_t give_out(struct gp_timers *timers, const struct heap *urgent)
{
    uint64_t shared = GP_TIMER_OFF;

    for (unsigned i = 0; i < urgent->count; i++) {
        struct heap_node *node = urgent->slots[i];
        unsigned own = find(timers, node);

        if (own == 0)
            own = find(timers, NULL);
        if (own != 0)
            timers->timers[own].owner = node;
        else if (node->key < shared)
            shared = node->key;
    }
    return shared;
}

void gp_timers_program(struct gp_timers *timers, const struct heap *urgent, uint64_t other)
{
    uint64_t shared;

    release(timers, urgent);
    shared = give_out(timers, urgent);
    set(&timers->timers[0], shared < other ? shared : other);
    for (unsigned i = 1; i < timers->count; i++) {
        struct gp_timer *timer = &timers->timers[i];

        set(timer, timer->owner != NULL ? timer->owner->key : GP_TIMER_OFF);
    }
}

bool gp_timers_take(struct gp_timers *timers, uint32_t intid)
{
    for (unsigned i = 0; i < timers->count; i++)
        if (timers->timers[i].intid == intid) {
            set(&timers->timers[i], GP_TIMER_OFF);
            return true;
        }
    return false;
}
