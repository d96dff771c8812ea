/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See wakeup.h. First the wake-up is chosen, then the records that belong to it are looked for, and at last
 * the trace is followed from its beginning: who has each core, who is urgent, and what the wake-up's vCPU is
 * doing. Between two records nothing of that changes, so each such piece belongs to one term.
 */
#include "wakeup.h"
#include <stdlib.h>
#include <string.h>

/* For how long before it is due a record may be of a wake-up: the comparator fires early by no more. */
#define EARLY_US 300

#define NAME_OF(name, text, bound)  (text),
#define BOUND_OF(name, text, bound) (bound),

const char *wakeup_term_name(enum wakeup_term term)
{
    static const char *const names[] = {WAKEUP_TERM_LIST(NAME_OF)};

    return names[term];
}

const char *wakeup_term_of_bound(enum wakeup_term term)
{
    static const char *const names[] = {WAKEUP_TERM_LIST(BOUND_OF)};

    return names[term];
}

bool wakeup_is_of(const struct trace_dump *trace, uint16_t vcpu, const char *vm)
{
    const char *name = vcpu != ONTIME_TRACE_IDLE ? trace_dump_vcpu_name(trace, vcpu) : NULL;
    size_t length;

    if (name == NULL)
        return false;
    if (vm == NULL)
        return true;
    length = strlen(vm);
    return strncmp(name, vm, length) == 0 && name[length] == '.';
}

static uint64_t us(const struct trace_view *view, uint64_t count)
{
    return view->trace->hz * count / 1000000;
}

/* How far two times of one timer may be apart: it is read, converted and written in between. */
static bool is_near(const struct trace_view *view, uint64_t one, uint64_t other)
{
    uint64_t distance = one > other ? one - other : other - one;

    return distance <= us(view, 3);
}

static uint64_t earliest_of(const struct trace_view *view, uint64_t due)
{
    return due > us(view, EARLY_US) ? due - us(view, EARLY_US) : 0;
}

