# Streaming Back-End. `make` builds bin/, `make run` starts the recipe, `make test` tests it.
# `make help` lists the rest.

CC ?= gcc
BUILD := build
BIN := bin
PREFIX ?= /usr/local

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Packages by component: nobody links what it does not use.
PKG_COMMON := nanomsg libzmq libuv libsodium libprotobuf-c libmicrohttpd jansson yaml-0.1 libsystemd gnutls
PKG_MEDIA := libavformat libavfilter libavcodec libswscale libswresample libavutil
PKG_HTTP := libcurl zlib
PKG_LEDGER := sqlite3
ALL_PKGS := $(PKG_COMMON) $(PKG_MEDIA) $(PKG_HTTP) $(PKG_LEDGER)

WARN := -Wall -Wextra -Werror -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter
CPPFLAGS += -D_GNU_SOURCE -Icommon -I. -I$(BUILD)/gen
CFLAGS ?= -O2 -g
CFLAGS += -std=c11 -pthread $(WARN) $(SAN_FLAGS)
LDFLAGS += -pthread -Wl,--as-needed $(SAN_FLAGS)

# Quiet until the packages are there: `make deps` runs before anything that needs them.
ifneq ($(shell command -v pkg-config 2>/dev/null),)
PKG_CFLAGS := $(shell pkg-config --cflags $(ALL_PKGS) 2>/dev/null)
LIBS_COMMON := $(shell pkg-config --libs $(PKG_COMMON) 2>/dev/null)
LIBS_MEDIA := $(shell pkg-config --libs $(PKG_MEDIA) 2>/dev/null)
LIBS_HTTP := $(shell pkg-config --libs $(PKG_HTTP) 2>/dev/null)
LIBS_LEDGER := $(shell pkg-config --libs $(PKG_LEDGER) 2>/dev/null)
LIBS_TEST := $(shell pkg-config --libs check 2>/dev/null)
endif

# Files that end in main.c are the entry of an executable; all others are modules of their folder.
modules = $(filter-out %main.c,$(shell find $(1) -name '*.c' | sort))
GEN := $(BUILD)/gen/proto/link.pb-c
obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

COMMON_OBJ := $(call obj,$(call modules,common)) $(GEN).o
ORCHESTRATOR_OBJ := $(call obj,$(call modules,orchestrator))
TRANSCODER_OBJ := $(call obj,$(call modules,transcoder))
BROADCASTER_OBJ := $(call obj,$(call modules,broadcaster)) $(BUILD)/gen/web/assets.o
TOOLS_OBJ := $(call obj,$(call modules,publisher-tools))

LIB := $(BUILD)/lib
ALL_LIBS := $(addprefix $(LIB)/,liborchestrator.a libtranscoder.a libbroadcaster.a libtools.a libcommon.a)

EXES := $(addprefix $(BIN)/,orchestrator transcoder broadcaster livepeer publish watch load status pay)

