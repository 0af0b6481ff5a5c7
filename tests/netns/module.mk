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

# xgre-load with points at which tests/netns/t-faults.py lets it fail or kills it.
FAULTS      := $(BUILD)/faults
FAULTS_OBJ  := $(patsubst user/%.c,$(FAULTS)/%.o,$(LIB_SRC) user/xgre-load.c)
FAULTS_LOAD := $(BUILD)/tests/xgre-load-faults

check-programs: $(FAULTS_LOAD)

$(FAULTS_LOAD): $(FAULTS_OBJ) | $(NETNS_BUILD)
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(FAULTS)/%.o: user/%.c | $(FAULTS) $(SKEL)
	$(say) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) -DXGRE_FAULTS -MMD -MP -c $< -o $@

$(FAULTS):
	$(Q)mkdir -p $@
