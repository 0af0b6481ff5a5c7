# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Unit tests: every tests/unit/NAME.c is a program that prints TAP. They are linked
# with user/ compiled a second time under ASan and UBSan, as an archive: a program
# pulls in what it names and nothing else.
# UNIT_LDFLAGS_NAME adds linker flags to one program.

comma      := ,
SAN        := $(BUILD)/san
SAN_OBJ    := $(LIB_SRC:user/%.c=$(SAN)/%.o)
# gcc warns of uninitialised variables wrongly in instrumented code
SAN_CFLAGS := -O1 -fno-omit-frame-pointer -Wno-maybe-uninitialized \
	      -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_BUILD := $(BUILD)/tests/unit
UNIT_TESTS := $(patsubst tests/unit/%.c,$(UNIT_BUILD)/%,$(wildcard tests/unit/*.c))

# allocations of user/ that the test lets fail
UNIT_LDFLAGS_config-robust := \
	$(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc reallocarray vasprintf)

.PHONY: check-programs unit
check-programs: $(UNIT_TESTS)

unit: $(UNIT_TESTS) ## unit tests (no root)
	$(Q)prove --exec '' $(UNIT_TESTS)

$(SAN)/%.o: user/%.c | $(SAN) $(SKEL)
	$(say) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) $(SAN_CFLAGS) -MMD -MP -c $< -o $@

$(SAN)/libxgre.a: $(SAN_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(UNIT_TESTS): $(UNIT_BUILD)/%: tests/unit/%.c $(SAN)/libxgre.a | $(UNIT_BUILD)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $(SAN_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) $(UNIT_LDFLAGS_$*) \
		-o $@ $< $(SAN)/libxgre.a $(PKG_LIBS)

$(SAN) $(UNIT_BUILD):
	$(Q)mkdir -p $@

-include $(wildcard $(UNIT_BUILD)/*.d)
