/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers by their names in assembly, and barriers, which a driver's test has in
 * tests/unit/fake_registers.c.
 */
#ifndef FAKE_SYSREG_H
#define FAKE_SYSREG_H

#include <stdint.h>

uint64_t fake_sysreg_read(const char *name);
void fake_sysreg_write(const char *name, uint64_t value);
void fake_barrier(const char *instruction);

#define read_sysreg(name)         fake_sysreg_read(#name)
#define write_sysreg(name, value) fake_sysreg_write(#name, value)

/* The same with a macro's value as the name. */
#define read_sysreg_(name)         read_sysreg(name)
#define write_sysreg_(name, value) write_sysreg(name, value)

#define isb()       fake_barrier("isb")
#define dsb(domain) fake_barrier("dsb " #domain)

#endif
