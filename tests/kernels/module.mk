# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# tests/kernels/t-* run in guests (make check-kernels); what they need is built here.

VERIFIER_COUNTS := $(BUILD)/tests/verifier-counts

.PHONY: check-programs
check-programs: $(VERIFIER_COUNTS)

$(VERIFIER_COUNTS): tests/kernels/verifier-counts.c
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(PKG_LIBS)

-include $(VERIFIER_COUNTS).d

# Sends the packets of tests/kernels/t-differential.py and compares what comes out.
DIFFERENTIAL     := $(BUILD)/tests/differential
DIFFERENTIAL_OBJ := $(patsubst tests/kernels/differential/%.c,$(DIFFERENTIAL)-objects/%.o,\
		    $(wildcard tests/kernels/differential/*.c))

check-programs: $(DIFFERENTIAL)

$(DIFFERENTIAL): $(DIFFERENTIAL_OBJ)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

$(DIFFERENTIAL)-objects/%.o: tests/kernels/differential/%.c
	$(say) CC $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

-include $(wildcard $(DIFFERENTIAL)-objects/*.d)
