/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices of the machine VMs may be given, each refusal with its reason, and the nodes that their trees
 * have for them. The machine is BASE with changes, compiled by dtc as the test runs, or QEMU's own tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "boot/passthrough.h"
#include "boot/tree_walk.h"
#include "devices/guest_tree.h"
#include "devices/tree_writer.h"
#include "random.h"
#include "tree_of.h"

#define SOURCE_SIZE 16384
#define QEMU_SIZE   0x200000
#define DEVICES     SYSTEM_MAX_DEVICES
#define FILE_NAME   "/tmp/test_passthrough.XXXXXX"
#define NET         "/soc/net@1000"
#define DISK        "/disk@a000000"
#define GPIO        "/gpio@b000000"
#define PCIE        "/pcie@10000000"

static const char base[] =
    "/ {"
    "    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;"
    "    chosen { };"
    "    memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x10000000>; };"
    "    reserved-memory {"
    "        #address-cells = <2>; #size-cells = <2>; ranges; secure@60000000 { reg = <0 0x60000000 0 "
    "0x1000>; };"
    "    };"
    "    cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { device_type = \"cpu\"; reg = <0>; }; };"
    "    psci { compatible = \"arm,psci-1.0\"; method = \"smc\"; };"
    "    timer { compatible = \"arm,armv8-timer\"; interrupts = <1 13 4>, <1 14 4>; };"
    "    gic: intc@8000000 {"
    "        compatible = \"arm,gic-v3\"; interrupt-controller; #interrupt-cells = <3>;"
    "        #address-cells = <2>; #size-cells = <2>; ranges;"
    "        reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;"
    "        its@8080000 { compatible = \"arm,gic-v3-its\"; reg = <0 0x8080000 0 0x20000>; };"
    "    };"
    "    uart@9000000 { compatible = \"arm,pl011\"; reg = <0 0x9000000 0 0x1000>; interrupts = <0 1 4>; };"
    "    rtc@9010000 { compatible = \"arm,pl031\"; reg = <0 0x9010000 0 0x1000>; interrupts = <0 2 4>; };"
    "    slow: slow { compatible = \"fixed-clock\"; #clock-cells = <0>; clock-frequency = <12000000>; };"
    "    half: half {"
    "        compatible = \"fixed-factor-clock\"; #clock-cells = <0>; clocks = <&slow>;"
    "        clock-mult = <3>; clock-div = <2>;"
    "    };"
    "    many: many { #clock-cells = <1>; };"
    "    pins: pins { uart_pins: uart { }; };"
    "    dma: dma { #dma-cells = <1>; };"
    "    soc: soc {"
    "        compatible = \"simple-bus\"; #address-cells = <1>; #size-cells = <1>;"
    "        ranges = <0x0 1 0x20000000 0x8000>, <0x10000 2 0 0x10000>; dma-coherent;"
    "        net: net@1000 {"
    "            compatible = \"acme,net\"; reg = <0x1000 0x1000>, <0x12000 0x2001>;"
    "            interrupts = <0 40 4>, <0 41 1>; interrupt-names = \"rx\", \"tx\";"
    "            clocks = <&slow>, <&half>, <&slow>; clock-names = \"a\", \"b\", \"c\";"
    "            assigned-clocks = <&slow>; assigned-clock-rates = <1>;"
    "            pinctrl-names = \"default\"; pinctrl-0 = <&uart_pins>; phy-handle = <&phy>;"
    "            acme,speed = <1000>; assigned-addresses = <1 2 3>; local-mac-address = [02 00 00 00 00 01];"
    "            mdio: mdio {"
    "                #address-cells = <1>; #size-cells = <0>;"
    "                gone@2 { reg = <2>; status = \"disabled\"; deeper { acme,gone; }; };"
    "                phy: phy@3 { reg = <3>; acme,mode = \"x\"; led { }; };"
    "            };"
    "            last { };"
    "        };"
    "    };"
    "    disk: disk@a000000 {"
    "        compatible = \"virtio,mmio\"; reg = <0 0xa000000 0 0x200>; interrupts = <0 16 1>; dma-coherent;"
    "    };"
    "    disk@a000200 { compatible = \"virtio,mmio\"; reg = <0 0xa000200 0 0x200>; interrupts = <0 17 1>; };"
    "    gpio: gpio@b000000 {"
    "        compatible = \"arm,pl061\", \"arm,primecell\"; reg = <0 0xb000000 0 0x1000>;"
    "        interrupts-extended = <&gic 0 7 4>; gpio-controller; #gpio-cells = <2>; clocks = <&slow>;"
    "    };"
    "    smmu: smmu@9050000 { compatible = \"arm,smmu-v3\"; reg = <0 0x9050000 0 0x20000>; #iommu-cells = "
    "<1>; };"
    "    pcie: pcie@10000000 {"
    "        compatible = \"pci-host-ecam-generic\"; device_type = \"pci\"; reg = <0 0x3f000000 0 0x1000000>;"
    "        #address-cells = <3>; #size-cells = <2>; #interrupt-cells = <1>; bus-range = <0 15>; "
    "dma-coherent;"
    "        ranges = <0x1000000 0 0 0 0x3eff0000 0 0x10000>, <0x2000000 0 0x10000000 0 0x10000000 0 "
    "0x2eff0000>;"
    "        interrupt-map-mask = <0x1800 0 0 7>;"
    "        interrupt-map = <0 0 0 1 &gic 0 0 0 3 4>, <0 0 0 2 &gic 0 0 0 4 4>, <0x800 0 0 1 &gic 0 0 0 4 "
    "4>;"
    "        iommu-map = <0 &smmu 0 0x10000>; iommu-map-mask = <0xffff>; msi-map = <0 &gic 0 0x10000>;"
    "        card@1 { reg = <0x800 0 0 0 0>; };"
    "    };"
    "    off@c000000 { reg = <0 0xc000000 0 0x1000>; status = \"disabled\"; };"
    "    dark { #address-cells = <2>; #size-cells = <2>; ranges; status = \"disabled\";"
    "        inner@c001000 { reg = <0 0xc001000 0 0x1000>; }; };"
    "};";

static const void *tree;
static struct system_config config;
static struct given_device given[DEVICES * 2];
static struct passthrough_facts facts;
static const struct reg_range timers[] = {{0x9800000, 0x1000}, {0x9801000, 0x1000}};
static char error[256];

