# SPDX-License-Identifier: Apache-2.0
# `make model`: Spin tries all orders in which cores can do what tests/model describes. MODELS="block" chooses some.

MODEL_PACKAGES := spin gcc libc6-dev
MODELS ?= messages floating idle block

.PHONY: model
test-all: model
model:
	@scripts/need $(MODEL_PACKAGES)
	@tests/model/run $(MODELS)
