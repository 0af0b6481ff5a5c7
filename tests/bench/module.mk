# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# BPF programs of the benchmark. Its other half is bpf-runner of tests/bpf.

BENCH_BUILD := $(BUILD)/tests/bench
BENCH_OBJ   := $(BENCH_BUILD)/wrap.bpf.o $(BENCH_BUILD)/fragments.bpf.o
BENCH_RUN   := $(BENCH_BUILD)/fragments

.PHONY: check-programs
check-programs: $(BENCH_OBJ) $(BENCH_RUN)

$(BENCH_BUILD)/%: tests/bench/%.c | $(BENCH_BUILD)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(PKG_LIBS)

$(BENCH_BUILD)/%.bpf.o: tests/bench/%.bpf.c | $(BENCH_BUILD)
	$(say) CLANG $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BENCH_BUILD):
	$(Q)mkdir -p $@

-include $(wildcard $(BENCH_BUILD)/*.d)
