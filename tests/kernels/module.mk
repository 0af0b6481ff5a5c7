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
