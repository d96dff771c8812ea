// SPDX-License-Identifier: GPL-2.0
/*
 * The watched sleeps.
 *
 * Each CPU has a queue of sleeps, ordered by deadline in counter ticks. The sleeps of a queue come from a
 * pool of fixed size, because the callers hold the kernel's timer locks and must not allocate. A hash table
 * finds a sleep by its timer, because a timer can be moved or cancelled from another CPU than the one that it
 * was queued on.
 *
 * A sleep whose deadline has been reached stays in its queue until its task waits again or the deadline is
 * given up (watch.c). Its timer may be freed or started anew before that. The sleep then leaves the hash
 * table, but not its queue. So pointers to timers and tasks serve as names here: they are compared, and never
 * followed.
 *
 * Locks: a bucket's, then a queue's. No other lock is taken inside them, and interrupts are off. Whoever
 * takes a sleep out of the order of its queue, under the queue's lock, has to return it to the pool. The
 * front of a queue is copied to sleeps_heads, which its own CPU reads without a lock. If another CPU changes
 * it, this CPU sees that at its next look.
 */
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/timerqueue.h>
#include <linux/vmalloc.h>

#include "sleep_queue.h"

#define SLEEPS_PER_CPU 1024
#define BUCKET_BITS    10

struct sleep {
    struct hlist_node link; /* in a bucket, or in the list of its queue's free sleeps */
    struct timerqueue_node node;
    const struct hrtimer *timer;
    const struct task_struct *task;
    struct queue *queue;
    bool sure; /* when the deadline has been reached, the task is at work until it waits */
};

struct queue {
    raw_spinlock_t lock;
    struct timerqueue_head ordered;
    struct hlist_head free;
    struct sleep *pool, *first;
    unsigned int cpu;
};

struct bucket {
    raw_spinlock_t lock;
    struct hlist_head sleeps;
};

DEFINE_PER_CPU_ALIGNED(struct sleeps_head, sleeps_heads);
static DEFINE_PER_CPU(struct queue, queues);
static struct bucket buckets[1 << BUCKET_BITS];

static struct bucket *bucket_of(const struct hrtimer *timer)
{
    return &buckets[hash_ptr(timer, BUCKET_BITS)];
}

static struct sleep *sleep_at(struct rb_node *node)
{
    return node ? rb_entry(node, struct sleep, node.node) : NULL;
}

static u64 deadline_at(const struct sleep *sleep)
{
    return sleep ? (u64)sleep->node.expires : ONTIME_NO_DEADLINE;
}

static struct sleep *first_in_order(const struct queue *queue)
{
    return sleep_at(rb_first_cached(&queue->ordered.rb_root));
}

static void note_first(struct queue *queue)
{
    struct sleeps_head *head = per_cpu_ptr(&sleeps_heads, queue->cpu);
    struct sleep *first = first_in_order(queue);

    if (first != queue->first) {
        WRITE_ONCE(head->seen, 0);
        WRITE_ONCE(head->left, false);
    }
    queue->first = first;
    WRITE_ONCE(head->first, deadline_at(first));
    WRITE_ONCE(head->second, deadline_at(first ? sleep_at(rb_next(&first->node.node)) : NULL));
    WRITE_ONCE(head->task, first ? first->task : NULL);
}

static struct sleep *take_free(struct queue *queue, const struct hrtimer *timer,
                               const struct task_struct *task, u64 deadline, bool sure)
{
    struct sleep *sleep = NULL;

    raw_spin_lock(&queue->lock);
    if (!hlist_empty(&queue->free)) {
        sleep = hlist_entry(queue->free.first, struct sleep, link);
        hlist_del_init(&sleep->link);
        sleep->timer = timer;
        sleep->task = task;
        sleep->sure = sure;
        timerqueue_init(&sleep->node);
        sleep->node.expires = (ktime_t)deadline;
        timerqueue_add(&queue->ordered, &sleep->node);
        note_first(queue);
    }
    raw_spin_unlock(&queue->lock);
    return sleep;
}

/* Returns a sleep to its pool. It is in no bucket and no longer in its queue's order. */
static void put_free(struct sleep *sleep)
{
    raw_spin_lock(&sleep->queue->lock);
    hlist_add_head(&sleep->link, &sleep->queue->free);
    raw_spin_unlock(&sleep->queue->lock);
}

bool sleeps_add(const struct hrtimer *timer, const struct task_struct *task, unsigned int cpu, u64 deadline,
                bool sure)
{
    struct bucket *bucket = bucket_of(timer);
    struct sleep *sleep;

    raw_spin_lock(&bucket->lock);
    sleep = take_free(per_cpu_ptr(&queues, cpu), timer, task, deadline, sure);
    if (sleep)
        hlist_add_head(&sleep->link, &bucket->sleeps);
    raw_spin_unlock(&bucket->lock);
    return sleep;
}

/* Finds the newest sleep of the timer: another CPU may be about to unlink an older one. */
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

/* Returns false when another CPU has taken it out already, and will free it. */
static bool take_out_of_order(struct sleep *sleep)
{
    struct queue *queue = sleep->queue;
    bool mine;

    raw_spin_lock(&queue->lock);
    mine = !RB_EMPTY_NODE(&sleep->node.node);
    if (mine) {
        timerqueue_del(&queue->ordered, &sleep->node);
        note_first(queue);
    }
    raw_spin_unlock(&queue->lock);
    return mine;
}

static enum sleeps_fate forget(struct sleep *sleep, u64 now)
{
    hlist_del_init(&sleep->link);
    if (deadline_at(sleep) <= now)
        return SLEEPS_REACHED;
    if (take_out_of_order(sleep))
        put_free(sleep);
    return SLEEPS_CANCELLED;
}

