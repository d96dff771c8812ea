// SPDX-License-Identifier: Apache-2.0
/*
 * The system file's reader against a corpus of sources: corpus/good is accepted, with the values looked at
 * here; corpus/bad is refused, each file with exactly the message after "// refused: " in it. dtc compiles
 * them as the test runs. What dtc cannot be brought to write is made with libfdt; and files with random
 * damage never make the reader touch a byte outside the file (AddressSanitizer watches: each is copied to a
 * block of its own size).
 *
 * Runs in the repository's root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <dirent.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "boot/system_file.h"

#define CORPUS          "tests/unit/corpus"
#define REFUSED         "// refused: "
#define BAD_FILES_MIN   80
#define DAMAGED_FILES   20000
#define CPU_LISTS       2000
#define ERROR_SIZE      256
#define HANDMADE_SIZE   65536
#define MIB             UINT64_C(0x100000)
#define IMAGE_SIZE      64
#define IMAGE_MAGIC_AT  56
#define IMAGE_MEMORY_AT 16

struct file {
    void *data;
    size_t size;
};

static struct system_config config;
static char error[ERROR_SIZE];

static struct file read_stream(FILE *stream)
{
    struct file file = {NULL, 0};
    size_t room = 0;
    size_t got;
    do {
        if (file.size == room) {
            room = room == 0 ? 4096 : 2 * room;
            file.data = realloc(file.data, room);
            assert_non_null(file.data);
        }
        got = fread((char *)file.data + file.size, 1, room - file.size, stream);
        file.size += got;
    } while (got != 0);
    return file;
}

static struct file compile(const char *folder, const char *name)
{
    char command[512];
    snprintf(command, sizeof(command), "dtc -q -I dts -O dtb %s/%s/%s", CORPUS, folder, name);
    FILE *stream = popen(command, "r"); // NOLINT(cert-env33-c): a fixed command on files of this repository
    assert_non_null(stream);
    struct file file = read_stream(stream);
    if (pclose(stream) != 0 || file.size == 0)
        fail_msg("%s does not compile", name);
    return file;
}

static int read_config(struct file file)
{
    memset(error, 0, sizeof(error));
    memset(&config, 0xa5, sizeof(config));
    return system_file_read(file.data, file.size, &config, error, sizeof(error));
}

static int is_source(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".dts") == 0;
}

/* Calls visit() for each source in a folder of the corpus; returns how many there are. */
static int for_each_source(const char *folder, void (*visit)(const char *name))
{
    char path[64];
    struct dirent **entries;
    snprintf(path, sizeof(path), "%s/%s", CORPUS, folder);
    int count = scandir(path, &entries, is_source, alphasort);
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        visit(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return count;
}

static void expected_message(const char *name, char *message, size_t size)
{
    char path[256];
    char *found = NULL;
    snprintf(path, sizeof(path), "%s/bad/%s", CORPUS, name);
    FILE *source = fopen(path, "r");
    assert_non_null(source);
    while (found == NULL && fgets(message, (int)size, source) != NULL) {
        if (strncmp(message, REFUSED, strlen(REFUSED)) == 0)
            found = message + strlen(REFUSED);
    }
    fclose(source);
    if (found == NULL) {
        fail_msg("%s does not say why it is refused", name);
        return;
    }
    found[strcspn(found, "\n")] = '\0';
    memmove(message, found, strlen(found) + 1);
}

static void check_refused(const char *name)
{
    char message[ERROR_SIZE];
    expected_message(name, message, sizeof(message));
    struct file file = compile("bad", name);
    if (read_config(file) == 0)
        fail_msg("%s is accepted", name);
    if (strcmp(error, message) != 0)
        fail_msg("%s is refused with\n  %s\nand not with\n  %s", name, error, message);
    free(file.data);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    assert_true(for_each_source("bad", check_refused) >= BAD_FILES_MIN);
}

static void check_accepted(const char *name)
{
    struct file file = compile("good", name);
    if (read_config(file) != 0)
        fail_msg("%s is refused: %s", name, error);
    free(file.data);
}

static void good_files_are_accepted(void **state)
{
    (void)state;
    assert_true(for_each_source("good", check_accepted) >= 5);
}

static struct file accepted(const char *name)
{
    struct file file = compile("good", name);
    if (read_config(file) != 0)
        fail_msg("%s is refused: %s", name, error);
    return file;
}

static void defaults_are_as_documented(void **state)
{
    (void)state;
    struct file file = accepted("minimal.dts");
    const struct vm_config *vm = &config.vms[0];
    assert_string_equal(config.scheduler, "cbs");
    assert_int_equal(config.allowance_us, 5000);
    assert_int_equal(config.trace_kib, 256);
    assert_false(config.gp_timers);
    assert_int_equal(config.vm_count, 1);
    assert_string_equal(vm->name, "a");
    assert_int_equal(vm->vcpus, 1);
    assert_int_equal(vm_config_cpu(vm, 0), 0);
    assert_int_equal(vm_config_cpus(vm), 1);
    assert_int_equal(vm->weight, 1);
    assert_int_equal(vm->timers, TIMERS_WAKE);
    assert_int_equal(vm->tick_us | vm->warp_us | vm->warp_limit_us | vm->unwarp_us, 0);
    assert_int_equal(vm->horizon_us | vm->job_us | vm->period_us, 0);
    assert_int_equal(vm->watchdog_ms | vm->restart_seconds, 0);
    assert_false(vm->ends_system);
    assert_false(vm->observer);
    assert_false(vm->control);
    assert_false(vm->console_raw);
    assert_string_equal(vm->bootargs, "");
    assert_null(vm->initrd.data);
    assert_int_equal(vm->initrd_address, 0);
    free(file.data);
}

static const struct vm_config *vm_named(const char *name)
{
    for (unsigned i = 0; i < config.vm_count; i++) {
        if (strcmp(config.vms[i].name, name) == 0)
            return &config.vms[i];
    }
    fail_msg("no VM is called %s", name);
    return NULL;
}

static void timer_defaults_are_as_documented(void **state)
{
    (void)state;
    struct file file = accepted("defaults.dts");
    const struct vm_config *tick = vm_named("tick");
    const struct vm_config *precise = vm_named("precise");
    assert_int_equal(tick->timers, TIMERS_TICK);
    assert_int_equal(tick->tick_us, 10000);
    assert_int_equal(tick->warp_us | tick->warp_limit_us | tick->unwarp_us, 0);
    assert_int_equal(precise->timers, TIMERS_PRECISE);
    assert_int_equal(precise->tick_us, 0);
    assert_int_equal(precise->horizon_us, 100000);
    assert_int_equal(precise->job_us, 50);
    assert_int_equal(precise->period_us, 0);
    assert_int_equal(precise->warp_us | precise->warp_limit_us | precise->unwarp_us, 0);
    free(file.data);
}

static void warp_defaults_are_as_documented(void **state)
{
    (void)state;
    struct file file = accepted("bvt.dts");
    const struct vm_config *snoop = vm_named("snoop");
    assert_string_equal(config.scheduler, "bvt");
    assert_int_equal(snoop->warp_limit_us, 5000);
    assert_int_equal(snoop->warp_us, 2 * 5000 + 5000);
    assert_int_equal(snoop->unwarp_us, 0);
    assert_int_equal(snoop->horizon_us | snoop->job_us | snoop->period_us, 0);
    const struct vm_config *precise = vm_named("precise");
    assert_int_equal(precise->warp_us, 20000);
    assert_int_equal(precise->warp_limit_us, 2000);
    assert_int_equal(precise->unwarp_us, 100);
    free(file.data);
}

static bool is_inside(struct file file, struct blob blob)
{
    const uint8_t *start = file.data;
    return blob.data >= start && blob.size <= file.size && blob.data <= start + (file.size - blob.size);
}

static void values_are_read(void **state)
{
    (void)state;
    struct file file = accepted("every-property.dts");
    assert_int_equal(config.allowance_us, 200);
    assert_int_equal(config.trace_kib, 64);
    assert_true(config.gp_timers);
    assert_int_equal(config.vm_count, 4);

    const struct vm_config *player = vm_named("player");
    assert_int_equal(player->memory_mib, 1024);
    assert_int_equal(player->vcpus, 2);
    assert_int_equal(vm_config_cpu(player, 0), 3);
    assert_int_equal(vm_config_cpu(player, 1), 1);
    assert_int_equal(player->weight, 3);
    assert_int_equal(player->timers, TIMERS_PRECISE);
    assert_int_equal(player->horizon_us, 250000);
    assert_int_equal(player->job_us, 400);
    assert_int_equal(player->period_us, 10000);
    assert_int_equal(player->watchdog_ms, 30000);
    assert_true(player->watchdog_reports);
    assert_int_equal(player->restarts, 3);
    assert_int_equal(player->restart_seconds, 600);
    assert_true(player->ends_system);
    assert_true(player->observer);
    assert_true(player->control);
    assert_int_equal(system_control_cpus(&config), 1u << 3 | 1u << 1);
    for (unsigned i = 0; i < config.vm_count; i++) /* it may use each one's UART */
        assert_int_equal(system_cpus_with_links(&config, i),
                         system_control_cpus(&config) | vm_config_cpus(&config.vms[i]));
    assert_true(player->console_raw);
    assert_int_equal(player->memory_base, GUEST_RAM_BASE);
    assert_string_equal(player->bootargs, "console=ttyAMA0 quiet");
    assert_int_equal(player->kernel.size, IMAGE_SIZE);
    assert_memory_equal(player->kernel.data + IMAGE_MAGIC_AT, "ARM\x64", 4);
    assert_int_equal(player->initrd.size, sizeof("an initramfs"));
    assert_memory_equal(player->initrd.data, "an initramfs", sizeof("an initramfs"));
    assert_true(is_inside(file, player->kernel));
    assert_true(is_inside(file, player->initrd));

    const struct vm_config *matmul = vm_named("matmul-2");
    assert_int_equal(matmul->timers, TIMERS_TICK);
    assert_int_equal(matmul->tick_us, 1000);
    assert_int_equal(matmul->watchdog_ms, 10);
    assert_false(matmul->watchdog_reports);
    assert_int_equal(matmul->restarts, 0);
    assert_int_equal(matmul->restart_seconds, 1);
    assert_false(matmul->ends_system);
    assert_false(matmul->console_raw);
    assert_ptr_equal(matmul->initrd.data, player->initrd.data);
    assert_int_equal(vm_named("bare")->timers, TIMERS_WAKE);
    free(file.data);
}

static void expect_end(const struct link_config *link, unsigned end, const char *vm, unsigned index,
                       uint64_t memory)
{
    assert_string_equal(config.vms[link->ends[end].vm].name, vm);
    assert_int_equal(link->ends[end].index, index);
    assert_int_equal(link->ends[end].memory, memory);
}

/* Each end sees its links in the file's order, and their memory one behind the other. */
static void links_are_placed_for_each_end(void **state)
{
    (void)state;
    struct file file = accepted("links.dts");
    const struct link_config *links = config.links;
    assert_int_equal(config.vm_count, 3);
    assert_int_equal(config.link_count, 3);
    assert_string_equal(links[0].name, "first");
    assert_int_equal(links[0].memory_kib, 256);
    assert_false(links[0].uncached);
    assert_false(links[0].ends[0].read_only);
    assert_true(links[0].ends[1].read_only);
    assert_false(links[0].ends[0].warps || links[2].ends[0].warps || links[2].ends[1].warps);
    assert_true(links[0].ends[1].warps && links[1].ends[0].warps && links[1].ends[1].warps);
    assert_true(system_interrupts_warp(&config, 0) && !system_interrupts_warp(&config, 2));
    expect_end(&links[0], 0, "a", 0, 0x9400000);
    expect_end(&links[0], 1, "b", 0, 0x9400000);
    assert_string_equal(links[1].name, "second");
    assert_true(links[1].uncached);
    assert_false(links[1].ends[0].read_only);
    assert_false(links[1].ends[1].read_only);
    expect_end(&links[1], 0, "b", 1, 0x9440000);
    expect_end(&links[1], 1, "a", 1, 0x9440000);
    assert_int_equal(links[2].memory_kib, 12028); /* to the end of the room */
    expect_end(&links[2], 0, "c", 0, 0x9400000);
    expect_end(&links[2], 1, "a", 2, 0x9441000);
    assert_true(system_interrupts_warp(&config, 0) && system_interrupts_warp(&config, 1));
    assert_int_equal(system_cpus_with_links(&config, 0), 3);
    assert_int_equal(system_cpus_with_links(&config, 1), 3);
    assert_int_equal(system_cpus_with_links(&config, 2), 1);
    free(file.data);
}

static void expect_virtio(const struct virtio_config *virtio, const char *name, const char *kind, uint32_t id,
                          uint64_t window)
{
    assert_string_equal(virtio->name, name);
    assert_string_equal(virtio->kind, kind);
    assert_int_equal(virtio->device_id, id);
    assert_int_equal(virtio->window, window);
}

static void expect_side(const struct virtio_end *end, const char *vm, unsigned index, bool warps)
{
    assert_string_equal(config.vms[end->vm].name, vm);
    assert_int_equal(end->index, index);
    assert_int_equal(end->warps, warps);
}

/* Each VM counts those that it drives, those that it serves, and whom it serves. */
static void virtio_devices_are_placed_for_each_side(void **state)
{
    struct file file = accepted("virtio.dts");
    const struct virtio_config *virtios = config.virtios;

    (void)state;
    assert_int_equal(config.virtio_count, 4);
    expect_virtio(&virtios[0], "disk", "block", 2, 0x1000000000);
    expect_side(&virtios[0].ends[VIRTIO_DRIVER], "a", 0, true);
    expect_side(&virtios[0].ends[VIRTIO_SERVICE], "b", 0, false);
    expect_virtio(&virtios[1], "lan", "net", 1, 0x1400000000);
    expect_side(&virtios[1].ends[VIRTIO_DRIVER], "c", 0, true);
    expect_side(&virtios[1].ends[VIRTIO_SERVICE], "b", 1, true);
    expect_virtio(&virtios[2], "sock", "vsock", 19, 0x1000000000);
    expect_side(&virtios[2].ends[VIRTIO_DRIVER], "a", 1, false);
    expect_side(&virtios[2].ends[VIRTIO_SERVICE], "b", 2, false);
    expect_virtio(&virtios[3], "back", "net", 1, 0x1000000000);
    expect_side(&virtios[3].ends[VIRTIO_DRIVER], "b", 0, false);
    expect_side(&virtios[3].ends[VIRTIO_SERVICE], "c", 0, false);
    assert_int_equal(system_virtios_of(&config, 1, VIRTIO_SERVICE), 3);
    assert_int_equal(system_virtios_of(&config, 1, VIRTIO_DRIVER), 1);
    assert_int_equal(system_cpus_with_links(&config, 0), 3);
    assert_int_equal(system_cpus_with_links(&config, 1), 7);
    assert_int_equal(system_cpus_with_links(&config, 2), 6);
    free(file.data);
}

static void pieces_are_placed_as_qemu_places_them(void **state)
{
    (void)state;
    struct file file = accepted("every-property.dts");
    const struct vm_config *player = vm_named("player");
    assert_true(player->is_linux_image);
    assert_int_equal(player->load_address, 0x40200000);
    assert_int_equal(player->entry, 0x40200000);
    assert_int_equal(player->initrd_address, 0x48000000);
    assert_int_equal(player->tree_address, 0x48200000);

    const struct vm_config *matmul = vm_named("matmul-2"); /* 64 MiB, text_offset 512 KiB */
    assert_int_equal(matmul->load_address, 0x40080000);
    assert_int_equal(matmul->initrd_address, 0x42000000);
    assert_int_equal(matmul->tree_address, 0x42200000);

    const struct vm_config *bare = vm_named("bare"); /* 2 MiB */
    assert_false(bare->is_linux_image);
    assert_int_equal(bare->load_address, 0x40080000);
    assert_int_equal(bare->entry, 0x40080000);
    assert_int_equal(bare->tree_address, 0x40100000);

    const struct vm_config *a = vm_named("a"); /* 64 MiB, the kernel reaches beyond the middle; no initrd */
    assert_int_equal(a->tree_address, 0x42200000);
    free(file.data);
}

static void pieces_are_aligned(void **state)
{
    (void)state;
    struct file file = accepted("edges.dts");
    const struct vm_config *odd = vm_named("odd");
    assert_int_equal(odd->load_address, 0x40001000);
    assert_int_equal(odd->initrd_address, 0x42202000);
    assert_int_equal(odd->tree_address, 0x42400000);
    free(file.data);
}

static void pieces_go_where_the_file_says(void **state)
{
    (void)state;
    struct file file = accepted("places.dts");
    assert_int_equal(vm_named("shifted")->load_address, 0x40200000);
    assert_int_equal(vm_named("shifted")->tree_address, 0x42000000);

    const struct vm_config *chosen = vm_named("chosen");
    assert_true(chosen->is_linux_image);
    assert_int_equal(chosen->load_address, 0x41000000);
    assert_int_equal(chosen->entry, 0x41000000);
    assert_int_equal(chosen->initrd_address, 0x43000000);
    assert_int_equal(chosen->tree_address, 0x40000000);

    const struct vm_config *raw = vm_named("raw");
    assert_int_equal(raw->load_address, 0x42000000);
    assert_int_equal(raw->tree_address, 0x43ff0000);

    const struct vm_config *low = vm_named("low");
    assert_int_equal(low->memory_base, 0);
    assert_int_equal(low->load_address, 0x200000);
    assert_int_equal(low->tree_address, 0x4000000);
    assert_int_equal(vm_named("behind-devices")->load_address, 0xa200000);
    assert_int_equal(vm_named("high")->memory_base, 0xfffc000000);
    assert_int_equal(vm_named("high")->load_address, 0xfffffffffc);
    free(file.data);
}

static void devices_are_listed(void **state)
{
    (void)state;
    struct file file = accepted("devices.dts");
    const struct vm_config *disk = vm_named("disk"), *keys = vm_named("keys"), *a = vm_named("a");
    static const char paths[] = "/virtio_mmio@a003c00\0/virtio_mmio@a003e00";

    assert_true(disk->direct_map && disk->trusted_dma);
    assert_int_equal(disk->devices_size, sizeof(paths));
    assert_memory_equal(disk->devices, paths, sizeof(paths));
    assert_true(keys->direct_map);
    assert_false(keys->trusted_dma);
    assert_string_equal(keys->devices, "/pl061@9030000");
    assert_int_equal(vm_named("far")->memory_base, 0xfffffc000000);
    assert_int_equal(vm_named("far")->load_address, 0xfffffc200000);
    assert_null(a->devices);
    assert_int_equal(a->devices_size, 0);
    assert_false(a->direct_map || a->trusted_dma);
    free(file.data);
}

static void padding_behind_the_file_is_ignored(void **state)
{
    (void)state;
    struct file file = compile("good", "minimal.dts");
    struct file padded = {calloc(1, file.size + 4096), file.size + 4096};
    assert_non_null(padded.data);
    memcpy(padded.data, file.data, file.size);
    assert_int_equal(read_config(padded), 0);
    free(padded.data);
    free(file.data);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    struct file file = compile("good", "minimal.dts");
    for (size_t size = 0; size < file.size; size++) {
        struct file part = {malloc(size != 0 ? size : 1), size};
        assert_non_null(part.data);
        memcpy(part.data, file.data, size);
        assert_int_equal(read_config(part), -1);
        assert_non_null(
            strstr(error, size < sizeof(struct fdt_header) ? "no compiled device tree" : "truncated"));
        free(part.data);
    }
    free(file.data);
}

static void unaligned_files_are_refused(void **state)
{
    (void)state;
    struct file file = compile("good", "minimal.dts");
    char *room = malloc(file.size + 4);
    assert_non_null(room);
    memcpy(room + 4, file.data, file.size);
    assert_int_equal(read_config((struct file){room + 4, file.size}), -1);
    assert_non_null(strstr(error, "not a multiple of 8"));
    free(room);
    free(file.data);
}

static void old_formats_are_refused(void **state)
{
    (void)state;
    struct file file = compile("good", "minimal.dts");
    fdt_set_version(file.data, 16);
    assert_int_equal(read_config(file), -1);
    assert_string_equal(error, "its format has version 16, not 17");
    free(file.data);
}

static void vcpus_may_float_over_cpus(void **state)
{
    (void)state;
    struct file file = accepted("floating.dts");
    const struct vm_config *a = vm_named("a"), *b = vm_named("b"), *c = vm_named("c");

    assert_int_equal(a->floats_on, 1 << 2 | 1);
    assert_int_equal(vm_config_cpu(a, 0), 2); /* it begins there */
    assert_int_equal(vm_config_cpus(a), 1 << 2 | 1);
    assert_int_equal(vm_config_vcpus_on(a, 0), 1);
    assert_int_equal(vm_config_vcpus_on(a, 1), 0);
    assert_int_equal(vm_config_cpu(b, 0), 0);
    assert_int_equal(vm_config_cpu(b, 1), 2);
    assert_int_equal(vm_config_cpu(b, 2), 0);
    assert_int_equal(vm_config_vcpus_on(b, 0), 3);
    assert_int_equal(vm_config_vcpus_on(b, 2), 3);
    assert_true(vm_config_is_on(b, 0, 2));
    assert_int_equal(c->floats_on, 0);
    assert_true(vm_config_is_on(c, 0, 2));
    assert_false(vm_config_is_on(c, 0, 0));
    free(file.data);
}

static void vcpus_are_on_the_cpus_named(void **state)
{
    (void)state;
    struct file file = accepted("cpus.dts");
    const struct vm_config *round = vm_named("round");
    const unsigned cpus[] = {2, 0, 63, 2, 0, 63, 2, 0};
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(vm_config_cpu(round, i), cpus[i]);
    assert_int_equal(vm_config_cpus(round), UINT64_C(1) << 63 | 1 << 2 | 1);
    assert_int_equal(vm_config_vcpus_on(round, 0), 3);
    assert_int_equal(vm_config_vcpus_on(round, 1), 0);
    assert_int_equal(vm_config_vcpus_on(round, 2), 3);
    assert_int_equal(vm_config_vcpus_on(round, 63), 2);
    assert_int_equal(vm_config_cpus(vm_named("one")), 1 << 1);
    assert_int_equal(vm_config_vcpus_on(vm_named("one"), 1), 4);
    assert_int_equal(vm_config_cpus(vm_named("none")), 1);
    assert_int_equal(vm_config_vcpus_on(vm_named("none"), 0), 3);
    free(file.data);
}

/* Writes a file with so many VMs, vm-0 on or all of the same name, and its images node `images` times. */
static struct file handmade(unsigned vms, bool same_name, unsigned images)
{
    uint8_t kernel[IMAGE_SIZE] = {0};
    struct file file = {calloc(1, HANDMADE_SIZE), HANDMADE_SIZE};
    assert_non_null(file.data);
    memcpy(kernel + IMAGE_MAGIC_AT, "ARM\x64", 4); // NOLINT(bugprone-not-null-terminated-result)
    kernel[IMAGE_MEMORY_AT + 2] = 1;               /* 64 KiB */

    int status = fdt_create(file.data, HANDMADE_SIZE);
    status |= fdt_finish_reservemap(file.data);
    status |= fdt_begin_node(file.data, "");
    status |= fdt_property_string(file.data, "compatible", "ontime,system");
    for (unsigned i = 0; i < images; i++) {
        status |= fdt_begin_node(file.data, "images");
        status |= fdt_begin_node(file.data, "kernel");
        status |= fdt_property(file.data, "data", kernel, sizeof(kernel));
        status |= fdt_property_u32(file.data, "phandle", 1);
        status |= fdt_end_node(file.data);
        status |= fdt_end_node(file.data);
    }
    for (unsigned i = 0; i < vms; i++) {
        char name[32];
        snprintf(name, sizeof(name), "vm-%u", same_name ? 0 : i);
        status |= fdt_begin_node(file.data, name);
        status |= fdt_property_string(file.data, "compatible", "ontime,vm");
        status |= fdt_property_u32(file.data, "memory-mib", 8);
        status |= fdt_property_u32(file.data, "kernel", 1);
        status |= fdt_end_node(file.data);
    }
    status |= fdt_end_node(file.data);
    status |= fdt_finish(file.data);
    assert_int_equal(status, 0);
    return file;
}

static void check_handmade(unsigned vms, bool same_name, unsigned images, const char *message)
{
    struct file file = handmade(vms, same_name, images);
    assert_int_equal(read_config(file), message[0] == '\0' ? 0 : -1);
    assert_string_equal(error, message);
    free(file.data);
}

static void too_many_and_equal_nodes_are_refused(void **state)
{
    (void)state;
    check_handmade(SYSTEM_MAX_VMS, false, 1, "");
    check_handmade(SYSTEM_MAX_VMS + 1, false, 1, "node /vm-64: more than 64 VMs");
    check_handmade(2, true, 1, "node /vm-0: two nodes of this name");
    check_handmade(1, false, 2, "node /images: two nodes of this name");
    check_handmade(1, false, 0, "node /vm-0: property kernel: refers to no node");
}

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((random_state >> 33) % limit);
}

