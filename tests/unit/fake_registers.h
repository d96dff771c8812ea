/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of a machine, for tests of drivers: those of devices, in memory of their own, and those of
 * the CPU, by their names. Each keeps what was written, unless the test says otherwise. What a driver must
 * not do is asserted: an access to device registers that it has not mapped (arch_map_device()), that are not
 * there or that are not aligned; an access to a system register that this CPU lacks.
 *
 * Every access and barrier is noted in order, see fake_log().
 */
#ifndef TESTS_FAKE_REGISTERS_H
#define TESTS_FAKE_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

/* No devices, no system registers, nothing mapped, nothing noted, no hooks. */
void fake_registers_reset(void);

/* A device, with zero in all its registers. */
void fake_device(uint64_t start, uint64_t size);
void fake_device_set(uint64_t address, uint32_t value);
uint32_t fake_device_get(uint64_t address);

/* From now on arch_map_device() finds no room for a device that begins at `start`. */
void fake_device_unmappable(uint64_t start);

/*
 * The 32-bit registers from `set` and from `clear` show the same bits; a one that is written to the first
 * sets its bit, to the second clears it.
 */
void fake_device_set_clear(uint64_t set, uint64_t clear, unsigned count);

/*
 * Called for each 32-bit read with the register's value, for the value that is read; and after each write,
 * with what was written.
 */
struct fake_device_hooks {
    uint32_t (*read)(uint64_t address, uint32_t value);
    void (*written)(uint64_t address, uint32_t value);
};
void fake_device_hooks(struct fake_device_hooks hooks);

/* A system register of this CPU, and its value. */
void fake_sysreg(const char *name, uint64_t value);
uint64_t fake_sysreg_get(const char *name);

/* Bits high..low of a register. */
static inline uint64_t field(uint64_t value, unsigned high, unsigned low)
{
    return value << (63 - high) >> (63 - high) >> low;
}

/* One access, or one barrier. */
struct fake_access {
    enum fake_kind { FAKE_READ, FAKE_WRITE, FAKE_BARRIER } kind;
    const char *name; /* of the system register or the barrier; NULL: a device's register */
    uint64_t address;
    unsigned size; /* of the device's register, bytes */
    uint64_t value;
};

#define DEVICE_READ32(address, value)  ((struct fake_access){FAKE_READ, NULL, address, 4, value})
#define DEVICE_WRITE32(address, value) ((struct fake_access){FAKE_WRITE, NULL, address, 4, value})
#define DEVICE_READ8(address, value)   ((struct fake_access){FAKE_READ, NULL, address, 1, value})
#define DEVICE_WRITE8(address, value)  ((struct fake_access){FAKE_WRITE, NULL, address, 1, value})
#define DEVICE_WRITE64(address, value) ((struct fake_access){FAKE_WRITE, NULL, address, 8, value})
#define SYSREG_READ(name, value)       ((struct fake_access){FAKE_READ, name, 0, 0, value})
#define SYSREG_WRITE(name, value)      ((struct fake_access){FAKE_WRITE, name, 0, 0, value})
#define BARRIER(instruction)           ((struct fake_access){FAKE_BARRIER, instruction, 0, 0, 0})

/* Forgets what was noted. */
void fake_log_clear(void);

/*
 * Asserts that since the last fake_log_clear() just this was done, in this order; a read that stands not in
 * the list is passed over. Then clears.
 */
#define FAKE_LOG_IS(...)                                                                                     \
    fake_log_is((const struct fake_access[]){__VA_ARGS__},                                                   \
                sizeof((const struct fake_access[]){__VA_ARGS__}) / sizeof(struct fake_access), __FILE__,    \
                __LINE__)
void fake_log_is(const struct fake_access *expected, unsigned count, const char *file, int line);

/* Asserts that nothing was written. */
void fake_log_has_no_writes(void);

/* The place in the log of the first access like this one, and of the last; fails when there is none. */
unsigned fake_log_first(struct fake_access access);
unsigned fake_log_last(struct fake_access access);

/* How many accesses like this there were. */
unsigned fake_log_count(struct fake_access access);

#endif
