// SPDX-License-Identifier: Apache-2.0
/*
 * A hog that counts. Every 100 ms it prints the physical counter, its count, and the CPU time that Ontime has
 * counted for it. Two such lines of each guest give the guests' shares of the core. Boot arguments: for-ms=N
 * ends after N ms (absent: never); every-ms=N prints every N ms.
 */
#include "bare.h"
#include "ontime/abi.h"

void guest_main(void)
{
    bool ontime = ontime_present();
    uint64_t every = microseconds(1000 * option_number("every-ms", 100));
    uint64_t length = microseconds(1000 * option_number("for-ms", 0));
    uint64_t begin = now_physical();
    uint64_t next = begin;
    uint64_t count = 0;

    while (length == 0 || now_physical() - begin < length) {
        work(1000);
        count++;
        if (now_physical() < next)
            continue;
        print("at %lu count %lu run %lu\n", now_physical(), count,
              ontime ? ontime_stat(ONTIME_STAT_RUN_TICKS) : 0);
        while (next <= now_physical())
            next += every;
    }
    result(count > 0, "counter", ": counted nothing\n");
}