/* The number of the first record at that time or after. */
static size_t first_from(const struct trace_view *view, uint64_t time)
{
    size_t low = 0, high = view->trace->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (view->trace->records[middle].counter < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The time of which a record says how long ago it was. */
static uint64_t time_told(const struct ontime_trace_record *record)
{
    return record->arg == ONTIME_TRACE_ARG_MAX ? WAKEUP_NEVER : record->counter - record->arg;
}

/* --- The choice. --- */

struct candidate {
    size_t index; /* the record that ends it, when there is no sleep */
    const struct sleep_entry *sleep;
    uint64_t due, end;
};

struct search {
    enum wakeup_choice choice;
    uint64_t at;
    bool found;
    struct candidate best;
};

static uint64_t lateness(const struct candidate *one)
{
    return one->end > one->due ? one->end - one->due : 0;
}

static void consider(struct search *search, const struct candidate *one)
{
    const struct candidate *best = &search->best;
    bool better = !search->found;

    if (search->choice == WAKEUP_AT) {
        if (one->end < search->at)
            return;
        better = better || one->end < best->end;
    } else if (search->choice == WAKEUP_LAST) {
        better = better || one->end >= best->end;
    } else {
        better = better || lateness(one) > lateness(best);
    }
    if (better)
        search->best = *one;
    search->found = true;
}

/* The records go back to different times on each CPU: from the latest of these on, all are there. */
static uint64_t covered_from(const struct trace_view *view)
{
    bool seen[WAKEUP_MAX_CPUS] = {false};
    uint64_t from = 0;

    for (size_t i = 0; i < view->trace->count; i++) {
        unsigned cpu = view->cpus[i];

        if (cpu < WAKEUP_MAX_CPUS && !seen[cpu] && view->trace->lost != 0)
            from = view->trace->records[i].counter;
        if (cpu < WAKEUP_MAX_CPUS)
            seen[cpu] = true;
    }
    return from;
}

static void consider_sleeps(const struct trace_view *view, const struct sleeps *sleeps, const char *vm,
                            struct search *search)
{
    uint64_t from = covered_from(view);
    uint64_t until = view->trace->records[view->trace->count - 1].counter;

    if (from < view->trace->records[0].counter)
        from = view->trace->records[0].counter;
    for (size_t i = 0; i < sleeps->count; i++) {
        const struct sleep_entry *sleep = &sleeps->list[i];
        const struct candidate one = {.sleep = sleep, .due = sleep_due(sleep), .end = sleep->end};

        if ((vm == NULL || strcmp(vm, sleep->vm) == 0) && one.due >= from && one.end <= until)
            consider(search, &one);
    }
}

/* The VMs whose timers are precise or snooped have records of their entries; of others the timer itself is
 * taken. */
static bool has_entries(const struct trace_view *view, uint16_t vcpu)
{
    for (size_t i = 0; i < view->trace->count; i++)
        if (view->trace->records[i].type == ONTIME_TRACE_TIMER_ENTERED &&
            view->trace->records[i].vcpu == vcpu)
            return true;
    return false;
}

static void consider_timers(const struct trace_view *view, const char *vm, struct search *search)
{
    const struct trace_dump *trace = view->trace;
    uint16_t count = (uint16_t)trace->name_count;
    uint64_t from = covered_from(view);

    for (uint16_t vcpu = 0; vcpu < count; vcpu++) {
        uint16_t type = has_entries(view, vcpu) ? ONTIME_TRACE_TIMER_ENTERED : ONTIME_TRACE_GUEST_TIMER;

        if (!wakeup_is_of(trace, vcpu, vm))
            continue;
        for (size_t i = 0; i < trace->count; i++) {
            const struct ontime_trace_record *record = &trace->records[i];
            const struct candidate one = {.index = i, .due = time_told(record), .end = record->counter};

            if (record->type == type && record->vcpu == vcpu && one.due != WAKEUP_NEVER && one.due >= from)
                consider(search, &one);
        }
    }
}

/* --- What belongs to it. --- */

/* The last record of that type and vCPU before record `at` that is not before a time; `at` if there is none.
 */
static size_t last_before(const struct trace_view *view, size_t at, uint64_t from, uint16_t vcpu,
                          uint16_t type)
{
    for (size_t i = at; i > 0 && view->trace->records[i - 1].counter >= from; i--)
        if (view->trace->records[i - 1].type == type && view->trace->records[i - 1].vcpu == vcpu)
            return i - 1;
    return at;
}

/*
 * The guest's timer interrupt of a sleep: the one that was set for the earliest time that is not before it is
 * due. When a vCPU comes back, its timer may be set for an earlier time, a tick's, and the interrupt is for
 * both: then it is the last one.
 */
static size_t interrupt_of_sleep(const struct trace_view *view, const struct sleep_entry *sleep)
{
    size_t none = view->trace->count, exact = none, any = none;
    uint64_t due = sleep_due(sleep), best = WAKEUP_NEVER;

    for (size_t i = first_from(view, due); i < none && view->trace->records[i].counter <= sleep->end; i++) {
        const struct ontime_trace_record *record = &view->trace->records[i];
        uint64_t when = time_told(record);

        if (record->type != ONTIME_TRACE_GUEST_TIMER || !wakeup_is_of(view->trace, record->vcpu, sleep->vm))
            continue;
        any = i;
        if (when != WAKEUP_NEVER && when + us(view, 3) >= due && when < best) {
            best = when;
            exact = i;
        }
    }
    return exact != none ? exact : any;
}

uint16_t wakeup_first_vcpu_of(const struct trace_dump *trace, const char *vm)
{
    for (uint16_t vcpu = 0; vcpu < trace->name_count; vcpu++)
        if (wakeup_is_of(trace, vcpu, vm))
            return vcpu;
    return ONTIME_TRACE_IDLE;
}

/* The timer interrupt for the deadline that the guest is entered for at record `entry`. */
static size_t interrupt_of_entry(const struct trace_view *view, size_t entry, uint64_t deadline)
{
    const struct ontime_trace_record *entered = &view->trace->records[entry];
    size_t from = first_from(view, earliest_of(view, entered->counter));

    for (size_t i = from; i < view->trace->count; i++) {
        const struct ontime_trace_record *record = &view->trace->records[i];

        if (record->counter > entered->counter + us(view, 1000) ||
            (i > entry && record->type == ONTIME_TRACE_TIMER_ENTERED && record->vcpu == entered->vcpu))
            break;
        if (record->type != ONTIME_TRACE_GUEST_TIMER || record->vcpu != entered->vcpu ||
            record->arg == ONTIME_TRACE_ARG_MAX)
            continue;
        if (entered->arg != 0 ? is_near(view, time_told(record), deadline)
                              : time_told(record) + us(view, 3) >= entered->counter)
            return i;
    }
    return view->trace->count;
}

/* Goes back from the entry, or the end, to what it was for, but not beyond an earlier entry. */
static void find_cause(const struct trace_view *view, size_t at, uint64_t from, struct wakeup *wakeup)
{
    for (size_t i = at; i > 0 && view->trace->records[i - 1].counter >= from; i--) {
        const struct ontime_trace_record *record = &view->trace->records[i - 1];

        if (record->vcpu != wakeup->vcpu)
            continue;
        if (record->type == ONTIME_TRACE_TIMER_ENTERED)
            return;
        wakeup->denied = wakeup->denied || record->type == ONTIME_TRACE_WARP_DENIED;
        if (record->type == ONTIME_TRACE_TIMER_FIRED || record->type == ONTIME_TRACE_TIMER_IN_PLACE ||
            record->type == ONTIME_TRACE_INTERRUPT) {
            wakeup->fired = record->counter;
            wakeup->in_place = record->type == ONTIME_TRACE_TIMER_IN_PLACE;
            wakeup->by_interrupt = record->type == ONTIME_TRACE_INTERRUPT;
            return;
        }
    }
}

/* The warp under way at the end, or the one that began and ended while it was late. */
static void find_warp(const struct trace_view *view, uint64_t from, struct wakeup *wakeup)
{
    size_t after = first_from(view, wakeup->end + 1);
    size_t begin = last_before(view, after, from, wakeup->vcpu, ONTIME_TRACE_WARP_BEGIN);

    if (begin == after)
        return;
    wakeup->warp_begin = view->trace->records[begin].counter;
    for (size_t i = begin; i < view->trace->count; i++) {
        const struct ontime_trace_record *record = &view->trace->records[i];

        if (record->type == ONTIME_TRACE_WARP_END && record->vcpu == wakeup->vcpu) {
            wakeup->warp_end = record->counter;
            wakeup->warp_reason = record->arg;
            return;
        }
    }
}

static void fill_from_sleep(const struct trace_view *view, const struct candidate *one, struct wakeup *wakeup)
{
    size_t interrupt = interrupt_of_sleep(view, one->sleep);
    size_t after = first_from(view, one->end + 1);
    uint64_t from = earliest_of(view, one->due);
    size_t entry;

    wakeup->vcpu = wakeup_first_vcpu_of(view->trace, one->sleep->vm);
    if (interrupt < view->trace->count) {
        const struct ontime_trace_record *record = &view->trace->records[interrupt];

        wakeup->vcpu = record->vcpu;
        wakeup->pending = record->counter;
        if (time_told(record) != WAKEUP_NEVER && time_told(record) + us(view, 3) >= one->due)
            wakeup->timer = time_told(record);
    }
    entry = last_before(view, after, from, wakeup->vcpu, ONTIME_TRACE_TIMER_ENTERED);
    if (entry != after)
        wakeup->entered = view->trace->records[entry].counter;
    find_cause(view, entry, from, wakeup);
}

static void fill_from_entry(const struct trace_view *view, const struct candidate *one, struct wakeup *wakeup)
{
    const struct ontime_trace_record *record = &view->trace->records[one->index];
    size_t interrupt;

    wakeup->vcpu = record->vcpu;
    wakeup->timer = one->due;
    if (record->type == ONTIME_TRACE_GUEST_TIMER) {
        wakeup->pending = record->counter;
        return;
    }
    wakeup->entered = record->counter;
    find_cause(view, one->index, earliest_of(view, one->due), wakeup);
    interrupt = interrupt_of_entry(view, one->index, one->due);
    if (interrupt == view->trace->count)
        return;
    wakeup->pending = view->trace->records[interrupt].counter;
    wakeup->timer = time_told(&view->trace->records[interrupt]);
    wakeup->due = wakeup->timer;
    if (wakeup->pending > wakeup->end)
        wakeup->end = wakeup->pending;
}

/* --- The stretches. --- */

struct state {
    uint16_t running[WAKEUP_MAX_CPUS];
    bool urgent[ONTIME_TRACE_IDLE + 1];
    uint64_t early; /* ticks by which the comparator may fire early */
    unsigned cpu;   /* of the wake-up's vCPU, which is */
    bool blocked, fired, denied, cut, moving, arriving, placed; /* placed: it has had the core since due */
    bool other_fired;
};

static bool append(struct wakeup *wakeup, const struct stretch *one)
{
    struct stretch *last = wakeup->count != 0 ? &wakeup->stretches[wakeup->count - 1] : NULL;
    struct stretch *list;

    if (one->from >= one->to)
        return true;
    if (last != NULL && last->to == one->from && one->from != wakeup->end && last->term == one->term &&
        last->who == one->who && last->cpu == one->cpu && last->urgent == one->urgent) {
        last->to = one->to;
        return true;
    }
    list = realloc(wakeup->stretches, (wakeup->count + 1) * sizeof(*list));
    if (list == NULL)
        return false;
    wakeup->stretches = list;
    list[wakeup->count++] = *one;
    if (one->to <= wakeup->end)
        wakeup->late_count = wakeup->count;
    return true;
}

/* Why it has to wait, runnable and without the core. */
static enum wakeup_term why_it_waits(const struct state *state, const struct wakeup *wakeup)
{
    bool others_urgent = state->urgent[state->running[state->cpu]];

    if (others_urgent)
        return WAKEUP_URGENT;
    if (state->cut)
        return WAKEUP_CUT;
    if (state->denied)
        return WAKEUP_DENIED;
    if (state->placed || wakeup->fired == WAKEUP_NEVER || state->running[state->cpu] != ONTIME_TRACE_IDLE)
        return WAKEUP_TURN;
    return WAKEUP_SWITCH;
}

static enum wakeup_term term_at(const struct state *state, const struct wakeup *wakeup, uint64_t time,
                                uint64_t tick)
{
    bool expected = wakeup->fired != WAKEUP_NEVER || wakeup->entered != WAKEUP_NEVER;

    if (wakeup->sleep != NULL && wakeup->timer != WAKEUP_NEVER && time < wakeup->timer)
        return WAKEUP_TOLD;
    if (state->moving)
        return WAKEUP_MOVED;
    if (state->running[state->cpu] == wakeup->vcpu)
        return state->arriving ? WAKEUP_SWITCH : WAKEUP_GUEST;
    if (state->placed && state->blocked)
        return WAKEUP_WAITS;
    if (!expected && tick != WAKEUP_NEVER && time < tick)
        return WAKEUP_TICK;
    if (!state->fired && (expected || state->blocked) && !state->placed)
        return state->other_fired ? WAKEUP_DEADLINES : WAKEUP_PATH;
    return why_it_waits(state, wakeup);
}

static bool add_piece(const struct state *state, struct wakeup *wakeup, uint64_t from, uint64_t to,
                      uint64_t tick)
{
    uint16_t who = state->running[state->cpu];
    const struct stretch one = {.from = from,
                                .to = to,
                                .term = term_at(state, wakeup, from, tick),
                                .cpu = state->cpu,
                                .who = who,
                                .urgent = state->urgent[who]};

    return append(wakeup, &one);
}

/* What a record says of the wake-up's vCPU. */
static void follow_its(struct state *state, const struct wakeup *wakeup,
                       const struct ontime_trace_record *record, unsigned cpu)
{
    if (record->type != ONTIME_TRACE_VCPU_MOVED)
        state->cpu = cpu;
    switch (record->type) {
    case ONTIME_TRACE_SWITCH:
        state->blocked = state->denied = state->moving = false;
        state->arriving = wakeup->entered != WAKEUP_NEVER && record->counter <= wakeup->entered;
        state->placed = state->placed || record->counter >= wakeup->due;
        break;
    case ONTIME_TRACE_TIMER_FIRED:
    case ONTIME_TRACE_INTERRUPT:
        state->fired = state->fired || record->counter == wakeup->fired;
        state->blocked = false;
        break;
    case ONTIME_TRACE_VCPU_WOKEN:
        state->blocked = state->moving = false;
        state->fired = state->fired || record->counter + state->early >= wakeup->due;
        break;
    case ONTIME_TRACE_TIMER_ENTERED:
    case ONTIME_TRACE_EXIT:
        state->arriving = false;
        break;
    case ONTIME_TRACE_VCPU_BLOCKED:
        state->blocked = true;
        break;
    case ONTIME_TRACE_WARP_DENIED:
        state->denied = true;
        break;
    case ONTIME_TRACE_WARP_BEGIN:
        state->cut = false;
        break;
    case ONTIME_TRACE_WARP_END:
        state->cut = record->arg == ONTIME_WARP_END_LIMIT;
        break;
    case ONTIME_TRACE_VCPU_MOVED:
        state->moving = true;
        break;
    default:
        break;
    }
}

static void follow(struct state *state, const struct wakeup *wakeup, const struct ontime_trace_record *record,
                   unsigned cpu)
{
    if (record->type == ONTIME_TRACE_SWITCH)
        state->running[cpu] = record->vcpu;
    if (record->type == ONTIME_TRACE_WARP_BEGIN || record->type == ONTIME_TRACE_WARP_END)
        state->urgent[record->vcpu] = record->type == ONTIME_TRACE_WARP_BEGIN;
    if (record->vcpu == wakeup->vcpu)
        follow_its(state, wakeup, record, cpu);
    else if (record->type == ONTIME_TRACE_TIMER_FIRED && cpu == state->cpu && record->counter >= wakeup->due)
        state->other_fired = true;
}

/* Who ran at the beginning: the first switch on each CPU says whom it leaves. */
static void begin_state(const struct trace_view *view, const struct wakeup *wakeup, struct state *state)
{
    bool seen[WAKEUP_MAX_CPUS] = {false};
    bool placed = false;

    state->early = us(view, EARLY_US);
    for (unsigned cpu = 0; cpu < WAKEUP_MAX_CPUS; cpu++)
        state->running[cpu] = ONTIME_TRACE_IDLE;
    for (size_t i = 0; i < view->trace->count; i++) {
        const struct ontime_trace_record *record = &view->trace->records[i];
        unsigned cpu = view->cpus[i];

        if (cpu >= WAKEUP_MAX_CPUS)
            continue;
        if (!placed && record->vcpu == wakeup->vcpu) {
            state->cpu = cpu;
            placed = true;
        }
        if (record->type == ONTIME_TRACE_SWITCH && !seen[cpu]) {
            state->running[cpu] = (uint16_t)record->arg;
            seen[cpu] = true;
        }
    }
}

/* The first tick on that CPU at a time or after, up to another. */
static uint64_t tick_from(const struct trace_view *view, unsigned cpu, uint64_t from, uint64_t until)
{
    for (size_t i = first_from(view, from); i < view->trace->count; i++) {
        if (view->trace->records[i].counter > until)
            break;
        if (view->trace->records[i].type == ONTIME_TRACE_TICK && view->cpus[i] == cpu)
            return view->trace->records[i].counter;
    }
    return WAKEUP_NEVER;
}

/* Where a piece that begins at a time ends: at a boundary of the wake-up's own, or at `to`. */
static uint64_t cut_at(const struct wakeup *wakeup, uint64_t from, uint64_t to, uint64_t tick)
{
    const uint64_t cuts[] = {wakeup->timer, wakeup->end, tick};

    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
        if (cuts[i] > from && cuts[i] < to)
            to = cuts[i];
    return to;
}

/* Of the time from `due` on up to a record, from where it is followed already. */
static bool add_up_to(const struct state *state, struct wakeup *wakeup, uint64_t *followed, uint64_t to,
                      uint64_t tick)
{
    while (*followed < to) {
        uint64_t next = cut_at(wakeup, *followed, to, tick);

        if (!add_piece(state, wakeup, *followed, next, tick))
            return false;
        *followed = next;
    }
    return true;
}

static bool divide(const struct trace_view *view, struct state *state, struct wakeup *wakeup)
{
    uint64_t until =
        wakeup->warp_end != WAKEUP_NEVER && wakeup->warp_end > wakeup->end ? wakeup->warp_end : wakeup->end;
    uint64_t followed = wakeup->due, tick = WAKEUP_NEVER;
    bool begun = false;

    begin_state(view, wakeup, state);
    for (size_t i = 0; i < view->trace->count; i++) {
        const struct ontime_trace_record *record = &view->trace->records[i];
        uint64_t time = record->counter < until ? record->counter : until;

        if (!begun && record->counter > wakeup->due) {
            begun = true;
            wakeup->cpu = state->cpu;
            state->placed = state->running[state->cpu] == wakeup->vcpu;
            state->fired = state->fired || state->placed;
            tick = tick_from(view, state->cpu, wakeup->due, wakeup->end);
        }
        if (!add_up_to(state, wakeup, &followed, time, tick))
            return false;
        if (record->counter > until)
            break;
        wakeup->exits += record->type == ONTIME_TRACE_EXIT && record->vcpu == wakeup->vcpu &&
                         record->counter >= wakeup->due && record->counter <= wakeup->end;
        if (view->cpus[i] < WAKEUP_MAX_CPUS)
            follow(state, wakeup, record, view->cpus[i]);
    }
    if (!add_up_to(state, wakeup, &followed, until, tick))
        return false;
    for (size_t i = 0; i < wakeup->late_count; i++)
        wakeup->sums[wakeup->stretches[i].term] += wakeup->stretches[i].to - wakeup->stretches[i].from;
    return true;
}

int wakeup_find(const struct trace_view *view, const struct sleeps *sleeps, const char *vm,
                enum wakeup_choice choice, uint64_t at, struct wakeup *wakeup)
{
    struct search search = {.choice = choice, .at = at};
    struct state *state;
    bool good;

    *wakeup = (struct wakeup){.timer = WAKEUP_NEVER,
                              .fired = WAKEUP_NEVER,
                              .entered = WAKEUP_NEVER,
                              .pending = WAKEUP_NEVER,
                              .warp_begin = WAKEUP_NEVER,
                              .warp_end = WAKEUP_NEVER};
    if (view->trace->count == 0)
        return 0;
    consider_sleeps(view, sleeps, vm, &search);
    if (!search.found)
        consider_timers(view, vm, &search);
    if (!search.found)
        return 0;
    wakeup->sleep = search.best.sleep;
    wakeup->due = search.best.due;
    wakeup->end = search.best.end > search.best.due ? search.best.end : search.best.due;
    if (wakeup->sleep != NULL)
        fill_from_sleep(view, &search.best, wakeup);
    else
        fill_from_entry(view, &search.best, wakeup);
    find_warp(view, earliest_of(view, wakeup->due), wakeup);
    state = calloc(1, sizeof(*state));
    good = state != NULL && divide(view, state, wakeup);
    free(state);
    if (!good)
        wakeup_free(wakeup);
    return good ? 1 : -1;
}

void wakeup_free(struct wakeup *wakeup)
{
    free(wakeup->stretches);
    wakeup->stretches = NULL;
    wakeup->count = wakeup->late_count = 0;
}

enum wakeup_term wakeup_verdict(const struct wakeup *wakeup)
{
    enum wakeup_term best = WAKEUP_GUEST;

    for (unsigned i = 0; i < WAKEUP_TERMS; i++)
        if (wakeup->sums[i] > wakeup->sums[best])
            best = (enum wakeup_term)i;
    return best;
}

uint16_t wakeup_who(const struct wakeup *wakeup, enum wakeup_term term)
{
    uint16_t best = ONTIME_TRACE_IDLE;
    uint64_t most = 0;

    for (size_t i = 0; i < wakeup->late_count; i++) {
        uint16_t who = wakeup->stretches[i].who;
        uint64_t sum = 0;

        for (size_t k = 0; k < wakeup->late_count; k++)
            if (wakeup->stretches[k].term == term && wakeup->stretches[k].who == who)
                sum += wakeup->stretches[k].to - wakeup->stretches[k].from;
        if (sum > most && who != ONTIME_TRACE_IDLE) {
            most = sum;
            best = who;
        }
    }
    return best;
}
