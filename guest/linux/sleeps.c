// SPDX-License-Identifier: GPL-2.0
/*
 * The watched sleeps: what the module knows of each timer it watches.
 *
 * Each CPU has a queue of sleeps ordered by deadline (counter ticks), with a fixed pool of them, for the
 * callers run under the kernel's timer locks and must not allocate. A table finds a sleep by its timer,
 * because a timer can be moved or cancelled from a CPU other than the one it was queued on.
 *
 * A timer is only a name here, but in sleeps_leave_cpu: one that is in a queue is in the kernel's too, and
 * cannot go away before hrtimer_cancel or hrtimer_expire_entry has taken it out here.
 *
 * Locks: a bucket's, then a queue's; both innermost, taken with interrupts off. The deadline of a queue's
 * head is in sleeps_first, which its CPU reads without a lock: what another CPU changes is seen at the next
 * look.
 */
#include <linux/hash.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/timerqueue.h>
#include <linux/vmalloc.h>

#include "sleeps.h"

#define SLEEPS_PER_CPU 1024
#define BUCKET_BITS    10

struct sleep {
    struct hlist_node link; /* in a bucket, or in its queue's list of free ones */
    struct timerqueue_node node;
    const struct hrtimer *timer;
    struct queue *queue;
};

struct queue {
    raw_spinlock_t lock;
    struct timerqueue_head ordered;
    struct hlist_head free;
    struct sleep *pool;
    unsigned int cpu;
};

struct bucket {
    raw_spinlock_t lock;
    struct hlist_head sleeps;
};

DEFINE_PER_CPU(u64, sleeps_first);
DEFINE_PER_CPU(const struct hrtimer *, sleeps_only);
static DEFINE_PER_CPU(struct queue, queues);
static struct bucket buckets[1 << BUCKET_BITS];

static struct bucket *bucket_of(const struct hrtimer *timer)
{
    return &buckets[hash_ptr(timer, BUCKET_BITS)];
}

static void note_first(struct queue *queue)
{
    struct timerqueue_node *node = timerqueue_getnext(&queue->ordered);

    WRITE_ONCE(per_cpu(sleeps_first, queue->cpu), node ? (u64)node->expires : ONTIME_NO_DEADLINE);
    WRITE_ONCE(per_cpu(sleeps_only, queue->cpu),
               node && !rb_next(&node->node) ? container_of(node, struct sleep, node)->timer : NULL);
}

static struct sleep *take_free(struct queue *queue, const struct hrtimer *timer, u64 deadline)
{
    struct sleep *sleep = NULL;

    raw_spin_lock(&queue->lock);
    if (!hlist_empty(&queue->free)) {
        sleep = hlist_entry(queue->free.first, struct sleep, link);
        hlist_del(&sleep->link);
        sleep->timer = timer;
        timerqueue_init(&sleep->node);
        sleep->node.expires = (ktime_t)deadline;
        timerqueue_add(&queue->ordered, &sleep->node);
        note_first(queue);
    }
    raw_spin_unlock(&queue->lock);
    return sleep;
}

static void put_free(struct sleep *sleep)
{
    struct queue *queue = sleep->queue;

    raw_spin_lock(&queue->lock);
    timerqueue_del(&queue->ordered, &sleep->node);
    note_first(queue);
    hlist_add_head(&sleep->link, &queue->free);
    raw_spin_unlock(&queue->lock);
}

bool sleeps_add(const struct hrtimer *timer, unsigned int cpu, u64 deadline)
{
    struct bucket *bucket = bucket_of(timer);
    struct sleep *sleep = take_free(per_cpu_ptr(&queues, cpu), timer, deadline);

    if (!sleep)
        return false;
    raw_spin_lock(&bucket->lock);
    hlist_add_head(&sleep->link, &bucket->sleeps);
    raw_spin_unlock(&bucket->lock);
    return true;
}

