// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of VMs with `control`, for user space. Ontime checks who may make them and what they ask for;
 * what is done here is to keep user space from naming memory. A call that takes a page gets the module's own,
 * and the content is copied. An image goes into blocks of ONTIME_IMAGE_BLOCK bytes, whose addresses are
 * listed in a page. Ontime copies from these while it loads the VM, so they are kept until that is over, and
 * whoever asked waits for it, whatever signal comes.
 *
 * A mutex serializes the use of the page.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>
#include <ontime/control.h>

#include "control.h"
#include "hypercall.h"

#define POLL_MS      10
#define BLOCK_ORDER  get_order(ONTIME_IMAGE_BLOCK)
#define POWER_ACTION 1 /* VM_POWER's arguments */
#define POWER_LIST   2
#define POWER_BYTES  3

enum direction { NONE, TO_USER, FROM_USER };

static const struct {
    u32 call;
    enum direction direction; /* of the page */
    unsigned int page;        /* which argument it is */
} calls[] = {
    {ONTIME_CALL_VM_INFO, TO_USER, 1},      {ONTIME_CALL_VCPU_INFO, TO_USER, 2},
    {ONTIME_CALL_VM_POWER, NONE, 0},        {ONTIME_CALL_VM_SET, NONE, 0},
    {ONTIME_CALL_CONSOLE_READ, TO_USER, 2}, {ONTIME_CALL_CONSOLE_WRITE, FROM_USER, 1},
    {ONTIME_CALL_TRACE_READ, TO_USER, 2},
};

static DEFINE_MUTEX(mutex);
static void *page;

int control_start(void)
{
    page = (void *)get_zeroed_page(GFP_KERNEL);
    return page ? 0 : -ENOMEM;
}

void control_stop(void)
{
    free_page((unsigned long)page);
}

/* Makes the call of this place in the table; the caller holds the mutex. */
static int make_call(unsigned int which, struct ontime_control *control)
{
    void __user *buffer = u64_to_user_ptr(control->buffer);
    int error;

    if (calls[which].direction != NONE)
        control->arguments[calls[which].page] = virt_to_phys(page);
    if (calls[which].direction == FROM_USER && copy_from_user(page, buffer, ONTIME_PAGE_SIZE))
        return -EFAULT;
    error = hypercall_control(calls[which].call, control->arguments, control->results);
    if (!error && calls[which].direction == TO_USER && copy_to_user(buffer, page, ONTIME_PAGE_SIZE))
        return -EFAULT;
    return error;
}

static void free_image(__le64 *list, u64 bytes)
{
    unsigned int i;

    for (i = 0; i < DIV_ROUND_UP_ULL(bytes, ONTIME_IMAGE_BLOCK); i++)
        if (list[i])
            free_pages((unsigned long)phys_to_virt(le64_to_cpu(list[i])), BLOCK_ORDER);
    free_page((unsigned long)list);
}

/*
 * Copies an image of at most ONTIME_IMAGE_BLOCKS blocks from user space. free_image() is to follow, also upon
 * an error.
 */
static int copy_image(__le64 *list, const u8 __user *image, u64 bytes)
{
    u64 done, some;
    void *block;

    for (done = 0; done < bytes; done += some) {
        block = (void *)__get_free_pages(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN, BLOCK_ORDER);
        if (!block)
            return -ENOMEM;
        list[done / ONTIME_IMAGE_BLOCK] = cpu_to_le64(virt_to_phys(block));
        some = min_t(u64, bytes - done, ONTIME_IMAGE_BLOCK);
        if (copy_from_user(block, image + done, some))
            return -EFAULT;
        cond_resched();
    }
    return 0;
}

/* Is Ontime at work to start the VM? */
static bool is_being_started(u64 vm)
{
    const struct ontime_vm_info *info = page;
    u64 arguments[4] = {vm, virt_to_phys(page)};
    u64 results[2];
    bool is;

    mutex_lock(&mutex);
    is = !hypercall_control(ONTIME_CALL_VM_INFO, arguments, results) &&
         (info->state == ONTIME_VM_STOPPING || info->state == ONTIME_VM_LOADING);
    mutex_unlock(&mutex);
    return is;
}

static int restart_with_image(struct ontime_control *control)
{
    u64 bytes = control->arguments[POWER_BYTES];
    __le64 *list;
    int error;

    if (bytes > (u64)ONTIME_IMAGE_BLOCKS * ONTIME_IMAGE_BLOCK)
        return -EFBIG;
    list = (__le64 *)get_zeroed_page(GFP_KERNEL);
    if (!list)
        return -ENOMEM;
    error = copy_image(list, u64_to_user_ptr(control->buffer), bytes);
    if (!error) {
        control->arguments[POWER_LIST] = virt_to_phys(list);
        error = hypercall_control(ONTIME_CALL_VM_POWER, control->arguments, control->results);
    }
    while (!error && is_being_started(control->arguments[0]))
        msleep(POLL_MS);
    free_image(list, bytes);
    return error;
}

static int serve(struct ontime_control *control)
{
    bool power = control->call == ONTIME_CALL_VM_POWER;
    unsigned int which;
    int error;

    if (power && control->arguments[POWER_ACTION] == ONTIME_POWER_RESTART && control->arguments[POWER_BYTES])
        return restart_with_image(control);
    if (power && control->arguments[POWER_LIST])
        return -EINVAL; /* user space names no memory */
    for (which = 0; which < ARRAY_SIZE(calls) && calls[which].call != control->call; which++)
        ;
    if (which == ARRAY_SIZE(calls))
        return -ENOTTY;
    mutex_lock(&mutex);
    error = make_call(which, control);
    mutex_unlock(&mutex);
    return error;
}

long control_request(struct ontime_control __user *request)
{
    struct ontime_control control;
    int error;

    if (copy_from_user(&control, request, sizeof(control)))
        return -EFAULT;
    error = serve(&control);
    if (!error && copy_to_user(request->results, control.results, sizeof(control.results)))
        return -EFAULT;
    return error;
}