static _Alignas(8) uint8_t guest[GUEST_TREE_SIZE];

/* VM a is trusted, VM b is not. */
static void reset_config(void)
{
    memset(&config, 0, sizeof(config));
    config.vm_count = 2;
    for (unsigned i = 0; i < 2; i++)
        config.vms[i] = (struct vm_config){
            .name = {(char)('a' + i)},
            .memory_base = GUEST_RAM_BASE,
            .memory_mib = 64,
            .vcpus = 2,
            .bootargs = "",
            .direct_map = i == 0,
            .trusted_dma = i == 0,
        };
}

/* `list` has a zero byte at its end, as of each path in it. */
static void name_devices(unsigned vm, const char *list, size_t size)
{
    config.vms[vm].devices = size > 1 ? list : NULL;
    config.vms[vm].devices_size = size > 1 ? size : 0;
}

static int find(void)
{
    memset(given, 0, sizeof(given));
    memset(error, 0, sizeof(error));
    facts = (struct passthrough_facts){
        .tree = tree,
        .gic = fdt_node_offset_by_compatible(tree, -1, "arm,gic-v3"),
        .gic_version = 3,
        .console = {0x9000000, 0x1000},
        .rtc = {0x9010000, 0x1000},
        .timers = timers,
        .timer_count = 2,
    };
    return passthrough_find(&facts, &config, given, error, sizeof(error));
}

static void compile(const char *changes)
{
    char source[SOURCE_SIZE];

    assert_in_range(snprintf(source, sizeof(source), "%s %s", base, changes), 1, sizeof(source) - 1);
    tree = tree_of(source);
}

/* Finds for VM a; the VM's tree is in `guest`. */
static void build(unsigned count)
{
    struct device *devices[DEVICES];
    const struct guest_tree_facts of = {.vm = &config.vms[0],
                                        .gic_version = 3,
                                        .cpu_compatible = "arm,cortex-a53",
                                        .devices = devices,
                                        .device_count = count};
    size_t size;

    for (unsigned i = 0; i < count; i++)
        devices[i] = &given[i].registers[0];
    size = guest_tree_build(guest, sizeof(guest), &of);
    assert_true(size != 0);
    assert_int_equal(fdt_check_full(guest, size), 0);
}

static void give(const char *changes, const char *list, size_t size, unsigned count)
{
    compile(changes);
    reset_config();
    name_devices(0, list, size);
    if (find() != 0)
        fail_msg("%s", error);
    assert_int_equal(passthrough_count(&config), count);
    build(count);
}

#define GIVE(changes, list, count) give(changes, list, sizeof(list), count)

static void expect_cells(const char *path, const char *property, const uint32_t *cells, int count)
{
    int length;
    const fdt32_t *found = fdt_getprop(guest, fdt_path_offset(guest, path), property, &length);

    if (found == NULL || length != 4 * count) {
        fail_msg("%s of %s has %d bytes and not %d", property, path, length, 4 * count);
        return;
    }
    for (int i = 0; i < count; i++)
        assert_int_equal(fdt32_ld(&found[i]), cells[i]);
}