UNIT_SRC := $(shell find tests/unit -name 'test_*.c' 2>/dev/null | sort)
UNIT_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_REPLAY := $(addprefix $(BUILD)/fuzz_replay/fuzz_,$(FUZZ_NAMES))
SUPPORT_OBJ := $(call obj,$(call modules,tests/support))
SUPPORT_BIN := $(patsubst tests/support/%_main.c,$(BUILD)/support/%,$(wildcard tests/support/*_main.c))

.DEFAULT_GOAL := all
.PHONY: all
all: $(EXES)

$(LIB)/libcommon.a: $(COMMON_OBJ)
$(LIB)/liborchestrator.a: $(ORCHESTRATOR_OBJ)
$(LIB)/libtranscoder.a: $(TRANSCODER_OBJ)
$(LIB)/libbroadcaster.a: $(BROADCASTER_OBJ)
$(LIB)/libtools.a: $(TOOLS_OBJ)
$(LIB)/libsupport.a: $(SUPPORT_OBJ)
$(LIB)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

$(BUILD)/obj/%.o: %.c $(GEN).h
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(OPTIMIZE) -MMD -MP -c $< -o $@

$(GEN).h $(GEN).c &: common/proto/link.proto
	@mkdir -p $(BUILD)/gen/proto
	@protoc-c --proto_path=common --c_out=$(BUILD)/gen proto/link.proto

# Rewritten only when the version is another one, so that just version.o follows a commit.
$(BUILD)/gen/version_text.h: FORCE
	@mkdir -p $(@D)
	@echo '#define VERSION_TEXT "$(VERSION)"' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/obj/common/base/version.o: $(BUILD)/gen/version_text.h
.PHONY: FORCE
FORCE:

$(GEN).o: $(GEN).c
	@$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -Wno-unused-parameter -c $< -o $@

define link_exe
	@mkdir -p $(@D)
	@echo "LD $@"
	@$(CC) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) $(1)
endef

$(BIN)/orchestrator: $(BUILD)/obj/orchestrator/main.o $(LIB)/liborchestrator.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_HTTP) $(LIBS_LEDGER))
$(BIN)/transcoder: $(BUILD)/obj/transcoder/main.o $(LIB)/libtranscoder.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_MEDIA))
$(BIN)/broadcaster: $(BUILD)/obj/broadcaster/main.o $(LIB)/libbroadcaster.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP) -lm)
$(BIN)/livepeer: $(BUILD)/obj/deploy/livepeer_main.o $(ALL_LIBS)
	$(call link_exe,$(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP) $(LIBS_LEDGER) -lm)
$(BIN)/publish $(BIN)/watch $(BIN)/status: $(BIN)/%: $(BUILD)/obj/publisher-tools/%_main.o $(LIB)/libtools.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP))

$(BIN)/pay: $(BUILD)/obj/publisher-tools/pay_main.o $(LIB)/libtools.a $(LIB)/liborchestrator.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_HTTP) $(LIBS_LEDGER))
$(BIN)/load: $(BUILD)/obj/publisher-tools/load_main.o $(LIB)/libtools.a $(LIB)/libtranscoder.a $(LIB)/libbroadcaster.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP) -lm)

# Most of a build's time would go into making the tests' own code fast, which need not be.
$(BUILD)/obj/tests/unit/%.o: OPTIMIZE = -O0

# See tests/support/marks.c.
SOME_MARKS := -Wl,--wrap=_mark_point

# Hundreds of programs are linked for tests, each with the same libraries: by the linker that takes the
# least time for it, where it is there.
QUICK_LINK := $(if $(shell command -v ld.gold 2>/dev/null),-fuse-ld=gold,-Wl,--allow-shlib-undefined)

# A unit test links the library of its own folder (tests/unit/broadcaster -> libbroadcaster.a).
define unit_rule
$(BUILD)/unit/$(1)/%: $(BUILD)/obj/tests/unit/$(1)/%.o $(2) $(LIB)/libsupport.a $(LIB)/libcommon.a
	$$(call link_exe,$$(QUICK_LINK) $$(SOME_MARKS) $$(LIBS_TEST) $$(LIBS_COMMON) $$(LIBS_MEDIA) $$(LIBS_HTTP) $$(LIBS_LEDGER) -lm)
endef
$(eval $(call unit_rule,common,))
$(eval $(call unit_rule,orchestrator,$(LIB)/liborchestrator.a))
$(eval $(call unit_rule,transcoder,$(LIB)/libtranscoder.a))
$(eval $(call unit_rule,broadcaster,$(LIB)/libbroadcaster.a))
$(eval $(call unit_rule,publisher-tools,$(LIB)/libtools.a $(LIB)/liborchestrator.a))
$(BUILD)/support/ingest_dump: $(BUILD)/obj/tests/support/ingest_dump_main.o $(LIB)/libbroadcaster.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP) -lm)
$(BUILD)/support/%: $(BUILD)/obj/tests/support/%_main.o $(LIB)/libsupport.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP) -lm)

# Fuzz targets: with a plain main that replays files, and with libFuzzer (make fuzz, clang).
$(BUILD)/fuzz_replay/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/replay_main.o $(ALL_LIBS)
	$(call link_exe,$(QUICK_LINK) $(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP) $(LIBS_LEDGER) -lm)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(ALL_LIBS)
	$(call link_exe,-fsanitize=fuzzer $(LIBS_COMMON) $(LIBS_MEDIA) $(LIBS_HTTP) $(LIBS_LEDGER) -lm)

# --- people ------------------------------------------------------------------------------------

.PHONY: help deps deps-test run stop test test-long unit clean
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

deps: ## installs the packages that building and running need (asks before sudo)
	@deploy/deps run
deps-test: ## and those that the tests need
	@deploy/deps run test

run: deps ## builds and starts the recipe in four screen sessions
	@$(MAKE) --no-print-directory -j2 all
	@deploy/screen/run

stop: ## stops what `make run` started
	@deploy/screen/stop

.PHONY: unit-build support-build
unit-build: $(UNIT_BIN) support-build $(FUZZ_REPLAY)
support-build: $(SUPPORT_BIN)

unit: ## builds and runs the unit tests only
	@$(MAKE) --no-print-directory -j2 all unit-build
	@tests/run unit

test: deps-test ## everything but the long tests: under eight minutes
	@$(MAKE) --no-print-directory -j2 all unit-build
	@tests/run all

test-long: deps-test ## what takes longer
	@$(MAKE) --no-print-directory -j2 all unit-build
	@tests/run long

.PHONY: samples
samples: $(addprefix $(BIN)/,orchestrator transcoder broadcaster) ## writes deploy/config from the flags' tables
	@mkdir -p deploy/config
	@for role in $(^F); do $(BIN)/$$role -sampleConfig >deploy/config/$$role.yaml; done

clean: ## removes what was built
	rm -rf build bin

include broadcaster/web/web.mk
include tests/checks.mk
include deploy/install.mk
include deploy/edge/edge.mk

# Hundreds of files, which what builds nothing need not read.
BUILD_NOTHING := help deps deps-test stop clean install uninstall check-format lint-includes
ifneq ($(filter-out $(BUILD_NOTHING),$(or $(MAKECMDGOALS),all)),)
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
endif
.PRECIOUS: $(BUILD)/obj/%.o
