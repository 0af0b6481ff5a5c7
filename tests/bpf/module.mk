# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# bpf-runner runs the BPF programs on single packets for the tests in tests/bpf
# (t-NAME.py, driven by tests/bpf/lib/bpftest.py) and times them for tests/bench.

BPF_RUNNER     := $(BUILD)/tests/bpf-runner
BPF_RUNNER_OBJ := $(patsubst tests/bpf/%.c,$(BUILD)/tests/bpf/%.o,$(wildcard tests/bpf/*.c))

.PHONY: check-programs
check-programs: $(BPF_RUNNER)

$(BPF_RUNNER): $(BPF_RUNNER_OBJ) $(BUILD)/libxgre.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/tests/bpf/%.o: tests/bpf/%.c | $(BUILD)/tests/bpf
	$(say) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/tests/bpf:
	$(Q)mkdir -p $@

-include $(wildcard $(BUILD)/tests/bpf/*.d)