/* What the reader says of `vcpus` and `cpus`, `count` of them: only the first mistake. */
static void expect_of_cpus(uint32_t vcpus, const uint32_t *cpus, unsigned count, char *message)
{
    message[0] = '\0';
    for (unsigned i = 0; i < count; i++) {
        bool twice = false;
        for (unsigned k = 0; k < i; k++)
            twice = twice || cpus[k] == cpus[i];
        if (cpus[i] > 63 || twice) {
            snprintf(message, ERROR_SIZE, "node /vm-a: property cpus: %u is %s", cpus[i],
                     cpus[i] > 63 ? "not in 0..63" : "named twice");
            return;
        }
    }
    if (count > vcpus)
        snprintf(message, ERROR_SIZE,
                 "node /vm-a: property cpus: %u are named, more than vcpus, %u: a vCPU stays on one CPU, "
                 "unless the VM is floating",
                 count, vcpus);
}

/* Random lists, long, with the same number again and with numbers of 64 and more among them. */
static void any_list_of_cpus_is_read_or_refused(void **state)
{
    (void)state;
    unsigned accepted_lists = 0;
    struct file file = compile("good", "minimal.dts");
    struct file room = {malloc(HANDMADE_SIZE), HANDMADE_SIZE};
    assert_non_null(room.data);

    random_state = 1;
    for (unsigned i = 0; i < CPU_LISTS; i++) {
        uint32_t cpus[10], cells[10];
        char message[ERROR_SIZE];
        unsigned count = 1 + random_below(10);
        uint32_t vcpus = 1 + random_below(SYSTEM_MAX_VCPUS);
        uint32_t most = 1u << (2 + random_below(5)); /* 4 to 64 */
        for (unsigned k = 0; k < count; k++) {
            cpus[k] = random_below(64) == 0 ? 64 + random_below(1000) : random_below(most);
            cells[k] = cpu_to_fdt32(cpus[k]);
        }
        assert_int_equal(fdt_open_into(file.data, room.data, HANDMADE_SIZE), 0);
        int node = fdt_path_offset(room.data, "/vm-a");
        assert_int_equal(fdt_setprop_u32(room.data, node, "vcpus", vcpus), 0);
        assert_int_equal(fdt_setprop(room.data, node, "cpus", cells, (int)(count * sizeof(cells[0]))), 0);
        expect_of_cpus(vcpus, cpus, count, message);
        assert_int_equal(read_config(room), message[0] == '\0' ? 0 : -1);
        assert_string_equal(error, message);
        for (unsigned k = 0; message[0] == '\0' && k < vcpus; k++)
            assert_int_equal(vm_config_cpu(&config.vms[0], k), cpus[k % count]);
        accepted_lists += message[0] == '\0';
    }
    assert_in_range(accepted_lists, CPU_LISTS / 10, CPU_LISTS - CPU_LISTS / 10);
    free(room.data);
    free(file.data);
}

