/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_words.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "bound.h"

#define LINE_SIZE 320

static const char *const meanings[WAKEUP_TERMS] = {
    [WAKEUP_TOLD] = "the guest set its timer for later than the program asked",
    [WAKEUP_TICK] = "Ontime looks at this VM's timer at its periodic tick only",
    [WAKEUP_PATH] = "until EL2 handled the comparator's interrupt",
    [WAKEUP_DEADLINES] = "EL2 handled deadlines of others first",
    [WAKEUP_MOVED] = "on the way to another CPU",
    [WAKEUP_URGENT] = "urgent work of others went first",
    [WAKEUP_DENIED] = "the deadline did not put it first, and others ran",
    [WAKEUP_CUT] = "its warp had been ended by its limit, and others ran",
    [WAKEUP_TURN] = "others had their turn, and nothing made it urgent",
    [WAKEUP_SWITCH] = "the switch to it, until the guest was entered",
    [WAKEUP_GUEST] = "the guest had the core",
    [WAKEUP_WAITS] = "the guest itself waited for another interrupt",
};

const char *explain_term(enum wakeup_term term)
{
    return meanings[term];
}

const char *explain_name(const struct trace_dump *trace, uint16_t vcpu, char buffer[EXPLAIN_NAME_SIZE])
{
    const char *name = trace_dump_vcpu_name(trace, vcpu);

    if (name != NULL)
        return name;
    (void)snprintf(buffer, EXPLAIN_NAME_SIZE, "vcpu%u", vcpu);
    return buffer;
}

static double us(const struct trace_view *view, uint64_t ticks)
{
    return (double)trace_dump_ns(view->trace, ticks) / 1000;
}

/* --- What happened when. --- */

struct moment {
    uint64_t time;
    char text[LINE_SIZE];
};

struct moments {
    struct moment list[16];
    size_t count;
};

/* Keeps them in order of time; those of the same time in the order in which they are added. */
static void add(struct moments *moments, uint64_t time, const char *text)
{
    size_t place = moments->count;

    if (time == WAKEUP_NEVER || moments->count == sizeof(moments->list) / sizeof(moments->list[0]))
        return;
    for (; place > 0 && moments->list[place - 1].time > time; place--)
        moments->list[place] = moments->list[place - 1];
    moments->list[place].time = time;
    (void)snprintf(moments->list[place].text, LINE_SIZE, "%s", text);
    moments->count++;
}

static void add_end_of_warp(struct moments *moments, const struct wakeup *wakeup)
{
    static const char *const ends[] = {
        [ONTIME_WARP_END_DONE] = "the guest says that the work is done: it is not urgent any more",
        [ONTIME_WARP_END_BLOCKED] = "the guest waits for an interrupt, which ends its urgent work",
        [ONTIME_WARP_END_LIMIT] = "its urgent work has reached the limit, and goes on as other work does",
        [ONTIME_WARP_END_RESET] = "its vCPU is switched off or reset",
        [ONTIME_WARP_END_MOVED] = "it goes to another CPU, where it is urgent again",
    };

    if (wakeup->warp_end != WAKEUP_NEVER && wakeup->warp_reason < sizeof(ends) / sizeof(ends[0]))
        add(moments, wakeup->warp_end, ends[wakeup->warp_reason]);
}

static void add_cause(struct moments *moments, const struct wakeup *wakeup)
{
    add(moments, wakeup->fired,
        wakeup->by_interrupt ? "EL2 notes the interrupt that warps it"
        : wakeup->in_place   ? "EL2 notices that the deadline is there, with the guest in place"
                             : "EL2 handles the comparator's interrupt for the deadline");
    add(moments, wakeup->warp_begin, "its work becomes urgent");
}

/* The times at which others took the core from it. */
static void add_losses(const struct trace_view *view, struct moments *moments, const struct wakeup *wakeup)
{
    for (size_t i = 1; i < wakeup->count; i++) {
        const struct stretch *one = &wakeup->stretches[i];
        char name[EXPLAIN_NAME_SIZE], text[LINE_SIZE];

        if (one->who == wakeup->vcpu || wakeup->stretches[i - 1].who == one->who)
            continue;
        (void)snprintf(text, sizeof(text), "%s%s has the core, for %.1f us",
                       explain_name(view->trace, one->who, name), one->urgent ? ", urgent," : "",
                       us(view, one->to - one->from));
        add(moments, one->from, text);
    }
}

