# SPDX-License-Identifier: Apache-2.0
# `make fuzz` throws damaged system files at their reader for FUZZ_SECONDS; it begins with the unit tests' corpus and goes
# on where the last run ended (build/fuzz/corpus). Needs clang's libFuzzer.

FUZZ_SECONDS ?= 60
FUZZ := $(BUILD)/fuzz
FUZZ_SRCS := tests/fuzz/fuzz_system_file.c hypervisor/boot/system_file.c hypervisor/boot/tree_reader.c \
	hypervisor/boot/image_placement.c hypervisor/base/heap.c $(wildcard hypervisor/sched/*.c)

.PHONY: fuzz
fuzz: $(FUZZ)/fuzz_system_file
	@mkdir -p $(FUZZ)/corpus
	@for source in tests/unit/corpus/good/*.dts tests/unit/corpus/bad/*.dts; do \
		dtc -q -I dts -O dtb -o $(FUZZ)/corpus/$$(basename $$source .dts) $$source || exit 1; \
	done
	$(FUZZ)/fuzz_system_file -max_total_time=$(FUZZ_SECONDS) -max_len=8192 -artifact_prefix=$(FUZZ)/ $(FUZZ)/corpus

$(FUZZ)/fuzz_system_file: $(FUZZ_SRCS) $(wildcard hypervisor/*/*.h)
	@scripts/need clang libfdt-dev device-tree-compiler
	@mkdir -p $(@D)
	clang -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(WARNINGS) \
		-Ihypervisor -Iinclude $(FUZZ_SRCS) -lfdt -o $@
