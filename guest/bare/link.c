// SPDX-License-Identifier: Apache-2.0
/*
 * Two guests at the ends of two links. The first, boot argument `first`, and the second hand a token to and
 * fro by the memory and the doorbell of link 0. Link 1's memory is read-only for the second. Then the second
 * resets itself, finds the memory as it was, and ends; the first sees all that.
 *
 * Boot arguments: rounds=N, how often the token goes there and back (500); uncached: link 0 is.
 */
#include "bare.h"

#define LIVES   0 /* words of link 0's memory: how often the second has begun, */
#define TOKEN   1 /* even: the first's turn */
#define WORD    0x600DF00Du
#define RETURN  0xD65F03C0u /* an instruction */
#define UNKNOWN 0x40

static struct link link, other;
static volatile unsigned rings;

static void interrupt(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    rings += intid == link.intid;
    gic_end(intid);
}

/* Interrupts are masked: one that is pending ends the wait, and is taken then. */
static void wait(void)
{
    wfi();
    irq_enable();
    irq_disable();
}

static void wait_for_token(uint32_t wanted)
{
    while (link.memory[TOKEN] != wanted)
        wait();
}

static void check_registers(bool first)
{
    expect_equal("magic", link_read(&link, ONTIME_LINK_MAGIC), ONTIME_LINK_MAGIC_VALUE);
    expect_equal("version", link_read(&link, ONTIME_LINK_VERSION), ONTIME_LINK_VERSION_VALUE);
    expect_equal("size", link_read(&link, ONTIME_LINK_SIZE), link.size);
    expect_equal("end", link_read(&link, ONTIME_LINK_END), first ? 0 : 1);
    expect_equal("flags", link_read(&link, ONTIME_LINK_FLAGS), option("uncached") ? ONTIME_LINK_UNCACHED : 0);
    expect_equal("other-end", link_read(&other, ONTIME_LINK_END), first ? 1 : 0);
    expect_equal("other-flags", link_read(&other, ONTIME_LINK_FLAGS), first ? 0 : ONTIME_LINK_READ_ONLY);
    expect_equal("unknown", link_read(&link, UNKNOWN), 0);
    mmio_write(link.registers + UNKNOWN, WORD);
    mmio_write(link.registers + ONTIME_LINK_SIZE, WORD);
    expect_equal("size-again", link_read(&link, ONTIME_LINK_SIZE), link.size);
}

static void check_fault(const char *name, struct fault fault, unsigned class)
{
    result(fault.count == 1 && fault_class(fault) == class && (fault.esr & 0x3F) == STATUS_EXTERNAL, name,
           ": %u faults, esr 0x%lx far 0x%lx\n", fault.count, fault.esr, fault.far);
}

static void check_faults(void)
{
    volatile uint32_t *code = &link.memory[link.size / 4 - 1];

    check_fault("byte", CATCH((void)*(volatile uint8_t *)link.registers), CLASS_DATA);
    check_fault("long", CATCH((void)*(volatile uint64_t *)link.registers), CLASS_DATA);
    check_fault("ring-half", CATCH(*(volatile uint16_t *)(link.registers + ONTIME_LINK_RING) = 1),
                CLASS_DATA);
    check_fault("behind", CATCH((void)mmio_read((uintptr_t)(other.memory + other.size / 4))), CLASS_DATA);
    *code = RETURN;
    check_fault("execute",
                CATCH(__asm__ volatile("blr %0" ::"r"(code)
                                       : "x30", "memory")),
                CLASS_INSTRUCTION);
}

/* Nobody has written there yet. */
static void check_zero(void)
{
    uint32_t any = 0;

    for (size_t i = 0; i < other.size / 4; i++)
        any |= other.memory[i];
    expect_equal("zero", any, 0);
}

/* Until PEER says so, and the doorbell has rung for it: since it had rung `before` times. */
static void wait_for_peer(uint32_t starts, bool up, unsigned before)
{
    while (link_read(&link, ONTIME_LINK_PEER) != (starts << ONTIME_LINK_STARTS_SHIFT | up) || rings == before)
        wait();
}

static void be_first(uint32_t rounds)
{
    unsigned before;

    while ((link_read(&link, ONTIME_LINK_PEER) & ONTIME_LINK_UP) == 0)
        wait();
    expect_equal("starts", link_read(&link, ONTIME_LINK_PEER) >> ONTIME_LINK_STARTS_SHIFT, 1);
    check_faults();
    other.memory[0] = other.memory[other.size / 4 - 1] = WORD;
    before = rings;
    for (uint32_t token = 1; token <= 2 * rounds; token += 2) {
        link.memory[TOKEN] = token;
        link_ring(&link);
        wait_for_token(token + 1);
    }
    result(rings > before && rings - before <= rounds + 1, "rings", ": %u in %u rounds\n", rings - before,
           rounds);
    before = rings;
    link.memory[TOKEN] = 2 * rounds + 1;
    link_ring(&link);
    wait_for_peer(2, true, before);
    result(true, "restart-seen", "\n");
    before = rings;
    link.memory[TOKEN] = 2 * rounds + 3;
    link_ring(&link);
    wait_for_peer(2, false, before);
    result(true, "end-seen", "\n");
    link_ring(&link); /* to nobody */
    expect_equal("lives", link.memory[LIVES], 2);
}

static void be_second(uint32_t rounds)
{
    unsigned life = ++link.memory[LIVES];

    if (life == 2) {
        result(link.memory[TOKEN] > 2 * rounds, "kept", ": token %u\n", link.memory[TOKEN]);
        expect_equal("kept-last", link.memory[link.size / 4 - 2], WORD);
        while (link.memory[TOKEN] != 2 * rounds + 3 || rings == 0)
            wait();
        result(true, "rung-again", "\n");
        return;
    }
    link.memory[link.size / 4 - 2] = WORD;
    for (uint32_t token = 1; token <= 2 * rounds; token += 2) {
        wait_for_token(token);
        if (token == 1) {
            expect_equal("read-only", other.memory[0], WORD);
            expect_equal("read-only-last", other.memory[other.size / 4 - 1], WORD);
            check_fault("write", CATCH(other.memory[0] = 1), CLASS_DATA);
            expect_equal("unwritten", other.memory[0], WORD);
        }
        link.memory[TOKEN] = token + 1;
        link_ring(&link);
    }
    wait_for_token(2 * rounds + 1);
    (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

void guest_main(void)
{
    bool first = option("first");
    uint32_t rounds = (uint32_t)option_number("rounds", 500);

    on_irq = interrupt;
    if (!link_open(0, &link) || !link_open(1, &other)) {
        result(false, "links", ": not in the tree\n");
        return;
    }
    result(!link_open(2, &(struct link){0}), "two-links", ": there are more\n");
    check_registers(first);
    if (first) {
        check_zero();
        be_first(rounds);
        return;
    }
    be_second(rounds);
}