static void check_result(struct file file, int result)
{
    if (result != 0) {
        assert_true(strlen(error) > 10);
        for (const char *at = error; *at != '\0'; at++)
            assert_true(isprint((unsigned char)*at));
        return;
    }
    assert_in_range(config.vm_count, 1, SYSTEM_MAX_VMS);
    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm = &config.vms[i];
        uint64_t end = vm->memory_base + vm->memory_mib * MIB;
        assert_true(vm->kernel.size != 0 && is_inside(file, vm->kernel));
        assert_true(vm->initrd.data == NULL || is_inside(file, vm->initrd));
        assert_true(vm->load_address >= vm->memory_base && vm->load_address + vm->kernel.size <= end);
        assert_true(vm->initrd_address + vm->initrd.size <= end);
        assert_true(vm->tree_address >= vm->memory_base && vm->tree_address + GUEST_TREE_SIZE <= end);
        assert_true(strlen(vm->bootargs) <= SYSTEM_BOOTARGS_MAX);
        for (unsigned k = 0; k < vm->vcpus; k++)
            assert_true(vm_config_cpu(vm, k) < SYSTEM_MAX_CPUS);
    }
}

/*
 * Some bytes changed, mostly by one bit; now and then the end cut off with the header still claiming it or
 * not.
 */