static void print_moments(FILE *file, const struct trace_view *view, const struct wakeup *wakeup)
{
    struct moments moments = {.count = 0};

    if (wakeup->sleep != NULL) {
        add(&moments, wakeup->sleep->start, "the program calls");
        add(&moments, wakeup->due, "the sleep is over, as the program asked");
        if (wakeup->timer != WAKEUP_NEVER)
            add(&moments, wakeup->timer, "the guest's timer is set for this time");
        add(&moments, wakeup->end, "the program's call has returned");
    } else {
        add(&moments, wakeup->due, wakeup->by_interrupt ? "the interrupt comes" : "the timer's time");
    }
    add_cause(&moments, wakeup);
    add(&moments, wakeup->entered, "the guest is entered");
    add(&moments, wakeup->pending, "its timer interrupt is pending in the guest");
    add_end_of_warp(&moments, wakeup);
    add_losses(view, &moments, wakeup);
    fputs("\n   us from due\n", file);
    for (size_t i = 0; i < moments.count; i++) {
        uint64_t time = moments.list[i].time;
        bool before = time < wakeup->due;

        fprintf(file, "  %12.1f  %s\n", before ? -us(view, wakeup->due - time) : us(view, time - wakeup->due),
                moments.list[i].text);
    }
}

/* --- What the lateness is made of. --- */

/* The others that had the core in the stretches of a term, each with its time: "; matmul.0 712.3". */
static void print_who(FILE *file, const struct trace_view *view, const struct wakeup *wakeup,
                      enum wakeup_term term)
{
    for (size_t i = 0; i < wakeup->late_count; i++) {
        uint16_t who = wakeup->stretches[i].who;
        uint64_t sum = 0;
        bool counted = false;

        for (size_t k = 0; k < wakeup->late_count; k++) {
            const struct stretch *one = &wakeup->stretches[k];

            if (one->term != term || one->who != who)
                continue;
            counted = counted || k < i;
            sum += one->to - one->from;
        }
        if (sum != 0 && !counted && who != wakeup->vcpu) {
            char name[EXPLAIN_NAME_SIZE];

            fprintf(file, "; %s %.1f", explain_name(view->trace, who, name), us(view, sum));
        }
    }
}

static void print_terms(FILE *file, const struct trace_view *view, const struct wakeup *wakeup)
{
    fprintf(file, "\nThe %.1f us are\n", us(view, wakeup->end - wakeup->due));
    for (unsigned i = 0; i < WAKEUP_TERMS; i++) {
        if (wakeup->sums[i] == 0)
            continue;
        fprintf(file, "  %10.1f  %-9s  %s", us(view, wakeup->sums[i]), wakeup_term_name((enum wakeup_term)i),
                meanings[i]);
        print_who(file, view, wakeup, (enum wakeup_term)i);
        if (i == WAKEUP_GUEST && wakeup->exits != 0)
            fprintf(file, ", with %u exit%s to EL2", wakeup->exits, wakeup->exits != 1 ? "s" : "");
        fputs("\n", file);
    }
}

/* --- The bound. --- */

static const struct vm_config *vm_of(const struct trace_view *view, uint16_t vcpu,
                                     const struct system_config *system)
{
    for (unsigned i = 0; system != NULL && i < system->vm_count; i++)
        if (wakeup_is_of(view->trace, vcpu, system->vms[i].name))
            return &system->vms[i];
    return NULL;
}

static void print_term(FILE *file, const struct trace_view *view, const char *name, uint64_t bound,
                       uint64_t found)
{
    fprintf(file, "  %-10s %8" PRIu64 " %10.1f\n", name, bound, us(view, found));
}

static void print_bound(FILE *file, const struct trace_view *view, const struct wakeup *wakeup,
                        const struct system_config *system, const struct vm_config *vm, double ns)
{
    struct bound bound;

    if (vm == NULL || vm_config_vcpus_on(vm, wakeup->cpu) == 0) {
        fputs("\nThe system file has no such vCPU on this CPU: it is of another run.\n", file);
        return;
    }
    bound = bound_of(system, vm, wakeup->cpu, ns);
    if (!bound.exists) {
        fprintf(file, "\nThe system file promises no bound for it: %s.\n", bound.why_not);
        return;
    }
    fprintf(file,
            "\nThe bound is %" PRIu64 " us from the deadline to the entry, for a VM within its share:\n"
            "  term       at most        here\n",
            bound.total);
    print_term(file, view, "path", bound.path, wakeup->sums[WAKEUP_PATH]);
    print_term(file, view, "deadlines", bound.deadlines, wakeup->sums[WAKEUP_DEADLINES]);
    print_term(file, view, "switch", bound.switching, wakeup->sums[WAKEUP_SWITCH]);
    print_term(file, view, "warped", bound.warped, wakeup->sums[WAKEUP_URGENT]);
    if (bound.message_count != 0)
        fprintf(file, "  %-10s %8" PRIu64 "   in path and switch, if at all\n", "others",
                bound.messages + bound.locks + bound.console);
    if (bound.moved != 0)
        print_term(file, view, "moved", bound.moved, wakeup->sums[WAKEUP_MOVED]);
}