static struct sleep *find_sleep(struct bucket *bucket, const struct hrtimer *timer)
{
    struct sleep *sleep;

    /* clang-format off */
    hlist_for_each_entry(sleep, &bucket->sleeps, link)
        if (sleep->timer == timer)
            return sleep;
    /* clang-format on */
    return NULL;
}

bool sleeps_remove(const struct hrtimer *timer, u64 *deadline)
{
    struct bucket *bucket = bucket_of(timer);
    struct sleep *sleep;

    /* The kernel orders all that is done to one timer, so a sleep that is in was seen to be put in. */
    if (hlist_empty(&bucket->sleeps))
        return false;
    raw_spin_lock(&bucket->lock);
    sleep = find_sleep(bucket, timer);
    if (sleep)
        hlist_del(&sleep->link);
    raw_spin_unlock(&bucket->lock);
    if (!sleep)
        return false;
    *deadline = (u64)sleep->node.expires;
    put_free(sleep);
    return true;
}

/* The timer of the queue's first sleep and the CPU it is on now, or NULL. */
static const struct hrtimer *first_timer(struct queue *queue, unsigned int *cpu)
{
    struct timerqueue_node *node;
    const struct hrtimer *timer = NULL;

    raw_spin_lock(&queue->lock);
    node = timerqueue_getnext(&queue->ordered);
    if (node) {
        timer = container_of(node, struct sleep, node)->timer;
        *cpu = READ_ONCE(timer->base)->cpu_base->cpu;
    }
    raw_spin_unlock(&queue->lock);
    return timer;
}

/* Moves a sleep, unless it was taken out, or put in elsewhere, meanwhile. False when it had to be dropped. */
static bool move(const struct hrtimer *timer, const struct queue *from, struct queue *to)
{
    struct bucket *bucket = bucket_of(timer);
    struct sleep *old, *new = NULL;

    raw_spin_lock(&bucket->lock);
    old = find_sleep(bucket, timer);
    if (old && old->queue == from) {
        new = from == to ? NULL : take_free(to, timer, (u64)old->node.expires);
        if (new)
            hlist_add_head(&new->link, &bucket->sleeps);
        hlist_del(&old->link);
        put_free(old);
    } else {
        old = NULL;
    }
    raw_spin_unlock(&bucket->lock);
    return !old || new;
}

unsigned int sleeps_leave_cpu(unsigned int cpu)
{
    struct queue *queue = per_cpu_ptr(&queues, cpu);
    const struct hrtimer *timer;
    unsigned int to, lost = 0;

    while ((timer = first_timer(queue, &to)))
        lost += !move(timer, queue, per_cpu_ptr(&queues, to));
    return lost;
}

static int queue_init(unsigned int cpu)
{
    struct queue *queue = per_cpu_ptr(&queues, cpu);
    int i;

    queue->pool = vzalloc(array_size(SLEEPS_PER_CPU, sizeof(*queue->pool)));
    if (!queue->pool)
        return -ENOMEM;
    raw_spin_lock_init(&queue->lock);
    timerqueue_init_head(&queue->ordered);
    queue->cpu = cpu;
    note_first(queue);
    for (i = 0; i < SLEEPS_PER_CPU; i++) {
        queue->pool[i].queue = queue;
        hlist_add_head(&queue->pool[i].link, &queue->free);
    }
    return 0;
}

int sleeps_init(void)
{
    unsigned int cpu;
    int i;

    for (i = 0; i < ARRAY_SIZE(buckets); i++)
        raw_spin_lock_init(&buckets[i].lock);
    for_each_possible_cpu(cpu)
    {
        if (queue_init(cpu)) {
            sleeps_exit();
            return -ENOMEM;
        }
    }
    return 0;
}

void sleeps_exit(void)
{
    unsigned int cpu;

    for_each_possible_cpu(cpu) vfree(per_cpu_ptr(&queues, cpu)->pool);
}
