/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU that floats over two cores, each of which has a vCPU of its own that comes and goes
 * (hypervisor/vm/idle.c, look() in floating.c). Each statement is one access to what cores share, in the
 * order of the source. That vCPU goes before the one that floats. A look is due when that one may have begun
 * to wait, as in dispatch.c, but none follows by time alone, and each core may ask as often as it likes.
 *
 * What has to hold: when nobody can go on, the vCPU does not wait on one core while the other is idle.
 *
 * Accesses take effect in their order here, which is what the fences in the source are for.
 */
#define CORES  2
#define NOBODY CORES
#define NONE   0
#define OWN    1
#define FLOATS 2
#define COMES  2 /* times that a core's own vCPU does */
#define SLEEPS 1 /* times that the one that floats does, on each core */

byte current[CORES];
byte cpu;        /* who has the one that floats */
bool runnable;
bool message[CORES]; /* it is on its way to here */
bool asked[CORES];   /* CPU_LOOK */
bool kick[CORES];

/* idle_pull(), on a core that is idle. */
inline pull(own)
{
#ifndef FAULT_NOT_ASKED
    if
    :: cpu == 1 - own ->
        if
        :: runnable ->
            if
            :: current[1 - own] != FLOATS ->
                asked[1 - own] = true;
                kick[1 - own] = true
            :: else
            fi
        :: else
        fi
    :: else
    fi
#else
    skip
#endif
}

/* Asks the policy. */
inline pick(own)
{
    if
    :: own_runs -> current[own] = OWN
    :: !own_runs && cpu == own && runnable -> current[own] = FLOATS
    :: else ->
#ifdef FAULT_ASKED_FIRST
        pull(own);
#endif
        current[own] = NONE;
#ifndef FAULT_ASKED_FIRST
        pull(own)
#endif
    fi
}

inline look(own)
{
    look_due = false;
    if
    :: cpu == own && runnable && current[own] != FLOATS ->
        if
        :: current[1 - own] == NONE ->
            if
            :: !message[1 - own] ->
                cpu = NOBODY;
                message[1 - own] = true;
                kick[1 - own] = true
            :: else
            fi
        :: else
        fi
    :: else
    fi
}

proctype core(byte own)
{
    bool own_runs, stays, look_due;
    byte comes = COMES, sleeps = SLEEPS;

    current[own] = NONE;
end:
    do
    :: kick[own] ->
        kick[own] = false;
        if
        :: asked[own] ->
            asked[own] = false;
            look_due = true
        :: else
        fi;
        if
        :: message[own] ->
            message[own] = false;
            cpu = own;
            pick(own);
#ifndef FAULT_NO_LOOK_WHERE_IT_CAME
            look_due = true
#endif
        :: else
        fi
    :: look_due -> look(own)
    :: !own_runs && comes > 0 ->
        comes--;
        own_runs = true;
        pick(own);
#ifndef FAULT_NO_LOOK_AT_ONE_WHO_LOST_ITS_CORE
        look_due = true
#endif
    :: own_runs && !stays -> /* it waits, or runs from now on */
        if
        :: true ->
            own_runs = false;
            pick(own)
        :: true -> stays = true
        fi
    :: current[own] == FLOATS && sleeps > 0 ->
        sleeps--;
        runnable = false;
        pick(own)
    :: cpu == own && !runnable ->
#ifndef FAULT_LOOK_BEFORE_IT_WAITS
        runnable = true;
        pick(own);
        look_due = true
#else
        look_due = true;
        look(own);
        runnable = true;
        pick(own)
#endif
    od
}

/* Nobody can go on. */
proctype observer()
{
    timeout;
    assert(cpu < CORES && runnable);
    assert(current[cpu] == FLOATS || current[1 - cpu] != NONE)
}

init
{
    atomic {
        runnable = true;
        run core(0);
        run core(1);
        run observer()
    }
}