/* --- What to change. --- */

struct advice_for {
    const struct system_config *system; /* or NULL */
    const struct vm_config *vm;         /* or NULL */
    const char *its, *other;            /* the VM, and the vCPU that had the core instead */
    const char *other_vm;
};

static bool has_policy(const struct advice_for *of, const char *name)
{
    return of->system != NULL && strcmp(of->system->scheduler, name) == 0;
}

static void advise_on_urgent(FILE *file, const struct advice_for *of)
{
    if (has_policy(of, "bvt"))
        fprintf(file, "A smaller warp-limit-us for %s makes its urgent work shorter", of->other_vm);
    else
        fprintf(file,
                "A larger weight for %s makes its work due earlier, and a smaller weight for %s makes that\n"
                "one's due later",
                of->its, of->other_vm);
    fprintf(file,
            "; with another CPU in `cpus` the two do not\nmeet at all. The bound's term is `warped`.\n");
}

static void advise_on_denied(FILE *file, const struct advice_for *of)
{
    if (has_policy(of, "bvt"))
        fprintf(
            file,
            "%s had used up what its warps may borrow: a larger weight, a larger warp-us, or unwarp-us =\n"
            "<0> lets it be first.\n",
            of->its);
    else if (has_policy(of, "cbs") || of->system == NULL)
        fprintf(
            file,
            "%s has had more urgent work lately than its share: a larger weight, or less work a deadline.\n"
            "With bursts that its share covers in the long run, a larger horizon-us.\n",
            of->its);
    else
        fprintf(file, "scheduler = \"%s\" does not put a deadline first: \"cbs\" does.\n",
                of->system->scheduler);
}

static void advise_on_cut(FILE *file, const struct advice_for *of)
{
    if (has_policy(of, "bvt"))
        fprintf(
            file,
            "The work takes longer than warp-limit-us of %s allows: a larger one, or scheduler = \"cbs\".\n",
            of->its);
    else
        fprintf(file,
                "The work used up the share of %s over horizon-us: a larger weight, a larger horizon-us, or "
                "less\n"
                "work at a deadline.\n",
                of->its);
}

static void advise_on_turn(FILE *file, const struct advice_for *of)
{
    if (of->vm != NULL && of->vm->timers == TIMERS_PRECISE)
        fprintf(file,
                "%s was not told of this timer: the program has to run under `ontime run`, with the module "
                "loaded "
                "in\nthe guest. If it was, the work was not urgent any more by then: see the end of the warp "
                "above.\n",
                of->its);
    else if (of->vm != NULL && of->vm->timers == TIMERS_SNOOP)
        fprintf(
            file,
            "The guest was busy when its timer expired, and with timers = \"snoop\" Ontime sees timers only\n"
            "of a guest that waits: \"precise\", and `ontime run` in the guest.\n");
    else
        fprintf(file,
                "timers = \"precise\" for %s, with `ontime run` in the guest, makes the timer urgent; "
                "\"snoop\" does\n"
                "for a guest that waits between all it does.\n",
                of->its);
}

static void advise_on_guest(FILE *file, const struct wakeup *wakeup)
{
    fprintf(
        file,
        "Nothing in the system file: the guest had the core, and used it for something else first, such as\n"
        "a tick that was past, work with interrupts masked, or a task of higher priority.");
    if (wakeup->sleep != NULL)
        fprintf(file, " In the guest:\nSCHED_FIFO for the program, and fewer drivers and timers beside it.");
    fputs("\n", file);
}