enum sleeps_fate sleeps_forget(const struct hrtimer *timer, u64 now)
{
    struct bucket *bucket = bucket_of(timer);
    enum sleeps_fate fate = SLEEPS_UNKNOWN;
    struct sleep *sleep;

    /* The kernel serialises all that is done to one timer: if it is watched, its sleep is visible here. */
    if (hlist_empty(&bucket->sleeps))
        return SLEEPS_UNKNOWN;
    raw_spin_lock(&bucket->lock);
    sleep = find_sleep(bucket, timer);
    if (sleep)
        fate = forget(sleep, now);
    raw_spin_unlock(&bucket->lock);
    return fate;
}

/* What is to be found: of one task or, with NULL, of all; with which deadlines, the sure ones apart. */
struct wanted {
    const struct task_struct *task;
    u64 until, until_sure;
};

static bool is_wanted(const struct sleep *sleep, const struct wanted *wanted)
{
    return (!wanted->task || sleep->task == wanted->task) &&
           deadline_at(sleep) <= (sleep->sure ? wanted->until_sure : wanted->until);
}

/* The earliest that is wanted, from this one on. The queue's lock is held. */
static struct sleep *find_wanted(struct sleep *sleep, const struct wanted *wanted)
{
    int looked_at;

    for (looked_at = 0; looked_at < SLEEPS_TAKE; looked_at++) {
        if (!sleep || deadline_at(sleep) > wanted->until)
            return NULL;
        if (is_wanted(sleep, wanted))
            return sleep;
        sleep = sleep_at(rb_next(&sleep->node.node));
    }
    return NULL;
}

/* Takes at most `most` that are wanted out of order, into `taken`. Returns how many. */
static unsigned int take_wanted(struct queue *queue, const struct wanted *wanted, unsigned int most,
                                struct sleep *taken[])
{
    unsigned int count = 0;
    struct sleep *sleep;

    raw_spin_lock(&queue->lock);
    while (count < most && (sleep = find_wanted(first_in_order(queue), wanted))) {
        timerqueue_del(&queue->ordered, &sleep->node);
        taken[count++] = sleep;
    }
    if (count)
        note_first(queue);
    raw_spin_unlock(&queue->lock);
    return count;
}

static void unlink_and_free(struct sleep *sleep)
{
    struct bucket *bucket = bucket_of(sleep->timer);

    raw_spin_lock(&bucket->lock);
    hlist_del_init(&sleep->link);
    raw_spin_unlock(&bucket->lock);
    put_free(sleep);
}

static unsigned int take_all(unsigned int cpu, const struct wanted *wanted)
{
    struct sleep *taken[SLEEPS_TAKE];
    unsigned int i, count = take_wanted(per_cpu_ptr(&queues, cpu), wanted, SLEEPS_TAKE, taken);

    for (i = 0; i < count; i++)
        unlink_and_free(taken[i]);
    return count;
}

unsigned int sleeps_take(unsigned int cpu, const struct task_struct *task, u64 until)
{
    const struct wanted wanted = {.task = task, .until = until, .until_sure = until};

    return take_all(cpu, &wanted);
}

unsigned int sleeps_give_up(unsigned int cpu, u64 until, u64 until_sure)
{
    const struct wanted wanted = {.until = until, .until_sure = until_sure};

    return take_all(cpu, &wanted);
}

void sleeps_begin(unsigned int cpu, const struct task_struct *task, u64 now)
{
    const struct wanted wanted = {.task = task, .until = now, .until_sure = now};
    struct queue *queue = per_cpu_ptr(&queues, cpu);
    struct sleep *sleep;

    raw_spin_lock(&queue->lock);
    sleep = find_wanted(queue->first, &wanted);
    if (sleep)
        sleep->sure = true;
    raw_spin_unlock(&queue->lock);
}

u64 sleeps_reached(unsigned int cpu, const struct task_struct *task, u64 now)
{
    const struct wanted wanted = {.task = task, .until = now, .until_sure = now};
    struct queue *queue = per_cpu_ptr(&queues, cpu);
    u64 deadline;

    raw_spin_lock(&queue->lock);
    deadline = deadline_at(find_wanted(queue->first, &wanted));
    raw_spin_unlock(&queue->lock);
    return deadline;
}

/*
 * Moves a sleep that was taken out of order to another queue. Returns false when it was dropped: for lack of
 * room there, or because its timer was forgotten meanwhile.
 */
static bool move_first(struct sleep *old, struct queue *to)
{
    struct bucket *bucket = bucket_of(old->timer);
    struct sleep *new = NULL;

    raw_spin_lock(&bucket->lock);
    if (!hlist_unhashed(&old->link)) { /* not forgotten: its timer is still set */
        new = take_free(to, old->timer, old->task, deadline_at(old), old->sure);
        if (new)
            hlist_add_head(&new->link, &bucket->sleeps);
    }
    raw_spin_unlock(&bucket->lock);
    unlink_and_free(old);
    return new;
}

unsigned int sleeps_leave_cpu(unsigned int cpu, unsigned int to)
{
    const struct wanted all = {.until = ONTIME_NO_DEADLINE - 1, .until_sure = ONTIME_NO_DEADLINE - 1};
    struct queue *queue = per_cpu_ptr(&queues, cpu);
    struct sleep *sleep;
    unsigned int lost = 0;

    while (take_wanted(queue, &all, 1, &sleep))
        lost += !move_first(sleep, per_cpu_ptr(&queues, to));
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
