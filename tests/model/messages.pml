/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between cores (hypervisor/vm/messages.c, inbox.c): other cores send to the vCPUs of one core, which takes
 * them one vCPU for each kick, and now and then sends to one itself. Each statement is one access to what
 * cores share, in the order of the source.
 *
 * What has to hold: a vCPU is on the list once at most; and when everybody has finished and no kick is
 * pending, whatever was asked for was done after it was asked for.
 *
 * Accesses take effect in their order here, which is what the memory orders in the source are for.
 */
#define VCPUS    2
#define KINDS    2 /* of requests: bits of a vCPU's word */
#define SENDERS  2
#define SENDS    2 /* of each sender */
#define OWN      1 /* of the core to itself */
#define NOBODY   VCPUS
#define BIT(n)   (1 << (n))

#ifdef FAULT_PUSHED_AGAIN
#define PUSH_ALWAYS true
#else
#define PUSH_ALWAYS false
#endif
#ifdef FAULT_NO_COMPARISON
#define STORE_ONLY true
#else
#define STORE_ONLY false
#endif

byte requests[VCPUS];
byte next[VCPUS];
byte messages = NOBODY; /* the head of the core's list */
byte inbox = NOBODY;
bool kick; /* pending at the core; one more is the same one */

/* For the property: somebody has asked, and it was not done since; the vCPU is on the list or in the inbox. */
bool owed[VCPUS * KINDS];
bool listed[VCPUS];

/* vcpu_send(). `old` and `head` are the caller's variables. */
inline send(vcpu, kind)
{
    owed[vcpu * KINDS + kind] = true; /* with it goes what the sender has written before */
    d_step {
        old = requests[vcpu];
        requests[vcpu] = requests[vcpu] | BIT(kind);
    }
    if
#ifndef FAULT_PUSHED_AGAIN
    :: old != 0 -> skip
#endif
    :: old == 0 || PUSH_ALWAYS ->
#ifdef FAULT_KICK_BEFORE_PUSH
        kick = true;
#endif
        head = messages;
        do
        ::  next[vcpu] = head;
            if
            :: atomic { messages == head || STORE_ONLY -> messages = vcpu; assert(!listed[vcpu]); listed[vcpu] = true };
                break
            :: else -> head = messages
            fi
        od;
#ifndef FAULT_KICK_BEFORE_PUSH
        kick = true
#endif
    fi
}

proctype sender()
{
    byte old, head, vcpu, kind, left = SENDS;

    do
    :: left > 0 ->
        atomic {
            if
            :: vcpu = 0
            :: vcpu = 1
            fi;
            if
            :: kind = 0
            :: kind = 1
            fi
        };
        send(vcpu, kind);
        atomic { /* fewer states */
            left--;
            old = 0;
            head = 0;
            vcpu = 0;
            kind = 0
        }
    :: else -> break
    od
}

/* cpu_take_messages(), when the kick is taken. */
proctype core()
{
    byte old, head, vcpu, kind, taken, left = OWN;

end:
    do
    :: kick ->
#ifndef FAULT_KICK_ENDED_LATE
        kick = false;
#endif
        if
        :: inbox == NOBODY ->
            d_step {
                inbox = messages;
                messages = NOBODY;
            }
        :: else
        fi;
        vcpu = inbox;
        if
        :: vcpu == NOBODY
        :: else ->
#ifndef FAULT_NEXT_READ_LATE
            d_step {
                inbox = next[vcpu];
                listed[vcpu] = false;
            };
#endif
#ifndef FAULT_READ_THEN_CLEARED
            d_step {
                taken = requests[vcpu];
                requests[vcpu] = 0;
            };
#else
            taken = requests[vcpu];
            requests[vcpu] = 0;
#endif
            d_step {
                kind = 0;
                do
                :: kind < KINDS ->
                    if
                    :: (taken & BIT(kind)) != 0 -> owed[vcpu * KINDS + kind] = false
                    :: else
                    fi;
                    kind++
                :: else -> break
                od
            };
            if
            :: left > 0 -> left--; send(vcpu, 0)
            :: true
            fi;
            atomic {
                old = 0;
                head = 0;
                kind = 0;
                taken = 0
            };
#ifdef FAULT_NEXT_READ_LATE
            d_step {
                inbox = next[vcpu];
                listed[vcpu] = false;
            };
#endif
            if
#ifndef FAULT_INBOX_ALONE
            :: inbox != NOBODY || messages != NOBODY -> kick = true
#else
            :: inbox != NOBODY -> kick = true
#endif
            :: else
            fi
        fi;
#ifdef FAULT_KICK_ENDED_LATE
        kick = false
#endif
    od
}

/* Nobody can go on: all has been done. */
proctype observer()
{
    byte i = 0;

    timeout;
    assert(messages == NOBODY && inbox == NOBODY);
    do
    :: i < VCPUS * KINDS ->
        assert(!owed[i] && requests[i / KINDS] == 0);
        i++
    :: else -> break
    od
}

init
{
    byte i = 0;

    atomic {
        do
        :: i < SENDERS -> run sender(); i++
        :: else -> break
        od;
        run core();
        run observer()
    }
}