static void advise(FILE *file, const struct wakeup *wakeup, enum wakeup_term verdict,
                   const struct advice_for *of)
{
    switch (verdict) {
    case WAKEUP_TOLD:
        fputs("Nothing in the system file. In the guest a task of SCHED_OTHER has 50 us of timer slack\n"
              "(PR_SET_TIMERSLACK, or a real-time policy, for less). If it is much more, the vCPU lost the "
              "core\n"
              "between the call and the timer: less work outside deadlines, or a larger weight, makes that "
              "rarer.\n",
              file);
        break;
    case WAKEUP_TICK:
        fprintf(file,
                "timers = \"precise\" (or \"snoop\") for %s: its timers are then served when they expire. A "
                "smaller\n"
                "tick-us makes the wait shorter, at the price of more interrupts.\n",
                of->its);
        break;
    case WAKEUP_PATH:
    case WAKEUP_SWITCH:
        fputs(
            "Little: this is what EL2 itself takes. An observer's marks and dumps, VMs that load, and other\n"
            "CPUs' locks make its stretches longer; a VM that is alone on its CPU needs no switch.\n",
            file);
        break;
    case WAKEUP_DEADLINES:
        fputs("Fewer vCPUs with timers = \"precise\" or \"snoop\" on this CPU (`cpus`): each brings a "
              "deadline that\n"
              "may be reached just before.\n",
              file);
        break;
    case WAKEUP_MOVED:
        fprintf(file, "Without `floating`, and with a CPU in `cpus`, %s does not move.\n", of->its);
        break;
    case WAKEUP_URGENT:
        advise_on_urgent(file, of);
        break;
    case WAKEUP_DENIED:
        advise_on_denied(file, of);
        break;
    case WAKEUP_CUT:
        advise_on_cut(file, of);
        break;
    case WAKEUP_TURN:
        advise_on_turn(file, of);
        break;
    case WAKEUP_GUEST:
        advise_on_guest(file, wakeup);
        break;
    default:
        fputs("Nothing in the system file: the guest gave the core away, and waited for an interrupt other "
              "than\n"
              "this timer's.\n",
              file);
        break;
    }
}

/* "player.0" to "player". */
static const char *vm_name(const struct trace_dump *trace, uint16_t vcpu, char buffer[EXPLAIN_NAME_SIZE])
{
    char other[EXPLAIN_NAME_SIZE];

    (void)snprintf(buffer, EXPLAIN_NAME_SIZE, "%s", explain_name(trace, vcpu, other));
    buffer[strcspn(buffer, ".")] = '\0';
    return buffer;
}

static void print_heading(FILE *file, const struct trace_view *view, const struct wakeup *wakeup)
{
    char name[EXPLAIN_NAME_SIZE];

    fprintf(file, "%s on CPU %u: ", explain_name(view->trace, wakeup->vcpu, name), wakeup->cpu);
    if (wakeup->sleep != NULL)
        fprintf(file, "a sleep of %.1f us", us(view, wakeup->sleep->requested));
    else
        fprintf(file, "%s", wakeup->by_interrupt ? "an interrupt that warps it" : "a timer");
    fprintf(file, ", due at %.3f us of the counter (%" PRIu64 "), was %.1f us late.\n", us(view, wakeup->due),
            wakeup->due, us(view, wakeup->end - wakeup->due));
    if (view->trace->lost != 0)
        fprintf(file, "(The trace has lost %" PRIu64 " older records.)\n", view->trace->lost);
}

void explain_in_words(FILE *file, const struct trace_view *view, const struct wakeup *wakeup,
                      const struct system_config *system, double ns_per_instruction)
{
    enum wakeup_term verdict = wakeup_verdict(wakeup);
    uint16_t who = wakeup_who(wakeup, verdict);
    char its[EXPLAIN_NAME_SIZE], other[EXPLAIN_NAME_SIZE], other_vm[EXPLAIN_NAME_SIZE];
    const struct advice_for of = {
        .system = system,
        .vm = vm_of(view, wakeup->vcpu, system),
        .its = vm_name(view->trace, wakeup->vcpu, its),
        .other = explain_name(view->trace, who, other),
        .other_vm = vm_name(view->trace, who, other_vm),
    };

    print_heading(file, view, wakeup);
    print_moments(file, view, wakeup);
    print_terms(file, view, wakeup);
    fprintf(file, "\nverdict: %s: %s", wakeup_term_name(verdict), meanings[verdict]);
    if (who != wakeup->vcpu && who != ONTIME_TRACE_IDLE)
        fprintf(file, " (%s)", of.other);
    fputs(".\n", file);
    advise(file, wakeup, verdict, &of);
    if (system != NULL)
        print_bound(file, view, wakeup, system, of.vm, ns_per_instruction);
}
