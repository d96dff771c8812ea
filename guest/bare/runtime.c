// SPDX-License-Identifier: Apache-2.0
/*
 * The runtime's main part: start, exceptions, results, calls to the hypervisor, time, other CPUs.
 */
#include "bare.h"
#include "print.h"
#include "ontime/abi.h"

#define KIND_SYNC         0u
#define KIND_IRQ          1u
#define KIND_SYNC_AARCH32 12u /* from EL0 */

struct frame { /* the registers, as start.S saves them */
    uint64_t x[31];
    uint64_t elr, spsr;
};

void (*volatile on_irq)(void);
bool (*volatile on_debug)(unsigned class, uint64_t *pc, uint64_t *pstate);
static volatile bool fault_armed;
static volatile unsigned fault_count;
static volatile uint64_t fault_esr, fault_far;
static unsigned passed, failed;
static void (*volatile secondary_function[MAX_CPUS])(unsigned cpu);

_Noreturn void guest_start(void);
_Noreturn void secondary_start(unsigned cpu);
void exception(struct frame *frame, unsigned kind);

/* ---- functions that the compiler makes calls to */

void *memset(void *to, int value, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);

void *memset(void *to, int value, size_t size)
{
    for (volatile uint8_t *p = to; size > 0; size--)
        *p++ = (uint8_t)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    const uint8_t *source = from;

    for (volatile uint8_t *p = to; size > 0; size--)
        *p++ = *source++;
    return to;
}

/* ---- results */

void result(bool ok, const char *name, const char *format, ...)
{
    va_list arguments;

    if (ok) {
        passed++;
        print("PASS %s\n", name);
        return;
    }
    failed++;
    va_start(arguments, format);
    print_parts("FAIL ", name, format, &arguments);
    va_end(arguments);
}

void expect_equal(const char *name, uint64_t got, uint64_t wanted)
{
    result(got == wanted, name, ": got 0x%lx, wanted 0x%lx\n", got, wanted);
}

void finish(void)
{
    print("END passed=%u failed=%u\n", passed, failed);
    (void)psci(PSCI_SYSTEM_OFF, 0, 0, 0);
    print("FAIL poweroff: SYSTEM_OFF returned\n");
    irq_disable();
    for (;;)
        wfi();
}

/* ---- exceptions */

static _Noreturn void die(const struct frame *frame, unsigned kind)
{
    result(false, "exception", ": kind %u esr %lx far %lx elr %lx\n", kind, read_sysreg(ESR_EL1),
           read_sysreg(FAR_EL1), frame->elr);
    finish();
}

static void step_over(struct frame *frame)
{
    fault_esr = read_sysreg(ESR_EL1);
    fault_far = read_sysreg(FAR_EL1);
    fault_count++;
    if (fault_esr >> 26 == CLASS_INSTRUCTION)
        frame->elr = frame->x[30];
    else
        frame->elr += 4;
}

void exception(struct frame *frame, unsigned kind)
{
    if (kind == KIND_IRQ && on_irq != NULL)
        on_irq();
    else if (on_debug != NULL && (kind == KIND_SYNC || kind == KIND_SYNC_AARCH32) &&
             on_debug((unsigned)(read_sysreg(ESR_EL1) >> 26), &frame->elr, &frame->spsr))
        ; /* it was a debug exception */
    else if (kind == KIND_SYNC && fault_armed)
        step_over(frame);
    else
        die(frame, kind);
}

void fault_begin(void)
{
    fault_count = 0;
    fault_esr = fault_far = 0;
    fault_armed = true;
}

struct fault fault_end(void)
{
    __asm__ volatile("dsb sy\n\tisb" ::: "memory");
    fault_armed = false;
    return (struct fault){.count = fault_count, .esr = fault_esr, .far = fault_far};
}

void tlb_flush(void)
{
    __asm__ volatile("dsb ish\n\ttlbi vmalle1is\n\tdsb ish\n\tisb" ::: "memory");
}

/* ---- calls to the hypervisor */

struct answer call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
    uint64_t registers[18] = {function, x1, x2, x3};

    hypercall(registers);
    return (struct answer){{registers[0], registers[1], registers[2], registers[3]}};
}

int64_t psci(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
    int64_t x0 = (int64_t)call(function, x1, x2, x3).x[0];

    return (function & 0x40000000) != 0 ? x0 : (int32_t)x0;
}

int64_t psci_by_smc(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
    register uint64_t r0 __asm__("x0") = function;
    register uint64_t r1 __asm__("x1") = x1;
    register uint64_t r2 __asm__("x2") = x2;
    register uint64_t r3 __asm__("x3") = x3;

    __asm__ volatile(".inst 0xd4000003" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)::"memory"); /* smc #0 */
    return (function & 0x40000000) != 0 ? (int64_t)r0 : (int32_t)r0;
}

bool ontime_present(void)
{
    fault_begin();
    struct answer uid = call(ONTIME_CALL_UID, 0, 0, 0);
    struct fault fault = fault_end();

    return fault.count == 0 && (uint32_t)uid.x[0] == ONTIME_UID_0 && (uint32_t)uid.x[1] == ONTIME_UID_1 &&
           (uint32_t)uid.x[2] == ONTIME_UID_2 && (uint32_t)uid.x[3] == ONTIME_UID_3;
}

uint64_t ontime_stat(unsigned which)
{
    struct answer answer = call(ONTIME_CALL_STAT, which, 0, 0);

    return answer.x[0] == ONTIME_OK ? answer.x[1] : 0;
}

_Alignas(ONTIME_PAGE_SIZE) struct deadline_page deadline_page;

bool page_offer(void)
{
    deadline_page.deadline = ONTIME_NO_DEADLINE;
    deadline_page.needs = 0;
    return quick_call(ONTIME_CALL_PAGE, (uintptr_t)&deadline_page, 0) == ONTIME_OK;
}

/* ---- time */

uint64_t microseconds(uint64_t us)
{
    return us * read_sysreg(CNTFRQ_EL0) / 1000000;
}

void spin(uint64_t ticks)
{
    uint64_t begin = now_virtual();

    while (now_virtual() - begin < ticks) {
    }
}

/* ---- CPUs */

int64_t cpu_start(unsigned cpu, void (*function)(unsigned cpu))
{
    secondary_function[cpu] = function;
    __asm__ volatile("dsb sy" ::: "memory");
    return psci(PSCI_CPU_ON, cpu, (uintptr_t)secondary_entry, cpu);
}

int64_t system_suspend(void (*function)(unsigned cpu))
{
    unsigned cpu = cpu_number();

    secondary_function[cpu] = function;
    __asm__ volatile("dsb sy" ::: "memory");
    return psci(PSCI_SYSTEM_SUSPEND, (uintptr_t)secondary_entry, cpu, 0);
}

void secondary_start(unsigned cpu)
{
    gic_init_cpu();
    secondary_function[cpu](cpu);
    (void)psci(PSCI_CPU_OFF, 0, 0, 0);
    die(&(struct frame){.elr = 0}, 0);
}

void guest_start(void)
{
    gic_init();
    gic_init_cpu();
    guest_main();
    finish();
}

uint64_t random_below(uint64_t limit)
{
    static uint64_t state;

    if (state == 0)
        state = option_number("seed", 1);
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % limit;
}

void timer_end(void)
{
    uint32_t intid = gic_acknowledge();

    write_sysreg(CNTV_CTL_EL0, 0);
    if (intid != GIC_SPURIOUS)
        gic_end(intid);
}
