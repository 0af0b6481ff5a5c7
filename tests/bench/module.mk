# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# BPF programs of the benchmark. Its other half is bpf-runner of tests/bpf.

BENCH_BUILD := $(BUILD)/tests/bench
BENCH_OBJ   := $(BENCH_BUILD)/wrap.bpf.o

.PHONY: check-programs
check-programs: $(BENCH_OBJ)

$(BENCH_BUILD)/%.bpf.o: tests/bench/%.bpf.c | $(BENCH_BUILD)
	$(say) CLANG $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BENCH_BUILD):
	$(Q)mkdir -p $@

-include $(wildcard $(BENCH_BUILD)/*.d)
