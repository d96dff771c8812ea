// SPDX-License-Identifier: Apache-2.0
/* See tally.h. */
#include "tally.h"
#include <inttypes.h>
#include <string.h>

static void empty(struct footprint *footprint)
{
    footprint->round++;
    footprint->count = 0;
}

void tally_line(struct footprint *footprint, uint64_t line)
{
    unsigned place = (unsigned)line & (FOOTPRINT - 1);

    if (footprint->count == FOOTPRINT - 1) /* one place stays free, at which each search ends */
        return;
    while (footprint->since[place] == footprint->round) {
        if (footprint->lines[place] == line)
            return;
        place = (place + 1) & (FOOTPRINT - 1);
    }
    footprint->since[place] = footprint->round;
    footprint->lines[place] = line;
    footprint->count++;
}

void tally_begin(struct tally *tally)
{
    *tally = (struct tally){.level = tally->level, .vm = tally->vm, .left_for = tally->left_for};
    empty(&tally->code);
    empty(&tally->data);
}

static void add_difference(struct counts *sum, const struct counts *to, const struct counts *from)
{
    sum->executed += to->executed - from->executed;
    sum->instructions += to->instructions - from->instructions;
    sum->data += to->data - from->data;
    sum->l2 += to->l2 - from->l2;
    sum->micro_tlb += to->micro_tlb - from->micro_tlb;
    sum->tlb += to->tlb - from->tlb;
    sum->cycles += to->cycles - from->cycles;
}

static void end_window(struct window *window, uint64_t cycles)
{
    window->count++;
    if (cycles > window->greatest)
        window->greatest = cycles;
}

static void left_hypervisor(struct tally *tally)
{
    const struct counts *now = &tally->counts[HYPERVISOR];

    if (tally->came && tally->vm != tally->left_for) {
        add_difference(&tally->switches.sums[HYPERVISOR], now, &tally->on_coming);
        end_window(&tally->switches, now->cycles - tally->on_coming.cycles);
    }
    tally->left_for = tally->vm;
}

void tally_level(struct tally *tally, unsigned level)
{
    if (tally->level == 0) {
        tally->slept = true;
        memcpy(tally->on_leaving, tally->counts, sizeof(tally->counts));
        empty(&tally->code);
        empty(&tally->data);
    }
    if (tally->level == HYPERVISOR)
        left_hypervisor(tally);
    if (level == HYPERVISOR) {
        tally->came = true;
        tally->on_coming = tally->counts[HYPERVISOR];
    }
    tally->level = level;
}

void tally_vm(struct tally *tally, uint64_t vm)
{
    tally->vm = vm;
}

void tally_reading(struct tally *tally, uint64_t pc)
{
    uint64_t cycles = 0;

    if (tally->begins == 0)
        tally->begins = pc;
    tally->readings[pc != tally->begins]++;
    if (pc == tally->begins || !tally->slept)
        return;
    for (unsigned level = 0; level < LEVELS; level++) {
        add_difference(&tally->wakes.sums[level], &tally->counts[level], &tally->on_leaving[level]);
        cycles += tally->counts[level].cycles - tally->on_leaving[level].cycles;
    }
    end_window(&tally->wakes, cycles);
    tally->hypervisor_code += tally->code.count;
    tally->hypervisor_data += tally->data.count;
}

static void write_row(FILE *out, const char *what, uint64_t n, unsigned level, const struct counts *sum,
                      uint64_t greatest, uint64_t code, uint64_t data)
{
    if (sum->executed == 0)
        return;
    (void)fprintf(out,
                  "%s,%" PRIu64 ",%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
                  ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n",
                  what, n, level, sum->executed, sum->instructions, sum->data, sum->l2, sum->micro_tlb,
                  sum->tlb, sum->cycles, greatest, code, data);
}

void tally_write(const struct tally *tally, FILE *out)
{
    (void)fprintf(out, "what,n,el,instructions,l1i,l1d,l2,micro_tlb,tlb,cycles,greatest,code,data\n");
    for (unsigned level = 0; level < LEVELS; level++)
        write_row(out, "all", 1, level, &tally->counts[level], 0, 0, 0);
    write_row(out, "switch", tally->switches.count, HYPERVISOR, &tally->switches.sums[HYPERVISOR],
              tally->switches.greatest, 0, 0);
    for (unsigned level = 0; level < LEVELS; level++)
        write_row(out, "wake", tally->wakes.count, level, &tally->wakes.sums[level], tally->wakes.greatest,
                  level == HYPERVISOR ? tally->hypervisor_code : 0,
                  level == HYPERVISOR ? tally->hypervisor_data : 0);
}
