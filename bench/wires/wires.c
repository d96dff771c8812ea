// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin for QEMU 10.0: connects wires that its model of the i.MX 8M Plus lacks.
 *
 *     qemu-system-aarch64 -M imx8mp-evk -plugin wires.so ...
 *
 * A GICv3 has four outputs for each CPU: IRQ and FIQ, and VIRQ and VFIQ, which are a guest's virtual
 * interrupts. QEMU 10.0.0 to 10.0.2 connect the first two to the CPUs of that machine, and leave the others
 * open: a virtual interrupt is pending in its list register, ends each WFI at once, and is never
 * taken. 10.0.3 connects all four, as QEMU's other machines always did.
 *
 * The plugin does the same when the first code is translated, as all devices are there by then. It changes
 * nothing else, and is refused on another machine. Wires that are connected it leaves alone.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "qemu.h"

#define MACHINE "imx8mp-evk-machine"

/* The GIC has an output of each kind for each CPU, kind by kind; these are kinds, and the CPU's inputs. */
#define VIRQ 2
#define VFIQ 3

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_name[] = "wires";

static unsigned cpu_count;

static struct {
    void *(*resolve)(const char *path, bool *ambiguous);
    void *(*resolve_type)(const char *path, const char *type, bool *ambiguous);
    const char *(*type_of)(const void *object);
    void *(*get_cpu)(int index);
    void *(*input)(void *device, int n);
    void (*connect)(void *device, int n, void *input);
    bool (*is_connected)(void *device, int n);
    void (*lock)(const char *file, int line);
    void (*unlock)(void);
} qemu;

static const struct qemu_function wanted[] = {
    {"object_resolve_path", &qemu.resolve},
    {"object_resolve_path_type", &qemu.resolve_type},
    {"object_get_typename", &qemu.type_of},
    {"qemu_get_cpu", &qemu.get_cpu},
    {"qdev_get_gpio_in", &qemu.input},
    {"sysbus_connect_irq", &qemu.connect},
    {"sysbus_is_irq_connected", &qemu.is_connected},
    {"bql_lock_impl", &qemu.lock},
    {"bql_unlock", &qemu.unlock},
};

static void give_up(const char *why)
{
    plugin_complain("%s", why);
    exit(1); // NOLINT(concurrency-mt-unsafe): nothing has run yet
}

static void connect_wires(void)
{
    void *machine, *gic;

    qemu.lock(__FILE__, __LINE__);
    machine = qemu.resolve("/machine", NULL);
    if (machine == NULL || strcmp(qemu.type_of(machine), MACHINE) != 0)
        give_up("it is for the machine imx8mp-evk");
    gic = qemu.resolve_type("", "arm-gicv3", NULL);
    if (gic == NULL)
        give_up("there is not one GICv3");
    for (int kind = VIRQ; kind <= VFIQ; kind++)
        for (int i = 0; i < (int)cpu_count; i++) {
            int output = kind * (int)cpu_count + i;

            if (!qemu.is_connected(gic, output))
                qemu.connect(gic, output, qemu.input(qemu.get_cpu(i), kind));
        }
    qemu.unlock();
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)id, (void)tb;
    (void)pthread_once(&once, connect_wires);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    (void)argv;
    if (argc != 0 || !info->system_emulation || strcmp(info->target_name, "aarch64") != 0)
        return plugin_complain("it is for qemu-system-aarch64, and takes no words");
    if (!qemu_find_functions(wanted, sizeof(wanted) / sizeof(wanted[0])))
        return 1;
    cpu_count = (unsigned)info->system.smp_vcpus;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
