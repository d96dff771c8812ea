/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface of the bare-metal guests' runtime.
 *
 * A guest is one .c file with a guest_main(). It prints `PASS name` or `FAIL name: why` for each check, and
 * `END passed=N failed=M` at the end, and powers off. The same binary runs under Ontime and on QEMU's virt
 * machine. A guest makes the checks of what only Ontime has if ontime_present().
 *
 * The runtime is entered with the MMU off. It sets up the MMU with an identity map, caches, vectors and the
 * GIC. The PL011 is used as it is. Interrupts stay masked until the guest unmasks them. Times are in ticks of
 * the counter, unless a name says otherwise.
 */
#ifndef BARE_H
#define BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ontime/guest_map.h"
#include "ontime/link.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define read_sysreg(name)                                                                                    \
    ({                                                                                                       \
        uint64_t value_;                                                                                     \
        __asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");                                         \
        value_;                                                                                              \
    })
#define write_sysreg(name, value)                                                                            \
    __asm__ volatile("msr " #name ", %x0\n\tisb" ::"rZ"((uint64_t)(value)) : "memory")

/* The guest itself. */
void guest_main(void);

/* How the boot CPU was entered. */
struct entry_state {
    uint64_t x[4];
    uint64_t current_el, daif, sctlr, spsel;
};
extern struct entry_state entry_state;

/* Prints on the UART, one CPU at a time. Knows %s %c %d %u %x, with l, a width and zero padding. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Results. */
void result(bool ok, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void expect_equal(const char *name, uint64_t got, uint64_t wanted);
_Noreturn void finish(void);

/* The UART, polled; uart_read() returns -1 when there is nothing. */
#define UART_DR     0x000
#define UART_FR     0x018
#define UART_IMSC   0x038
#define UART_RIS    0x03C
#define UART_MIS    0x040
#define UART_ICR    0x044
#define UART_INT_RX 0x50u /* receive, receive time-out */
#define UART_INT_TX 0x20u
int uart_read(void);

static inline uint32_t mmio_read(uintptr_t address)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline void mmio_write(uintptr_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" ::"rZ"(value), "r"(address) : "memory");
}

/*
 * The device tree. tree_property() finds a property of the first node that has this name (up to '@') or is
 * compatible to this; NULL: there is none.
 */
const void *tree_property(const char *node, const char *compatible, const char *property, uint32_t *size);
uint64_t tree_u64(const void *cells); /* two cells; properties are only 4-byte aligned */

/* The boot arguments' words: "name" or "name=value". */
bool option(const char *name);
uint64_t option_number(const char *name, uint64_t otherwise);
bool option_is(const char *name, const char *value);

/* Random numbers. The boot argument seed=N (1) chooses the sequence, which is the same in each run. */
uint64_t random_below(uint64_t limit);

/* Memory of this guest. */
uint64_t ram_size(void);
extern char _start[], _end[];

/* Time. */
static inline uint64_t now_virtual(void)
{
    __asm__ volatile("isb" ::: "memory");
    return read_sysreg(CNTVCT_EL0);
}

static inline uint64_t now_physical(void)
{
    __asm__ volatile("isb" ::: "memory");
    return read_sysreg(CNTPCT_EL0);
}

uint64_t microseconds(uint64_t us); /* in ticks */
void spin(uint64_t ticks);

/* Time is divided into phases of `length` ticks. All guests share the counter, and so the phase. */
static inline uint64_t phase_now(uint64_t length)
{
    return now_virtual() / length;
}

/* Computes for a fixed number of instructions. Hogs count how often they do. */
static inline void work(unsigned steps)
{
    for (; steps > 0; steps--)
        __asm__ volatile("");
}

/*
 * Interrupts. on_irq is called with interrupts masked, and has to acknowledge the interrupt. It may unmask
 * them to be interrupted itself.
 */
extern void (*volatile on_irq)(void);

static inline void irq_enable(void)
{
    __asm__ volatile("msr DAIFClr, #2\n\tisb" ::: "memory");
}

static inline void irq_disable(void)
{
    __asm__ volatile("msr DAIFSet, #2\n\tisb" ::: "memory");
}

static inline void wfi(void)
{
    __asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

/*
 * Called at each synchronous exception with its class; may change where and how to go on. False: it was none
 * of its own.
 */
extern bool (*volatile on_debug)(unsigned class, uint64_t *pc, uint64_t *pstate);

/* The GIC, of the version that the device tree says. Registers of SGIs and PPIs are the calling CPU's. */
#define GIC_SPURIOUS 1023u

enum gic_bits { /* offset of the register with one bit per interrupt */
                GIC_GROUP = 0x080,
                GIC_ENABLE = 0x100,
                GIC_DISABLE = 0x180,
                GIC_SET_PENDING = 0x200,
                GIC_CLEAR_PENDING = 0x280,
                GIC_SET_ACTIVE = 0x300,
                GIC_CLEAR_ACTIVE = 0x380,
};

extern unsigned gic_version;
void gic_init(void);     /* once */
void gic_init_cpu(void); /* on each CPU */
uintptr_t gic_frame(uint32_t intid);
bool gic_test(uint32_t intid, enum gic_bits which);
void gic_set(uint32_t intid, enum gic_bits which);
void gic_priority(uint32_t intid, uint8_t priority);
uint8_t gic_get_priority(uint32_t intid);
void gic_enable(uint32_t intid); /* with priority 0xa0; an SPI goes to CPU 0 */
void gic_mask(uint8_t priority); /* interrupts with this priority value or a greater one stay pending */
void gic_eoi_mode(bool drop_only);
void gic_send(unsigned cpu, uint32_t sgi);
void timer_end(void); /* acknowledges the virtual timer's interrupt, switches the timer off, ends it */
uint32_t gic_acknowledge(void);
void gic_end(uint32_t intid);
void gic_deactivate(uint32_t intid);

/*
 * A link to another VM (include/ontime/link.h). link_open() finds the guest's link number `n` in the device
 * tree, maps the memory of all of them, cached unless the link says otherwise, and enables the doorbell at
 * CPU 0. False: there is no such link.
 */
struct link {
    uintptr_t registers;
    volatile uint32_t *memory;
    size_t size;
    uint32_t intid;
};
bool link_open(unsigned n, struct link *link);

static inline uint32_t link_read(const struct link *link, unsigned reg)
{
    return mmio_read(link->registers + reg);
}

/* What was written to the memory before is seen by who is rung. */
static inline void link_ring(const struct link *link)
{
    __asm__ volatile("dsb sy" ::: "memory");
    mmio_write(link->registers + ONTIME_LINK_RING, 1);
}

/* Calls to the hypervisor. */
void hypercall(uint64_t registers[18]);

struct answer {
    uint64_t x[4];
};
struct answer call(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);

/* The same in few instructions, for code that counts them or makes many calls; returns x0. */
static inline int64_t quick_call(uint64_t function, uint64_t first, uint64_t second)
{
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = first;
    register uint64_t x2 __asm__("x2") = second;
    register uint64_t x3 __asm__("x3");

    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "=r"(x3) : : "memory");
    return (int64_t)x0;
}

bool ontime_present(void);
uint64_t ontime_stat(unsigned which);

/*
 * The deadline page (ONTIME_CALL_PAGE) of this guest's boot CPU. page_offer() gives it to Ontime, and returns
 * false when Ontime refuses it.
 */
struct deadline_page {
    volatile uint64_t deadline;
    volatile uint64_t needs;
    uint64_t unused[6];
    volatile uint64_t warped;
};
extern struct deadline_page deadline_page;
bool page_offer(void);

#define PSCI_VERSION         0x84000000u
#define PSCI_CPU_SUSPEND     0xC4000001u
#define PSCI_CPU_OFF         0x84000002u
#define PSCI_CPU_ON          0xC4000003u
#define PSCI_AFFINITY_INFO   0xC4000004u
#define PSCI_MIGRATE_TYPE    0x84000006u
#define PSCI_SYSTEM_OFF      0x84000008u
#define PSCI_SYSTEM_RESET    0x84000009u
#define PSCI_FEATURES        0x8400000Au
#define PSCI_SYSTEM_SUSPEND  0xC400000Eu
#define PSCI_SYSTEM_RESET2   0xC4000012u
#define SMCCC_VERSION        0x80000000u
#define SMCCC_ARCH_FEATURES  0x80000001u
#define PSCI_NOT_SUPPORTED   (-1)
#define PSCI_INVALID         (-2)
#define PSCI_DENIED          (-3)
#define PSCI_ALREADY_ON      (-4)
#define PSCI_INVALID_ADDRESS (-9)
int64_t psci(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);

/* The same by SMC. */
int64_t psci_by_smc(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);

/* Suspends the system and goes on in `function`; returns PSCI's answer if it does not. */
int64_t system_suspend(void (*function)(unsigned cpu));

/* Starts another CPU in `function`; returns PSCI's answer. */
#define MAX_CPUS 8u
int64_t cpu_start(unsigned cpu, void (*function)(unsigned cpu));
void secondary_entry(void);

static inline unsigned cpu_number(void)
{
    return (unsigned)read_sysreg(TPIDR_EL1);
}

/*
 * Faults that a test provokes. CATCH runs a statement, and returns how many exceptions it caused, and ESR and
 * FAR of the last one. The instruction that caused a data abort or is undefined is skipped. After an
 * instruction abort execution goes on at x30, in the caller. One CPU at a time may use this.
 */
struct fault {
    unsigned count;
    uint64_t esr, far;
};
void fault_begin(void);
struct fault fault_end(void);
#define CATCH(statement)                                                                                     \
    ({                                                                                                       \
        fault_begin();                                                                                       \
        statement;                                                                                           \
        fault_end();                                                                                         \
    })

static inline unsigned fault_class(struct fault fault)
{
    return fault.count == 0 ? 0x3F : (unsigned)(fault.esr >> 26) & 0x3F;
}
#define CLASS_UNDEFINED   0x00u
#define CLASS_TRAPPED     0x18u /* a trapped MSR or MRS; the tests take it as undefined */
#define CLASS_INSTRUCTION 0x21u
#define CLASS_DATA        0x25u
#define CLASS_NONE        0x3Fu
#define STATUS_EXTERNAL   0x10u

extern volatile uint64_t page_table[4];
void tlb_flush(void);

#endif
