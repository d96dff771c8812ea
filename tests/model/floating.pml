/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU that goes from one core to another and back (hypervisor/vm/messages.c, inbox.c, vcpu_leave() and
 * vcpu_arrive() in dispatch.c), while others send it messages. Each statement is one access to what cores
 * share, in the order of the source. The lists are as short as can be, as there is one vCPU only: what a list
 * of several does is in messages.pml.
 *
 * What has to hold: it is on one list at most; a core serves it only when it has it; and when everybody has
 * finished and no kick is pending, a core has it, and whatever was asked for was done after it was asked for.
 *
 * Accesses take effect in their order here, which is what the memory orders in the source are for.
 */
#define CORES   2
#define NOBODY  CORES
#define SENDERS 2
#define SENDS   2 /* of each */
#define MOVES   3 /* from each core, at most */
#define ARRIVE  1
#define WAKE    2

byte requests;
byte mail_to;
byte cpu;      /* who has it, as others see it */
byte attached; /* in whose queue it is */
bool listed[CORES];
bool kick[CORES];
bool owed; /* somebody has asked, and it was not done since */

/* vcpu_forward(). `to` is the caller's variable. */
inline forward()
{
    to = mail_to;
    atomic {
        assert(!listed[0] && !listed[1]);
        listed[to] = true
    };
    kick[to] = true
}

proctype sender()
{
    byte old, to, left = SENDS;

    do
    :: left > 0 ->
        owed = true;
        d_step {
            old = requests;
            requests = requests | WAKE
        };
        if
        :: old == 0 -> forward()
        :: else
        fi;
        atomic {
            left--;
            old = 0;
            to = 0
        }
    :: else -> break
    od
}

/* vcpu_leave(). */
inline leave(there)
{
    attached = NOBODY;
#ifndef FAULT_SAID_TO_BE_THERE
    cpu = NOBODY;
#else
    cpu = there;
#endif
#ifdef FAULT_MAIL_GOES_THERE_FIRST
    mail_to = there;
#endif
    d_step {
        old = requests;
        requests = requests | ARRIVE
    };
#ifndef FAULT_MAIL_GOES_THERE_FIRST
    mail_to = there;
#endif
#ifndef FAULT_SENT_ALWAYS
    if
    :: old == 0 -> forward()
    :: else
    fi
#else
    forward()
#endif
}

inline serve(own)
{
    d_step {
        taken = requests;
        requests = 0
    };
    if
    :: (taken & ARRIVE) != 0 ->
        assert(attached == NOBODY);
        attached = own;
        cpu = own
    :: else
    fi;
    assert(cpu == own && attached == own);
    if
    :: (taken & WAKE) != 0 -> owed = false
    :: else
    fi
}

proctype core(byte own)
{
    byte old, to, taken, left = MOVES;

end:
    do
    :: kick[own] ->
        kick[own] = false;
        if
        :: listed[own] ->
            listed[own] = false;
            if
#ifndef FAULT_NOT_FORWARDED
            :: mail_to != own -> forward()
            :: else -> serve(own)
#else
            :: true -> serve(own)
#endif
            fi;
            atomic {
                to = 0;
                taken = 0
            }
        :: else
        fi
    :: cpu == own && left > 0 ->
        assert(attached == own); /* it is its own: it may touch it */
        left--;
        leave(1 - own);
        atomic {
            old = 0;
            to = 0
        }
    od
}

/* Nobody can go on: all has been done. */
proctype observer()
{
    timeout;
    assert(requests == 0 && !owed && !listed[0] && !listed[1]);
    assert(cpu < CORES && cpu == attached && cpu == mail_to)
}

init
{
    byte i = 0;

    atomic {
        do
        :: i < SENDERS -> run sender(); i++
        :: else -> break
        od;
        run core(0);
        run core(1);
        run observer()
    }
}
