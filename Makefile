# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# make            build everything into build/ (no root needed)
# make help       what else there is

PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
BUILD   := build

VERSION := 0.1.0

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-8s %s\n'
endif

# Warnings are errors unless WERROR= is given.
WERROR   ?= -Werror
CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith $(WERROR)
LIBS     := libbpf yaml-0.1 libmnl jansson libcap-ng libseccomp libxdp
# pkg-config only when something is compiled, so that clean and help need nothing
PKG_CFLAGS = $(shell pkg-config --cflags $(LIBS))
PKG_LIBS   = $(shell pkg-config --libs $(LIBS))
ALL_CFLAGS = -std=gnu11 $(CFLAGS) $(WARNINGS) -D_GNU_SOURCE -DXGRE_VERSION='"$(VERSION)"' \
	     -Iinclude -Iuser -I$(BUILD) $(PKG_CFLAGS)

MULTIARCH   = $(shell $(CC) -print-multiarch)
BPF_CFLAGS  = -target bpf -O2 -g -mcpu=v3 -Wall -Wextra -Wno-unused-function -Wno-unused-parameter $(WERROR) \
	      -Iinclude -Ibpf -I/usr/include/$(MULTIARCH)

TOOLS    := xgre-load xgre-stat xgred
MAINS    := $(TOOLS:%=user/%.c)
BPF_SRC  := $(wildcard bpf/*.bpf.c)
BPF_OBJ  := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
SKEL     := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/%.skel.h)
LIB_SRC  := $(filter-out $(MAINS),$(wildcard user/*.c))
LIB_OBJ  := $(LIB_SRC:user/%.c=$(BUILD)/user/%.o)
MAN      := $(wildcard docs/man/*.[1-8])

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all help clean install uninstall check check-kernels demo bench unit lint
all: $(TOOLS:%=$(BUILD)/%) $(BPF_OBJ) ## build the tools and the BPF programs

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | $(BUILD)/bpf
	$(say) CLANG $@
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(*F) > $@

$(BUILD)/user/%.o: user/%.c | $(BUILD)/user $(SKEL)
	$(say) CC $@
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/libxgre.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(TOOLS:%=$(BUILD)/%): $(BUILD)/%: $(BUILD)/user/%.o $(BUILD)/libxgre.a
	$(say) LD $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/bpf $(BUILD)/user:
	$(Q)mkdir -p $@

include $(wildcard tests/*/module.mk)

demo: ## the reference deployment in network namespaces, with traffic (root; KEEP=1 leaves it up)
	$(Q)scripts/install-dependencies demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)scripts/demo

check: ## all tests (root)
	$(Q)scripts/install-dependencies check
	$(Q)$(MAKE) --no-print-directory all check-programs
	$(Q)tests/run

check-kernels: ## tests under other kernels, in QEMU (root; fetches them from Debian)
	$(Q)scripts/install-dependencies check
	$(Q)scripts/install-dependencies kernels
	$(Q)$(MAKE) --no-print-directory all check-programs
	$(Q)scripts/kernel-lab -f >/dev/null
	$(Q)tests/run kernels/

lint: ## the checks of the sources alone (no root)
	$(Q)tests/run lint

bench: ## cost of the programs beside a no-op, as text and JSON (root)
	$(Q)scripts/install-dependencies bench
	$(Q)$(MAKE) --no-print-directory all check-programs
	$(Q)tests/bench/bench
	$(Q)tests/bench/reassembly

UNITS    := xgre.service xgre@.service xgred.service xgred@.service
UNIT_DIR  = $(DESTDIR)$(PREFIX)/lib/systemd/system
# install_unit,SERVICE,NAME,INSTANCE,FILE: the two units of a service have one source; NAME is that
# of xgre's own unit for the instance
install_unit = $(Q)sed -e 's|@SBINDIR@|$(PREFIX)/sbin|g' -e 's|@INSTANCE@|$(3)|g' -e 's|@FILE@|$(4)|g' \
	-e 's|@UNIT@|xgre$(2)|g' scripts/systemd/$(1).service.in | \
	install -m 644 /dev/stdin $(UNIT_DIR)/$(1)$(patsubst @%,@,$(2)).service

install: all ## install below DESTDIR and PREFIX
	$(say) INSTALL $(DESTDIR)$(PREFIX)
	$(Q)install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man8 $(UNIT_DIR)
	$(Q)install $(TOOLS:%=$(BUILD)/%) $(DESTDIR)$(PREFIX)/sbin
	$(Q)install -m 644 $(filter %.5,$(MAN)) $(DESTDIR)$(PREFIX)/share/man/man5
	$(Q)install -m 644 $(filter %.8,$(MAN)) $(DESTDIR)$(PREFIX)/share/man/man8
	$(call install_unit,xgre,,default,xgre)
	$(call install_unit,xgre,@%i,%i,%i)
	$(call install_unit,xgred,,default,xgre)
	$(call install_unit,xgred,@%i,%i,%i)

uninstall: ## remove what install put there
	$(say) REMOVE $(DESTDIR)$(PREFIX)
	$(Q)rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/sbin/%) \
		$(foreach m,$(notdir $(MAN)),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(m)) \
		$(UNITS:%=$(UNIT_DIR)/%)

clean: ## remove build/
	$(say) CLEAN $(BUILD)
	$(Q)rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  V=1 shows commands; WERROR= lets warnings pass; DESTDIR= and PREFIX= for install"

-include $(wildcard $(BUILD)/*/*.d)
