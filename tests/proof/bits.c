/* SPDX-License-Identifier: Apache-2.0 */
/* Tries, for each byte, what vm/precise.c's axioms and builtins.h say of the bits of a set of groups. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static bool is_in(unsigned set, unsigned group)
{
    return (set >> group & 1) != 0;
}

static unsigned lowest(unsigned set)
{
    unsigned group = 0;

    while (!is_in(set, group))
        group++;
    return group;
}

static bool hold(unsigned set, unsigned group)
{
    bool good = group == 0 || -(unsigned long)group == UINT64_MAX - group + 1;

    if (set == 0)
        return !is_in(set, group);
    good &= lowest(set) < 8 && is_in(set, lowest(set)) && (unsigned)__builtin_ctz(set) == lowest(set);
    good &= (set & (set - 1)) < set;
    good &= is_in(set & (set - 1), group) == (is_in(set, group) && group != lowest(set));
    for (unsigned one = 0; one < 8; one++)
        if (is_in(set, group) && group != one)
            good &= is_in(set & (uint8_t) ~(1u << one), group);
    return good;
}

int main(void)
{
    for (unsigned set = 0; set < 256; set++)
        for (unsigned group = 0; group < 8; group++)
            if (!hold(set, group)) {
                printf("FAIL bits: set 0x%x, group %u\n", set, group);
                return 1;
            }
    puts("PASS bits: the axioms hold for 256 sets of 8 groups");
    return 0;
}