#define EXPECT_CELLS(path, property, ...)                                                                    \
    expect_cells(path, property, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static bool has(const char *path, const char *property)
{
    int node = fdt_path_offset(guest, path);

    if (node < 0)
        fail_msg("there is no %s", path);
    return fdt_getprop(guest, node, property, NULL) != NULL;
}

static uint32_t phandle_of(const char *path)
{
    return fdt_get_phandle(guest, fdt_path_offset(guest, path));
}

static void a_node_is_copied(void **state)
{
    static const char *const gone[] = {"pinctrl-names", "pinctrl-0", "assigned-clocks",
                                       "assigned-clock-rates", "interrupt-parent"};
    uint32_t slow, half;

    (void)state;
    GIVE("", NET, 1);
    EXPECT_CELLS("/net@120001000", "reg", 1, 0x20001000, 0, 0x1000, 2, 0x2000, 0, 0x2001);
    EXPECT_CELLS("/net@120001000", "interrupts", 0, 40, 4, 0, 41, 1);
    EXPECT_CELLS("/net@120001000", "acme,speed", 1000);
    EXPECT_CELLS("/net@120001000", "assigned-addresses", 1, 2, 3);
    assert_true(has("/net@120001000", "local-mac-address"));
    assert_true(has("/net@120001000", "interrupt-names"));
    assert_true(has("/net@120001000", "dma-coherent")); /* the bus says so */
    for (unsigned i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        assert_false(has("/net@120001000", gone[i]));
    slow = phandle_of("/clock-12000000");
    half = phandle_of("/clock-18000000");
    EXPECT_CELLS("/net@120001000", "clocks", slow, half, slow);
    EXPECT_CELLS("/clock-18000000", "clock-frequency", 18000000);
}

static void nodes_below_are_copied(void **state)
{
    (void)state;
    GIVE("", NET, 1);
    EXPECT_CELLS("/net@120001000/mdio/phy@3", "reg", 3);
    EXPECT_CELLS("/net@120001000", "phy-handle", phandle_of("/net@120001000/mdio/phy@3"));
    assert_true(has("/net@120001000/mdio/phy@3", "acme,mode"));
    assert_false(has("/net@120001000/mdio/phy@3/led", "reg"));
    assert_false(has("/net@120001000/last", "reg"));
    assert_int_equal(fdt_path_offset(guest, "/net@120001000/mdio/gone@2"), -FDT_ERR_NOTFOUND);
    assert_int_equal(fdt_path_offset(guest, "/net@120001000/mdio/deeper"), -FDT_ERR_NOTFOUND);
    assert_int_equal(fdt_path_offset(guest, "/net@120001000/deeper"), -FDT_ERR_NOTFOUND);
}

static void devices_share_pages_and_clocks(void **state)
{
    (void)state;
    GIVE("", DISK "\0/disk@a000200\0" GPIO "\0" NET, 4);
    EXPECT_CELLS("/disk@a000000", "interrupts", 0, 16, 1);
    EXPECT_CELLS("/disk@a000200", "reg", 0, 0xa000200, 0, 0x200);
    assert_true(has("/disk@a000000", "dma-coherent"));
    assert_false(has("/disk@a000200", "dma-coherent"));
    EXPECT_CELLS("/gpio@b000000", "interrupts", 0, 7, 4);
    EXPECT_CELLS("/gpio@b000000", "clocks", phandle_of("/clock-12000000"));
    assert_true(given[2].clocks[0].is_first);
    assert_false(given[3].clocks[0].is_first);
    assert_int_equal(given[3].clocks[0].phandle, given[2].clocks[0].phandle);
    assert_true(given[3].clocks[1].is_first);
}

/* One phandle, one node; and none of the guest's own. */
static void phandles_differ(void **state)
{
    uint32_t seen[32];
    unsigned count = 0;

    (void)state;
    GIVE("", DISK "\0/disk@a000200\0" GPIO "\0" NET, 4);
    for (int node = 0; node >= 0; node = fdt_next_node(guest, node, NULL)) {
        uint32_t phandle = fdt_get_phandle(guest, node);

        for (unsigned i = 0; phandle != 0 && i < count; i++)
            assert_int_not_equal(seen[i], phandle);
        if (phandle != 0)
            seen[count++] = phandle;
    }
    assert_int_equal(count, 4 + 2 + 1); /* GIC, clock, two CPUs; the clocks; the PHY, which is referred to */
}

static void dtc_has_no_complaint(void **state)
{
    char name[] = FILE_NAME, command[96], line[256];
    int file = mkstemp(name);
    FILE *dtc;

    (void)state;
    assert_true(file >= 0);
    GIVE("", DISK "\0/disk@a000200\0" GPIO "\0" NET, 4);
    assert_int_equal(write(file, guest, fdt_totalsize(guest)), fdt_totalsize(guest));
    (void)close(file);
    (void)snprintf(command, sizeof(command), "dtc -I dtb -O dtb -o /dev/null %s 2>&1", name);
    dtc = popen(command, "r"); // NOLINT(cert-env33-c): a fixed command
    assert_non_null(dtc);
    while (fgets(line, sizeof(line), dtc) != NULL)
        if (strstr(line, "led") == NULL)
            fail_msg("%s", line);
    assert_int_equal(pclose(dtc), 0);
    (void)unlink(name);
}

static void emulated_devices_keep_their_interrupts(void **state)
{
    (void)state;
    GIVE("&disk { interrupts = <0 1 1>, <0 0 1>, <0 2 4>; };"
         "/ { /delete-node/ uart@9000000; /delete-node/ rtc@9010000; };"
         "&gpio { interrupts-extended = <&gic 0 3 4>, <&gic 0 1 1>; };",
         DISK "\0/disk@a000200\0" GPIO, 3);
    /* SPI 0 and 3 are devices', 1 and 2 emulated ones'. */
    EXPECT_CELLS("/disk@a000000", "interrupts", 0, 4, 1, 0, 0, 1, 0, 5, 4);
    EXPECT_CELLS("/gpio@b000000", "interrupts", 0, 3, 4, 0, 4, 1);
    assert_int_equal(given[0].interrupts[0].intid, 33);
    assert_int_equal(given[0].interrupts[0].virtual_intid, 36);
    assert_int_equal(given[2].interrupts[1].virtual_intid, 36);
}

static int find_beside_a_link(const char *changes, const char *list, size_t size)
{
    compile(changes);
    reset_config();
    config.link_count = 1;
    config.links[0] = (struct link_config){.memory_kib = 4, .ends = {{.vm = 1}, {.vm = 0}}};
    name_devices(0, list, size);
    return find();
}

/* VM a has one link: SPI 16, and places for its registers and memory. */
static void links_keep_their_interrupts_and_places(void **state)
{
    static const char list[] = DISK "\0/disk@a000200";

    (void)state;
    assert_int_equal(find_beside_a_link("", list, sizeof(list)), 0);
    assert_int_equal(given[0].interrupts[0].intid, 48);
    assert_int_equal(given[0].interrupts[0].virtual_intid, 32);
    assert_int_equal(given[1].interrupts[0].virtual_intid, 49);
    assert_int_not_equal(find_beside_a_link("&disk { reg = <0 0x9100800 0 4>; };", DISK, sizeof(DISK)), 0);
    assert_non_null(strstr(error, "its registers at 0x9100800 are where the guest has its links"));
    assert_int_not_equal(find_beside_a_link("&disk { reg = <0 0x9400000 0 4>; };", DISK, sizeof(DISK)), 0);
    assert_non_null(strstr(error, "its registers at 0x9400000 are where the guest has its links' memory"));
    assert_int_equal(find_beside_a_link("&disk { reg = <0 0x9101000 0 4>; };", DISK, sizeof(DISK)),
                     0); /* a second's */
    config.link_count = 0;
    assert_int_equal(find(), 0);
}

#define BOTH_DISKS DISK "\0/disk@a000200"

static int find_beside_virtio(const char *changes, unsigned driver, unsigned service)
{
    compile(changes);
    reset_config();
    config.virtio_count = 1;
    config.virtios[0].ends[VIRTIO_DRIVER].vm = driver;
    config.virtios[0].ends[VIRTIO_SERVICE].vm = service;
    name_devices(0, BOTH_DISKS, sizeof(BOTH_DISKS));
    return find();
}

static void expect_refused_for_virtio(const char *reg, unsigned driver, unsigned service, const char *what)
{
    char changes[80];

    snprintf(changes, sizeof(changes), "&disk { reg = <%s 4>; };", reg);
    if (find_beside_virtio(changes, 1 - driver, 1 - service) != 0) /* the other side's */
        fail_msg("%s", error);
    assert_int_not_equal(find_beside_virtio(changes, driver, service), 0);
    assert_non_null(strstr(error, what));
}

/* SPI 32 and 48 are those of the device that VM a drives, or serves. */
static void virtio_devices_keep_their_interrupts_and_places(void **state)
{
    (void)state;
    assert_int_equal(find_beside_virtio("&disk { interrupts = <0 32 1>; };", 0, 1), 0);
    assert_int_equal(given[0].interrupts[0].intid, 64);
    assert_int_equal(given[0].interrupts[0].virtual_intid, 32);
    assert_int_equal(find_beside_virtio("&disk { interrupts = <0 48 1>; };", 0, 1), 0);
    assert_int_equal(given[0].interrupts[0].virtual_intid, 80);
    assert_int_equal(find_beside_virtio("&disk { interrupts = <0 48 1>; };", 1, 0), 0);
    assert_int_equal(given[0].interrupts[0].virtual_intid, 32);
    expect_refused_for_virtio("0 0x9200800 0", 0, 1,
                              "at 0x9200800 are where the guest has its virtio devices");
    expect_refused_for_virtio("0 0x9300000 0", 1, 0,
                              "at 0x9300000 are where the guest has its virtio services");
    expect_refused_for_virtio("0x13 0xfffff000 0", 1, 0,
                              "at 0x13fffff000 are where the guest has its clients' RAM");
    config.virtio_count = 0;
    assert_int_equal(find(), 0);
}

static void two_vms_have_devices(void **state)
{
    (void)state;
    compile("");
    reset_config();
    name_devices(0, NET, sizeof(NET));
    name_devices(1, GPIO, sizeof(GPIO));
    if (find() != 0)
        fail_msg("%s", error);
    assert_int_equal(passthrough_count(&config), 2);
    assert_int_equal(given[0].vm, 0);
    assert_int_equal(given[1].vm, 1);
    assert_string_equal(given[1].path, GPIO);
    assert_true(given[1].clocks[0].is_first); /* in its own tree */
    assert_int_not_equal(given[1].clocks[0].phandle, given[0].clocks[0].phandle);
}

/* For VM b, which is not trusted. */
static void find_for_b(const char *changes, const char *path)
{
    compile(changes);
    reset_config();
    name_devices(1, path, strlen(path) + 1);
    if (find() != 0)
        fail_msg("%s", error);
}

static void expect_streams(unsigned i, uint32_t requester, uint32_t first, uint32_t count)
{
    const struct dma_streams *streams = &given[0].streams[i];

    assert_in_range(i, 0, given[0].stream_count - 1);
    assert_int_equal(streams->smmu, fdt_path_offset(tree, "/smmu@9050000"));
    assert_int_equal(streams->requester, requester);
    assert_int_equal(streams->first, first);
    assert_int_equal(streams->count, count);
}

static void a_device_behind_an_smmu_takes_no_trust(void **state)
{
    (void)state;
    find_for_b("&net { iommus = <&smmu 0x1000>, <&smmu 0xffffffff>; };", NET);
    assert_int_equal(given[0].stream_count, 2);
    expect_streams(0, 0, 0x1000, 1);
    expect_streams(1, 0, UINT32_MAX, 1);
    assert_false(given[0].streams[0].is_pci);
    assert_true(given[0].dma_coherent);
    GIVE("&net { iommus = <&smmu 0x1000>; };", NET, 1); /* nor is it given without to one that is trusted */
    expect_streams(0, 0, 0x1000, 1);
    assert_false(has("/net@120001000", "iommus"));
}

static void a_bridge_is_given_with_its_buses(void **state)
{
    static const char *const gone[] = {"iommu-map", "iommu-map-mask", "msi-map", "interrupts"};

    (void)state;
    find_for_b("", PCIE);
    assert_true(given[0].streams[0].is_pci);
    assert_int_equal(given[0].stream_count, 1);
    expect_streams(0, 0, 0, 0x1000);
    assert_int_equal(given[0].register_count, 3);
    assert_int_equal(given[0].registers[1].base, 0x3eff0000);
    assert_int_equal(given[0].registers[2].base, 0x10000000);
    assert_int_equal(given[0].registers[2].size, 0x2eff0000);
    assert_int_equal(given[0].interrupt_count, 2);
    GIVE("", PCIE, 1);
    EXPECT_CELLS("/pcie@3f000000", "reg", 0, 0x3f000000, 0, 0x1000000);
    EXPECT_CELLS("/pcie@3f000000", "ranges", 0x1000000, 0, 0, 0, 0x3eff0000, 0, 0x10000, 0x2000000, 0,
                 0x10000000, 0, 0x10000000, 0, 0x2eff0000);
    EXPECT_CELLS("/pcie@3f000000", "interrupt-map", 0, 0, 0, 1, TREE_PHANDLE_GIC, 0, 0, 0, 3, 4, 0, 0, 0, 2,
                 TREE_PHANDLE_GIC, 0, 0, 0, 4, 4, 0x800, 0, 0, 1, TREE_PHANDLE_GIC, 0, 0, 0, 4, 4);
    EXPECT_CELLS("/pcie@3f000000", "interrupt-map-mask", 0x1800, 0, 0, 7);
    EXPECT_CELLS("/pcie@3f000000/card@1", "reg", 0x800, 0, 0, 0, 0);
    assert_true(has("/pcie@3f000000", "dma-coherent"));
    for (unsigned i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        assert_false(has("/pcie@3f000000", gone[i]));
}

/* The bus above has one cell each, and other addresses. The GIC's numbers are the guest's. */
static void a_bridge_is_translated(void **state)
{
    (void)state;
    GIVE("/ { /delete-node/ uart@9000000; };"
         "&soc { p@4000 { compatible = \"acme,pci\"; device_type = \"pci\"; reg = <0x4000 0x1000>;"
         "    #address-cells = <3>; #size-cells = <2>; #interrupt-cells = <1>; interrupts = <0 50 4>;"
         "    ranges = <0x2000000 0 0x70000000 0x10000 0 0x1000>;"
         "    interrupt-map = <0 0 0 1 &gic 0 0 0 1 1>; }; };",
         "/soc/p@4000", 1);
    EXPECT_CELLS("/p@120004000", "reg", 1, 0x20004000, 0, 0x1000);
    EXPECT_CELLS("/p@120004000", "ranges", 0x2000000, 0, 0x70000000, 2, 0, 0, 0x1000);
    EXPECT_CELLS("/p@120004000", "interrupts", 0, 50, 4);
    EXPECT_CELLS("/p@120004000", "interrupt-map", 0, 0, 0, 1, TREE_PHANDLE_GIC, 0, 0, 0, 0, 1);
    assert_int_equal(given[0].stream_count, 0);
}

static void a_map_is_of_the_bridge_s_buses(void **state)
{
    (void)state;
    find_for_b("&pcie { bus-range = <1 2>; iommu-map = <0 &smmu 0x4000 0x10000>; };", PCIE);
    expect_streams(0, 0x100, 0x4100, 0x200);
    find_for_b("&pcie { bus-range = <1 2>; iommu-map = <0x180 &smmu 7 0x400>, <0 &smmu 0x4000 0x180>,"
               " <0x1000 &smmu 0 0x10>; };",
               PCIE);
    assert_int_equal(given[0].stream_count, 2);
    expect_streams(0, 0x180, 7, 0x180);
    expect_streams(1, 0x100, 0x4100, 0x80);
    find_for_b("&pcie { /delete-property/ bus-range; };", PCIE);
    expect_streams(0, 0, 0, 0x10000);
}

static void how_a_device_is_silenced(void **state)
{
    (void)state;
    GIVE("", DISK "\0/disk@a000200", 2);
    assert_int_equal(given[0].silence, SILENCE_VIRTIO_MMIO);
    GIVE("&disk { reg = <0 0xa000000 0 0xfc>; };", DISK "\0/disk@a000200", 2);
    assert_int_equal(given[0].silence, SILENCE_UNKNOWN);
    GIVE("", PCIE, 1);
    assert_int_equal(given[0].silence, SILENCE_PCI_ECAM);
    GIVE("&pcie { reg = <0 0x3f000000 0 0xff000>; };", PCIE, 1);
    assert_int_equal(given[0].silence, SILENCE_UNKNOWN);
    GIVE("", NET, 1);
    assert_int_equal(given[0].silence, SILENCE_UNKNOWN);
}

static void no_devices_are_no_mistake(void **state)
{
    (void)state;
    compile("");
    reset_config();
    assert_int_equal(passthrough_count(&config), 0);
    assert_int_equal(find(), 0);
}

struct refusal {
    const char *changes;
    const char *a, *b; /* what the VMs name, one path each, or NULL */
    const char *reason;
};

static const struct refusal refusals[] = {
    {"", "/nothing@1", NULL, "a: /nothing@1: the machine's tree has no such node"},
    {"", DISK, DISK, "b: " DISK ": is given to VM a already"},
    {"", "/off@c000000", NULL, "a: /off@c000000: it is disabled in the machine's tree"},
    {"", "/dark/inner@c001000", NULL,
     "a: /dark/inner@c001000: a bus above it is disabled in the machine's tree"},
    {"", "/intc@8000000", NULL, "a: /intc@8000000: Ontime uses it itself"},
    {"", "/intc@8000000/its@8080000", NULL, "a: /intc@8000000/its@8080000: Ontime uses it itself"},
    {"", "/timer", NULL, "a: /timer: Ontime uses it itself"},
    {"", "/psci", NULL, "a: /psci: Ontime uses it itself"},
    {"", "/cpus/cpu@0", NULL, "a: /cpus/cpu@0: Ontime uses it itself"},
    {"", "/memory@40000000", NULL, "a: /memory@40000000: Ontime uses it itself"},
    {"/ { ram@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x1000>; }; };", "/ram@40000000",
     NULL, "a: /ram@40000000: Ontime uses it itself"},
    {"", "/reserved-memory/secure@60000000", NULL,
     "a: /reserved-memory/secure@60000000: Ontime uses it itself"},
    {"", "/chosen", NULL, "a: /chosen: Ontime uses it itself"},
    {"", NULL, "/uart@9000000", "b: /uart@9000000: Ontime uses it itself, or its page: the console"},
    {"", NULL, "/rtc@9010000", "b: /rtc@9010000: Ontime uses it itself, or its page: the clock"},
    {"/ { timer@9801000 { compatible = \"a,b\"; reg = <0 0x9801000 0 0x100>; }; };", NULL, "/timer@9801000",
     "b: /timer@9801000: Ontime uses it itself, or its page: timer-source"},

    {"", "/slow", NULL, "a: /slow: has no registers"},
    {"/delete-node/ &net; &soc { /delete-property/ ranges; n@0 { reg = <0 1>; }; };", "/soc/n@0", NULL,
     "a: /soc/n@0: its registers have no physical address"},
    {"&net { reg = <0x7000 0x2000>; };", NET, NULL,
     "a: " NET ": its registers have no physical address"}, /* half of them */
    {"&disk { reg = <0 0 0 1>, <0 0x1000 0 1>, <0 0x2000 0 1>, <0 0x3000 0 1>, <0 0x4000 0 1>; };", DISK,
     NULL, "a: " DISK ": more than 4 ranges in its `reg`"},
    {"&disk { reg = <0 0xa000000 0 0>; };", DISK, NULL,
     "a: " DISK ": 0x0 bytes of registers at 0xa000000 can't be mapped"},
    {"&disk { reg = <0 0xa000000 0 0x10000001>; };", DISK, NULL,
     "a: " DISK ": 0x10000001 bytes of registers at 0xa000000 can't be mapped"},
    {"&disk { reg = <0x100 0 0 0x1000>; };", DISK, NULL,
     "a: " DISK ": 0x1000 bytes of registers at 0x10000000000 can't be mapped"},
    {"&disk { reg = <0xffffffff 0xfffff000 0 0x1000>; };", DISK, NULL,
     "a: " DISK ": 0x1000 bytes of registers at 0xfffffffffffff000 can't be mapped"},

    {"&disk { reg = <0 0x8000800 0 4>; };", DISK, NULL,
     "a: " DISK ": its registers at 0x8000800 are where the guest has its GIC"},
    {"&disk { reg = <0 0x80d0000 0 4>; };", DISK, NULL,
     "a: " DISK ": its registers at 0x80d0000 are where the guest has its GIC"},
    {"&disk { reg = <0 0x90a0ffc 0 4>; };", DISK, NULL,
     "a: " DISK ": its registers at 0x90a0ffc are where the guest has its stolen-time records"},
    {"&disk { reg = <0 0x7fffffc 0 4>; };", DISK, NULL,
     "a: " DISK ": its registers at 0x7fffffc are where the guest has its flash"},
    {"&disk { reg = <0 0x3ffffffc 0 8>; };", DISK, NULL,
     "a: " DISK ": its registers at 0x3ffffffc are where the guest has its RAM"},

    {"", DISK, NULL, "a: " DISK ": shares a page of 4 KiB with /disk@a000200, which is not given"},
    {"/ { x@b000ffc { status = \"disabled\"; reg = <0 0xb000ffc 0 4>; }; };", NULL, GPIO,
     "b: " GPIO ": shares a page of 4 KiB with /x@b000ffc, which is not given"},
    {"&disk { reg = <0 0x4ffffffc 0 4>; };", DISK, NULL,
     "a: " DISK ": shares a page of 4 KiB with /memory@40000000, which is not given"},
    {"&disk { reg = <0 0x60000000 0 4>; };", DISK, NULL,
     "a: " DISK ": shares a page of 4 KiB with /reserved-memory/secure@60000000, which is not given"},
    {"&gpio { reg = <0 0xa000400 0 4>; }; / { /delete-node/ disk@a000200; };", DISK, GPIO,
     "b: " GPIO ": shares a page of 4 KiB with " DISK ", which VM a is given"},

    {"&disk { interrupts = <1 4 4>; };", DISK, NULL, "a: " DISK ": its interrupt 0 is no SPI of the GIC"},
    {"&disk { interrupts = <0 4 1>, <2 4 4>; };", DISK, NULL,
     "a: " DISK ": its interrupt 1 is no SPI of the GIC"},
    {"&disk { interrupts = <0 988 4>; };", DISK, NULL, "a: " DISK ": its interrupt 0 is no SPI of the GIC"},
    {"&gpio { interrupt-controller; #interrupt-cells = <2>; };"
     "&disk { interrupt-parent = <&gpio>; interrupts = <0 4>; };",
     DISK, NULL, "a: " DISK ": its interrupt 0 is no SPI of the GIC"},
    {"&gpio { interrupt-controller; #interrupt-cells = <2>; };"
     "&disk { interrupts-extended = <&gic 0 4 4>, <&gpio 0 4>; };",
     DISK, NULL, "a: " DISK ": its interrupt 1 is no SPI of the GIC"},
    {"&disk { interrupts-extended = <&gic 0 4>; };", DISK, NULL,
     "a: " DISK ": its interrupt 0 is no SPI of the GIC"},
    {"&soc { #interrupt-cells = <1>; interrupt-map; };", NET, NULL,
     "a: " NET ": its interrupt 0 is no SPI of the GIC"},
    {"&disk { interrupts = <0 4 8>; };", DISK, NULL,
     "a: " DISK ": its interrupt 0 is neither a rising edge nor a high level"},
    {"&disk { interrupts = <0 4 1>, <0 5 0>; };", DISK, NULL,
     "a: " DISK ": its interrupt 1 is neither a rising edge nor a high level"},
    {"&disk { interrupts = <0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4 0 1 4"
     " 0 1 4 0 1 4 0 1 4 0 1 4>; };",
     DISK, NULL, "a: " DISK ": more than 16 interrupts"},
    {"&gpio { interrupts-extended = <&gic 0 1 4>; };", NULL, GPIO,
     "b: " GPIO ": its interrupt, SPI 1, is also that of /uart@9000000"},
    {"&gpio { interrupts-extended = <&gic 0 41 4>; };", NET, GPIO,
     "b: " GPIO ": its interrupt, SPI 41, is also that of " NET ", which VM a is given"},

    {"&net { dmas = <&dma 1>; };", NET, NULL,
     "a: " NET ": property dmas refers to what can't be given along"},
    {"&net { vdd-supply = <&pins>; };", NET, NULL,
     "a: " NET ": property vdd-supply refers to what can't be given along"},
    {"&mdio { reset-gpios = <&gpio 1 1>; };", NET, NULL,
     "a: " NET ": property reset-gpios refers to what can't be given along"},
    {"&phy { iommus = <&smmu 1>; };", NET, NULL,
     "a: " NET ": property iommus refers to what can't be given along"},
    {"&net { iommus = <&pins 1>; };", NULL, NET, "b: " NET ": is behind an IOMMU that is no SMMUv3"},
    {"&net { iommus = <12345 1>; };", NULL, NET, "b: " NET ": is behind an IOMMU that is no SMMUv3"},
    {"&smmu { #iommu-cells = <2>; };", NULL, PCIE, "b: " PCIE ": is behind an IOMMU that is no SMMUv3"},
    {"&smmu { status = \"disabled\"; };", PCIE, NULL,
     "a: " PCIE ": is behind an SMMU that is disabled in the machine's tree"},
    {"", "/smmu@9050000", NULL, "a: /smmu@9050000: Ontime uses it itself"},
    {"", PCIE "/card@1", NULL, "a: " PCIE "/card@1: is on a bus that is given as a whole: name " PCIE},
    {"&soc { iommus = <&smmu 1>; };", NET, NULL,
     "a: " NET ": is on a bus that is given as a whole: name /soc"},
    {"&pcie { /delete-property/ iommu-map; /delete-property/ iommu-map-mask; };", NULL, PCIE,
     "b: " PCIE ": may write to all memory: the VM needs direct-map and trusted-dma"},
    {"&net { iommu-map = <0 &smmu 0 1>; };", NET, NULL,
     "a: " NET ": property iommu-map refers to what can't be given along"},
    {"&net { msi-parent = <&gic>; };", NET, NULL,
     "a: " NET ": property msi-parent refers to what can't be given along"},
    {"&pcie { iommu-map = <0 &smmu 0 8>, <9 &smmu 9 0x10000>; };", NULL, PCIE,
     "b: " PCIE ": its iommu-map leaves out some of what may be on its buses"},
    {"&pcie { iommu-map = <0 &smmu 0 0xfff>; };", NULL, PCIE,
     "b: " PCIE ": its iommu-map leaves out some of what may be on its buses"},
    {"&pcie { iommu-map = <0 &smmu 0 0>; };", NULL, PCIE,
     "b: " PCIE ": its iommu-map leaves out some of what may be on its buses"},
    {"&pcie { iommu-map-mask = <0xff00>; };", NULL, PCIE,
     "b: " PCIE ": its iommu-map leaves out some of what may be on its buses"},
    {"&pcie { iommu-map = <0 &smmu 0xfffff001 0x1000>; };", NULL, PCIE,
     "b: " PCIE ": its StreamIDs have more than 32 bits"},
    {"&net { iommus = <&smmu 1 &smmu 2 &smmu 3 &smmu 4 &smmu 5 &smmu 6 &smmu 7 &smmu 8 &smmu 9 &smmu 10"
     " &smmu 11 &smmu 12 &smmu 13 &smmu 14 &smmu 15 &smmu 16 &smmu 17>; };",
     NET, NULL, "a: " NET ": more than 16 ranges of StreamIDs"},
    {"&net { iommus = <&smmu 0xfff>; };", NULL, PCIE,
     "b: " PCIE ": its SMMU knows " NET ", which is not given, as the same"},
    {"&net { iommus = <&smmu 0xfff>; };", NET, PCIE,
     "b: " PCIE ": its SMMU knows " NET ", which VM a is given, as the same"},
    {"&pcie { ranges = <0x2000000 0 0 0 0x3ffff000 0 0x2000>; };", PCIE, NULL,
     "a: " PCIE ": its registers at 0x3ffff000 are where the guest has its RAM"},
    {"&pcie { ranges = <0x2000000 0 0 0x100 0 0 0x1000>; };", PCIE, NULL,
     "a: " PCIE ": its window of 0x1000 bytes at 0x10000000000 can't be mapped"},
    {"&pcie { ranges = <0x2000000 0 0 0x80 0 0x80 1>; };", PCIE, NULL,
     "a: " PCIE ": its window of 0x8000000001 bytes at 0x8000000000 can't be mapped"},
    {"&pcie { ranges = <0x2000000 0 0 0 0x10000000 0 0>; };", PCIE, NULL,
     "a: " PCIE ": its window of 0x0 bytes at 0x10000000 can't be mapped"},
    {"&pcie { ranges = <0x2000000 0 0 0 0x10000000 0 1>, <0x2000000 0 0 0 0x11000000 0 1>,"
     " <0x2000000 0 0 0 0x12000000 0 1>, <0x2000000 0 0 0 0x13000000 0 1>, <0x2000000 0 0 0 0x14000000 0 1>,"
     " <0x2000000 0 0 0 0x15000000 0 1>, <0x2000000 0 0 0 0x16000000 0 1>; };",
     PCIE, NULL, "a: " PCIE ": more than 6 entries in its `ranges`"},
    {"&pcie { ranges = <0x2000000 0 0 0 0xb000000 0 0x1000>; };", NULL, PCIE,
     "b: " PCIE ": shares a page of 4 KiB with " GPIO ", which is not given"},
    {"&pcie { interrupt-map = <0 0 0 1 &gic 0 0 0 3 4>, <0 0 0 2 &gic 0 0 1 4 4>; };", PCIE, NULL,
     "a: " PCIE ": entry 1 of its interrupt-map is no SPI of the GIC"},
    {"&pcie { interrupt-map = <0 0 0 1 &pins 3>; };", PCIE, NULL,
     "a: " PCIE ": entry 0 of its interrupt-map is no SPI of the GIC"},
    {"&pcie { interrupt-map = <0 0 0 1 &gic 0 0 0 3 8>; };", PCIE, NULL,
     "a: " PCIE ": entry 0 of its interrupt-map is neither a rising edge nor a high level"},
    {"&pcie { interrupt-map = <0 0 0 1 &gic 0 0 0 1 4>; };", PCIE, NULL,
     "a: " PCIE ": its interrupt, SPI 1, is also that of /uart@9000000"},
    {"&net { phy-handle = <&pins>; };", NET, NULL,
     "a: " NET ": property phy-handle refers to what can't be given along"},
    {"&net { phy-handle = <&phy &phy>; };", NET, NULL,
     "a: " NET ": property phy-handle refers to what can't be given along"},
    {"&phy { interrupts = <0 4 4>; };", NET, NULL,
     "a: " NET ": property interrupts of /soc/net@1000/mdio/phy@3: only a device's own can be given"},
    {"&phy { clocks = <&slow>; };", NET, NULL,
     "a: " NET ": property clocks of /soc/net@1000/mdio/phy@3: only a device's own can be given"},
    {"&soc { reg = <0 0 0 1>; };", "/soc", NULL, "a: /soc: is a bus: name the devices on it"},
    {"&phy { a { b { c { d { e { f { g { }; }; }; }; }; }; }; };", NET, NULL,
     "a: " NET ": nodes more than 8 below it"},
    {"&gpio { clocks = <&many 1>; };", NULL, GPIO, "b: " GPIO ": its clock 0, /many, has no fixed frequency"},
    {"&gpio { clocks = <&slow>, <&pins>; };", NULL, GPIO,
     "b: " GPIO ": its clock 1, /pins, has no fixed frequency"},
    {"&gpio { clocks = <12345>; };", NULL, GPIO,
     "b: " GPIO ": its clock 0, which is not in the tree, has no fixed frequency"},
    {"&half { clocks = <&half>; };", NET, NULL, "a: " NET ": its clock 1, /half, has no fixed frequency"},
    {"&half { clock-div = <0>; };", NET, NULL, "a: " NET ": its clock 1, /half, has no fixed frequency"},
    {"&slow { clock-frequency = <0>; };", NET, NULL,
     "a: " NET ": its clock 0, /slow, has no fixed frequency"},
    {"&net { clocks = <&slow>, <&slow>, <&slow>, <&slow>, <&slow>, <&slow>, <&slow>, <&slow>, <&slow>; };",
     NET, NULL, "a: " NET ": more than 8 clocks"},

    {"/ { /delete-node/ disk@a000200; };", NULL, DISK,
     "b: " DISK ": may write to all memory: the VM needs direct-map and trusted-dma"},
    {"&gpio { compatible = \"acme,gpio\", \"arm,pl061\"; };", NULL, GPIO,
     "b: " GPIO ": may write to all memory: the VM needs direct-map and trusted-dma"},
    {"&gpio { /delete-property/ compatible; };", NULL, GPIO,
     "b: " GPIO ": may write to all memory: the VM needs direct-map and trusted-dma"},
    {"&soc { dma-ranges = <0 1 0 0x1000>; };", NET, NULL,
     "a: " NET ": its bus gives memory other addresses (dma-ranges)"},
};

static void refused_with_a_reason(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *refusal = &refusals[i];
        const char *start = "node /vm-?: property devices: ";

        compile(refusal->changes);
        reset_config();
        if (refusal->a != NULL)
            name_devices(0, refusal->a, strlen(refusal->a) + 1);
        if (refusal->b != NULL)
            name_devices(1, refusal->b, strlen(refusal->b) + 1);
        if (find() == 0)
            fail_msg("%s is given, and not refused with %s", refusal->a != NULL ? refusal->a : refusal->b,
                     refusal->reason);
        if (error[9] != refusal->reason[0] || strcmp(error + strlen(start), refusal->reason + 3) != 0)
            fail_msg("refused with\n  %s\nand not with\n  %s", error, refusal->reason);
    }
}

/* Of another node: it ends all the same. */
static void interrupts_that_cannot_be_read_are_none(void **state)
{
    (void)state;
    GIVE("/ { x { interrupts-extended = <0x12345 1 2>, <&gic 0 41 1>; };"
         "    y { interrupt-parent = <0x12345>; interrupts = <0 41 1>; }; };",
         NET, 1);
}

static void an_empty_dma_ranges_is_no_translation(void **state)
{
    (void)state;
    GIVE("&soc { dma-ranges; };", NET, 1);
    GIVE("&net { dma-noncoherent; };", NET, 1);
    assert_false(has("/net@120001000", "dma-coherent"));
    assert_true(has("/net@120001000", "dma-noncoherent"));
}

/* What a VM has lost to its GICv2 differs. */
static void guests_have_another_map_with_gicv2(void **state)
{
    (void)state;
    compile("&gpio { reg = <0 0x80d0000 0 4>; }; &gic { reg = <0 0x8000000 0 0x10000>; };");
    reset_config();
    name_devices(1, GPIO, sizeof(GPIO));
    assert_int_equal(find(), -1);
    facts.gic_version = 2;
    memset(given, 0, sizeof(given));
    assert_int_equal(passthrough_find(&facts, &config, given, error, sizeof(error)), 0);
    compile("&gpio { reg = <0 0x8011000 0 4>; }; &gic { reg = <0 0x8000000 0 0x10000>; };");
    assert_int_equal(find(), 0);
    facts.gic_version = 2;
    memset(given, 0, sizeof(given));
    assert_int_equal(passthrough_find(&facts, &config, given, error, sizeof(error)), -1);
}

static void a_large_node_is_refused(void **state)
{
    char changes[8192];
    size_t length = (size_t)snprintf(changes, sizeof(changes), "&net {");

    (void)state;
    for (unsigned i = 0; i < 60; i++)
        length += (size_t)snprintf(changes + length, sizeof(changes) - length, " p%u = <%u>;", i, i);
    (void)snprintf(changes + length, sizeof(changes) - length, "};");
    GIVE(changes, NET, 1);
    EXPECT_CELLS("/net@120001000", "p59", 59);
    config.vms[0].vcpus = SYSTEM_MAX_VCPUS;
    build(1);
}

/* QEMU's 32 slots for virtio devices, four pages. */
static void qemus_slots_are_given(void **state)
{
    static _Alignas(8) uint8_t qemu[QEMU_SIZE];
    char name[] = FILE_NAME, command[192], list[32 * 24];
    size_t length = 0;
    int file = mkstemp(name);
    FILE *written;

    (void)state;
    assert_true(file >= 0);
    (void)close(file);
    (void)snprintf(command, sizeof(command),
                   "timeout 60 qemu-system-aarch64 -M virt,virtualization=on,gic-version=3,dumpdtb=%s"
                   " -cpu cortex-a53 -m 1024 -nic none -display none 2>/dev/null",
                   name);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a fixed command
    written = fopen(name, "rb");          /* another file than the one that was made */
    assert_non_null(written);
    assert_true(fread(qemu, 1, sizeof(qemu), written) > 0);
    (void)fclose(written);
    (void)unlink(name);
    tree = qemu;
    reset_config();
    for (unsigned slot = 24; slot < 32; slot++)
        length += (size_t)snprintf(list + length, sizeof(list) - length, "/virtio_mmio@%x",
                                   0xa000000 + slot * 0x200) +
                  1;
    name_devices(0, list, length);
    name_devices(1, "/pl061@9030000", sizeof("/pl061@9030000"));
    config.vms[0].memory_base = 0x50000000;
    if (find() != 0)
        fail_msg("%s", error);
    build(8);
    EXPECT_CELLS("/virtio_mmio@a003e00", "reg", 0, 0xa003e00, 0, 0x200);
    EXPECT_CELLS("/virtio_mmio@a003e00", "interrupts", 0, 47, 1);
    assert_true(has("/virtio_mmio@a003e00", "dma-coherent"));
    name_devices(0, list, strlen(list) + 1);
    assert_int_equal(find(), -1);
    assert_non_null(strstr(error, "shares a page of 4 KiB with /virtio_mmio@a003"));
}

/* Damaged values, the structure being sound: nothing is read beyond a property. */
static void random_trees_do_no_harm(void **state)
{
    static const char *const lists[] = {NET, DISK, GPIO, PCIE, "/intc@8000000", "/soc", "/half"};
    static _Alignas(8) uint8_t sound[16384];
    static _Alignas(8) uint8_t damaged[16384];
    struct random random = {7};
    unsigned given_count = 0;
    size_t size;

    (void)state;
    compile("/ { /delete-node/ disk@a000200; };");
    size = fdt_totalsize(tree);
    memcpy(sound, tree, size);
    for (unsigned round = 0; round < 3000; round++) {
        const char *list = lists[random_below(&random, sizeof(lists) / sizeof(lists[0]))];

        memcpy(damaged, sound, size);
        for (uint64_t n = random_below(&random, 6); n != 0; n--)
            damaged[fdt_off_dt_struct(sound) + random_below(&random, fdt_size_dt_struct(sound))] =
                (uint8_t)random_below(&random, random_below(&random, 2) != 0 ? 8 : 256);
        if (fdt_check_full(damaged, size) != 0)
            continue;
        tree = damaged;
        reset_config();
        name_devices(0, list, strlen(list) + 1);
        if (find() == 0) {
            build(1);
            given_count++;
        }
    }
    assert_true(given_count > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_copied),
        cmocka_unit_test(nodes_below_are_copied),
        cmocka_unit_test(devices_share_pages_and_clocks),
        cmocka_unit_test(phandles_differ),
        cmocka_unit_test(dtc_has_no_complaint),
        cmocka_unit_test(emulated_devices_keep_their_interrupts),
        cmocka_unit_test(links_keep_their_interrupts_and_places),
        cmocka_unit_test(virtio_devices_keep_their_interrupts_and_places),
        cmocka_unit_test(two_vms_have_devices),
        cmocka_unit_test(a_device_behind_an_smmu_takes_no_trust),
        cmocka_unit_test(a_bridge_is_given_with_its_buses),
        cmocka_unit_test(a_bridge_is_translated),
        cmocka_unit_test(a_map_is_of_the_bridge_s_buses),
        cmocka_unit_test(how_a_device_is_silenced),
        cmocka_unit_test(no_devices_are_no_mistake),
        cmocka_unit_test(refused_with_a_reason),
        cmocka_unit_test(interrupts_that_cannot_be_read_are_none),
        cmocka_unit_test(an_empty_dma_ranges_is_no_translation),
        cmocka_unit_test(guests_have_another_map_with_gicv2),
        cmocka_unit_test(a_large_node_is_refused),
        cmocka_unit_test(qemus_slots_are_given),
        cmocka_unit_test(random_trees_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
