/* SPDX-License-Identifier: GPL-2.0 */
/* Telling Ontime each CPU's first deadline, see tell.c. */
#ifndef ONTIME_TELL_H
#define ONTIME_TELL_H

#include <linux/percpu.h>
#include <linux/types.h>

struct deadline_page;

struct tell {
    u64 told; /* the deadline that Ontime knows of, or ONTIME_NO_DEADLINE */
    struct deadline_page *page;
    bool on;
    u64 vcpu; /* Ontime's number of this CPU's vCPU */
    u64 calls, done;
};

DECLARE_PER_CPU(struct tell, tells);

/*
 * Begins to tell, with no deadline yet. has_pages: Ontime has ONTIME_FEATURE_PAGE. tell_stop withdraws what
 * was told.
 */
int tell_start(bool has_pages);
void tell_stop(void);

/* How many CPUs tell by page; the others tell by calls. */
unsigned int tell_pages(void);

void tell_anew(u64 first, bool idles);

/* Does this CPU's page say that it is warped? Interrupts are off. */
bool tell_is_warped(void);

/* This CPU's warp is for nothing. `next` is as in hypercall_done(). */
void tell_in_vain(u64 next);

/*
 * Tells Ontime, by that CPU's page, whether work is on its way to a CPU: true before the CPU can see the
 * work, false when it has, or when the work does not go there. Interrupts are off.
 */
void tell_on_its_way(unsigned int cpu, bool on_its_way);

/* Tells Ontime that the work of a deadline goes on on another CPU, which can see it. Interrupts are off. */
void tell_handed_on(unsigned int cpu);

/*
 * Tells Ontime this CPU's first deadline, unless Ontime knows it already. idles: the CPU goes idle next.
 * Interrupts are off.
 */
static __always_inline void tell_first(u64 first, bool idles)
{
    if (unlikely(first != __this_cpu_read(tells.told)))
        tell_anew(first, idles);
}

#endif
