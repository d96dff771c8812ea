/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical interrupts and the comparator. Ontime takes five: the comparator (EL2's physical timer), the
 * guests' virtual timer, the GIC's maintenance interrupt, the console UART, and a kick from another CPU; and
 * those of general-purpose timers that take the comparator's place. All others are for
 * devices/physical_irqs.c.
 */
#include "arch/arm64/vcpu.h"
#include "base/arch.h"
#include "base/units.h"
#include "boot/arch_boot.h"
#include "console/console.h"
#include "devices/dma.h"
#include "devices/physical_irqs.h"
#include "devices/vgic.h"
#include "time/comparator.h"
#include "vm/arch_vm.h"
#include "vm/inbox.h"

#define KICK_SGI       0
#define VIRTUAL_TIMER  VGIC_TIMER
#define EXIT_INTERRUPT 0x100 /* in the trace, plus the INTID */
#define ACKNOWLEDGED   (UINT64_C(1) << 32)
#define INTID_MASK     1023
#define GIC_SPECIAL    1020 /* from here on: no interrupt */

#define PUT_OFF_US 1000

static struct interrupt_numbers numbers;
static struct deadline uart_again;
static uint32_t uart_acknowledged;

/* Takes the UART's interrupt, which was put off and is still active, when it is pending again. */
static void take_uart_again(struct deadline *deadline, uint64_t now)
{
    (void)deadline, (void)now;
    gic->deactivate(uart_acknowledged);
}

/*
 * The UART may interrupt again as soon as it is served, for as long as there is output. That may not hold up
 * urgent work, so it waits while there is any.
 */
static bool put_off_uart(struct cpu *cpu, uint32_t acknowledged)
{
    if (cpu->current == NULL || !cpu->current->unit.warped)
        return false;
    uart_acknowledged = acknowledged;
    deadline_set(&cpu->deadlines, &uart_again, arch_counter() + us_to_ticks(PUT_OFF_US));
    return true;
}

const char *arch_interrupts_init_core(void)
{
    const char *problem = gic->init_cpu();

    if (problem != (void *)0)
        return problem;
    arch_comparator_set(DEADLINE_NONE);
    write_sysreg(cnthp_ctl_el2, CNT_CTL_ENABLE);
    gic->enable(KICK_SGI);
    gic->enable(numbers.comparator);
    gic->enable(VIRTUAL_TIMER);
    gic->enable(numbers.maintenance);
    return (void *)0;
}

const char *arch_interrupts_init(const struct interrupt_numbers *machine)
{
    const char *problem;

    numbers = *machine;
    physical_irq_keep(KICK_SGI);
    physical_irq_keep(numbers.comparator);
    physical_irq_keep(VIRTUAL_TIMER);
    physical_irq_keep(numbers.maintenance);
    if (numbers.uart != 0)
        physical_irq_keep(numbers.uart);
    deadline_init(&uart_again, DEADLINE_OTHER, take_uart_again);
    problem = arch_interrupts_init_core();
    if (problem == (void *)0 && numbers.uart != 0)
        gic->enable(numbers.uart);
    return problem;
}

uint64_t arch_counter_hz(void)
{
    return read_sysreg(cntfrq_el0);
}

void arch_comparator_set(uint64_t deadline)
{
    write_sysreg(cnthp_cval_el2, deadline);
    isb();
}

/* Returns whether the interrupt is to be deactivated. */
static bool handle(struct cpu *cpu, uint32_t intid)
{
    if (intid == numbers.comparator ||
        (cpu->deadlines.timers != NULL && gp_timers_take(cpu->deadlines.timers, intid))) {
        deadline_queue_run(&cpu->deadlines, arch_counter());
    } else if (intid == numbers.maintenance) {
        if (cpu->loaded != NULL)
            vgic_refresh(cpu->loaded); /* takes away what asked for it */
    } else if (intid == KICK_SGI) {    /* before the UART, whose number is 0 when it has none */
        cpu_take_messages(cpu);
    } else if (intid == numbers.uart) {
        console_interrupt();
    } else {
        return !physical_irq_came(intid) && !dma_interrupt(intid);
    }
    return true;
}

/* The virtual timer's interrupt was taken at `now`; it stays active until the guest deactivates its own. */
static void trace_guest_timer(const struct vcpu *vcpu, uint64_t now)
{
    cpu_trace_at(vcpu->cpu, now, ONTIME_TRACE_GUEST_TIMER, vcpu, now - read_sysreg(cntv_cval_el0));
}

static void handle_one(struct cpu *cpu, uint32_t acknowledged)
{
    uint32_t intid = acknowledged & INTID_MASK;

    gic->end(acknowledged);
    if (intid == VIRTUAL_TIMER && cpu->loaded != NULL) {
        trace_guest_timer(cpu->loaded, arch_counter());
        vgic_timer_fired(cpu->loaded);
        return;
    }
    if (numbers.uart != 0 && intid == numbers.uart && put_off_uart(cpu, acknowledged))
        return;
    if (handle(cpu, intid))
        gic->deactivate(acknowledged);
}

static void trace_interrupt(struct cpu *cpu, const struct vcpu *vcpu, uint64_t now, uint32_t acknowledged)
{
    cpu_trace_at(cpu, now, ONTIME_TRACE_EXIT, vcpu, EXIT_INTERRUPT + (acknowledged & INTID_MASK));
}

/* Both records of the quick path. */
static void trace_timer_exit(const struct vcpu *vcpu, uint64_t now)
{
    struct trace_ring *ring = &vcpu->cpu->trace;
    struct ontime_trace_record *slots = atomic_load_explicit(&ring->open, memory_order_relaxed);
    uint64_t index = atomic_load_explicit(&ring->written, memory_order_relaxed);

    if (slots == NULL)
        return;
    trace_put(ring, slots, index, now, ONTIME_TRACE_EXIT, vcpu->id, EXIT_INTERRUPT + VIRTUAL_TIMER);
    trace_put(ring, slots, index + 1, now, ONTIME_TRACE_GUEST_TIMER, vcpu->id,
              now - read_sysreg(cntv_cval_el0));
}

/* The guest's own timer in the usual case; all else is for exit_interrupt(). */
static inline uint64_t take_quickly(struct vcpu *vcpu)
{
    uint32_t acknowledged = gic->acknowledge();
    uint64_t now = exit_instant();

    if (acknowledged != VIRTUAL_TIMER)
        return ACKNOWLEDGED | acknowledged;
    if (!vgic_present_timer(vcpu))
        return ACKNOWLEDGED | VIRTUAL_TIMER;
    gic->end(VIRTUAL_TIMER);
    trace_timer_exit(vcpu, now);
    if (precise_has_backlog(&vcpu->precise))
        precise_timer_fired(&vcpu->precise, &vcpu->cpu->lead, read_sysreg(cntv_cval_el0),
                            (read_sysreg(spsr_el2) & SPSR_M) == SPSR_M_EL0T);
    return 0;
}

uint64_t exit_interrupt_quick(struct vcpu *vcpu)
{
    vcpu->exits[ONTIME_EXIT_INTERRUPT]++;
    return take_quickly(vcpu);
}

void arch_interrupt_take(struct vcpu *vcpu)
{
    uint64_t acknowledged = take_quickly(vcpu);

    if (acknowledged != 0)
        exit_interrupt(vcpu, acknowledged);
}

void exit_interrupt(struct vcpu *vcpu, uint64_t acknowledged)
{
    uint32_t interrupt = (uint32_t)acknowledged;

    if ((interrupt & INTID_MASK) >= GIC_SPECIAL)
        return;
    trace_interrupt(vcpu->cpu, vcpu, exit_instant(), interrupt);
    handle_one(vcpu->cpu, interrupt);
}

static bool is_pending(void)
{
    return (read_sysreg(isr_el1) & (ISR_EL1_I | ISR_EL1_F)) != 0;
}

/*
 * One interrupt. False when there is none any more, or it was a kick: the next may be there already, as often
 * as another core sends one, and the dispatcher is to act on the interrupts before it.
 */
static __attribute__((noinline)) bool handle_pending(struct cpu *cpu)
{
    uint32_t acknowledged = gic->acknowledge();

    if ((acknowledged & INTID_MASK) >= GIC_SPECIAL)
        return false;
    trace_interrupt(cpu, cpu->current, arch_counter(), acknowledged);
    handle_one(cpu, acknowledged);
    return (acknowledged & INTID_MASK) != KICK_SGI;
}

void arch_interrupts_handle(void)
{
    while (is_pending() && !cpu_switch_is_urgent(arch_cpu()) && handle_pending(arch_cpu()))
        ;
}

void arch_wait_for_interrupt(void)
{
    dsb(sy);
    __asm__ volatile("wfi" : : : "memory");
}

bool arch_wait_until(uint64_t when)
{
    do {
        /* Many looks for one at the clock, so that what is waited for is seen soon. */
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++)
            if (is_pending())
                return false;
    } while (arch_counter() < when);
    return true;
}

void arch_cpu_kick(unsigned index)
{
    gic->send_kick(index);
}
