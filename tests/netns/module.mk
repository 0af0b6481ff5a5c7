# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Every tests/netns/t-NAME.c is a program that prints TAP; it makes a network
# namespace of its own and needs root.

NETNS_BUILD := $(BUILD)/tests/netns
NETNS_TESTS := $(patsubst tests/netns/%.c,$(NETNS_BUILD)/%,$(wildcard tests/netns/t-*.c))

.PHONY: check-programs
check-programs: $(NETNS_TESTS)

$(NETNS_TESTS): $(NETNS_BUILD)/%: tests/netns/%.c $(BUILD)/libxgre.a | $(NETNS_BUILD)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) -Itests/unit -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< \
		$(BUILD)/libxgre.a $(PKG_LIBS)

$(NETNS_BUILD):
	$(Q)mkdir -p $@

-include $(wildcard $(NETNS_BUILD)/*.d)