static void damage(struct file *file)
{
    uint8_t *bytes = file->data;
    for (uint32_t changes = random_below(8); changes > 0; changes--) {
        uint8_t *byte = &bytes[random_below((uint32_t)file->size)];
        if (random_below(2) != 0)
            *byte = (uint8_t)random_below(256);
        else
            *byte ^= (uint8_t)(1u << random_below(8));
    }
    if (random_below(8) == 0)
        file->size -= random_below((uint32_t)file->size);
    if (random_below(8) == 0 && file->size >= sizeof(struct fdt_header))
        fdt_set_totalsize(file->data, (uint32_t)file->size);
}

/*
 * Room whose end is followed by a page that cannot be touched: libfdt itself is not compiled for the
 * sanitizer.
 */
static uint8_t *end_of_guarded_room(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (size + page - 1) / page * page;
    uint8_t *start = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(start != MAP_FAILED);
    assert_int_equal(mprotect(start + room, page, PROT_NONE), 0);
    return start + room;
}

static void random_damage_does_no_harm(void **state)
{
    (void)state;
    unsigned accepted_files = 0;
    struct file file = compile("good", "every-property.dts");
    uint8_t *end = end_of_guarded_room(file.size);
    struct file damaged = {malloc(file.size), 0};
    assert_non_null(damaged.data);

    random_state = 1;
    for (unsigned i = 0; i < DAMAGED_FILES; i++) {
        damaged.size = file.size;
        memcpy(damaged.data, file.data, file.size);
        damage(&damaged);
        struct file guarded = {end - (damaged.size + 7) / 8 * 8, damaged.size};
        memcpy(guarded.data, damaged.data, damaged.size);
        int result = read_config(guarded);
        check_result(guarded, result);
        accepted_files += result == 0;
    }
    /* Damage that is always found, or never, would not have gone far into the reader. */
    assert_in_range(accepted_files, DAMAGED_FILES / 20, DAMAGED_FILES - DAMAGED_FILES / 20);
    free(damaged.data);
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(good_files_are_accepted),
        cmocka_unit_test(defaults_are_as_documented),
        cmocka_unit_test(timer_defaults_are_as_documented),
        cmocka_unit_test(warp_defaults_are_as_documented),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(vcpus_are_on_the_cpus_named),
        cmocka_unit_test(vcpus_may_float_over_cpus),
        cmocka_unit_test(any_list_of_cpus_is_read_or_refused),
        cmocka_unit_test(links_are_placed_for_each_end),
        cmocka_unit_test(virtio_devices_are_placed_for_each_side),
        cmocka_unit_test(pieces_are_placed_as_qemu_places_them),
        cmocka_unit_test(pieces_are_aligned),
        cmocka_unit_test(pieces_go_where_the_file_says),
        cmocka_unit_test(devices_are_listed),
        cmocka_unit_test(padding_behind_the_file_is_ignored),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(unaligned_files_are_refused),
        cmocka_unit_test(old_formats_are_refused),
        cmocka_unit_test(too_many_and_equal_nodes_are_refused),
        cmocka_unit_test(random_damage_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
