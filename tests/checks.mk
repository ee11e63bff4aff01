# Checks of the source itself; included by the top Makefile.

SOURCES = $(shell find common broadcaster orchestrator transcoder publisher-tools deploy tests \
            -name '*.c' -o -name '*.h' | sort)

.PHONY: format check-format lint
format: ## formats every source file
	@clang-format -i $(SOURCES)
check-format: ## says which files clang-format would change
	@clang-format --dry-run --Werror $(SOURCES)
lint: lint-includes lint-headers lint-tidy ## include directions, headers that compile alone, clang-tidy

.PHONY: lint-includes lint-headers lint-tidy
lint-includes:
	@tests/support/lint_includes
lint-headers: $(GEN).h
	@tests/support/lint_headers "$(CC)" $(CPPFLAGS) $(PKG_CFLAGS)
# A file in which nothing was found is looked at again when it or a header of it is another one.
TIDY_OK = $(patsubst %.c,$(BUILD)/tidy/%.ok,$(shell find common broadcaster orchestrator transcoder \
            publisher-tools deploy -name '*.c' | sort))
.PHONY: tidy
lint-tidy:
	@$(MAKE) --no-print-directory -k -j2 tidy
tidy: $(TIDY_OK)
	@echo "clang-tidy: nothing in $(words $^) files"
$(BUILD)/tidy/%.ok: %.c .clang-tidy | $(GEN).h
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(CPPFLAGS) $(PKG_CFLAGS) -std=c11 2>$@.err || { cat $@.err >&2; exit 1; }
	@$(CC) $(CPPFLAGS) $(PKG_CFLAGS) -std=c11 -MM -MP -MT $@ -MF $(@:.ok=.d) $<
	@mv $@.err $@
ifneq ($(filter lint lint-tidy tidy,$(MAKECMDGOALS)),)
-include $(shell find $(BUILD)/tidy -name '*.d' 2>/dev/null)
endif

# The same sources in a build of their own, so that no object is shared between kinds of builds.
# SAN_SLOWER: how much longer than usual a test may take; more on a busy machine.
SAN_SLOWER ?= 4
SAN_AT_ONCE ?= 2
# With -O1 it is built in half the time; warnings are the usual build's, which sees more.
# The two libraries shared do not heed log_path alike: of undefined behaviour nothing would be told.
SAN_asan = -O1 -w -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined \
           -static-libasan -static-libubsan
SAN_tsan = -O1 -w -fsanitize=thread
SAN_TSAN_OPTIONS = allocator_may_return_null=1 suppressions=$(CURDIR)/tests/support/tsan.supp
.PHONY: asan tsan asan-unit tsan-unit fuzz cov
asan: asan-unit asan-flow ## unit and main flow tests with addresses and undefined behaviour watched
tsan: tsan-unit tsan-flow ## the same with threads watched
asan-unit tsan-unit: %-unit:
	@$(MAKE) --no-print-directory -j2 BUILD=build/$* BIN=build/$*/bin SAN_FLAGS="$(SAN_$*)" all unit-build
	@ASAN_OPTIONS="allocator_may_return_null=1" TSAN_OPTIONS="$(SAN_TSAN_OPTIONS)" UBSAN_OPTIONS="print_stacktrace=1" \
	    CK_TIMEOUT_MULTIPLIER=$(SAN_SLOWER) TIME_SCALE=$(SAN_SLOWER) BUILD=build/$* BIN=build/$*/bin \
	    tests/run unit -j $(SAN_AT_ONCE)

# The recipe, its bad days and its enemies, money and files, with every role built with the sanitizer.
# "?low" stands for the whole name: "flow/test_receipts" alone would be part of other names, too.
# What was found is told at the end, too: of a role that a test kills nobody reads the exit status.
FLOW_OF_SAN = recipe bad_days hostile http rung_checks overload transcoder_life push media paywall \
              paywall_store ledger receipts receipts_balances receipts_paid open_payments at_once edge_paid
SAN_FOUND = $(CURDIR)/build/$*/found
.PHONY: asan-flow tsan-flow
asan-flow tsan-flow: %-flow:
	@$(MAKE) --no-print-directory -j2 BUILD=build/$* BIN=build/$*/bin SAN_FLAGS="$(SAN_$*)" all support-build
	@rm -rf $(SAN_FOUND) && mkdir -p $(SAN_FOUND)
	@ASAN_OPTIONS="log_path=$(SAN_FOUND)/asan" TSAN_OPTIONS="$(SAN_TSAN_OPTIONS) log_path=$(SAN_FOUND)/tsan" \
	    UBSAN_OPTIONS="print_stacktrace=1 log_path=$(SAN_FOUND)/ubsan" TIME_SCALE=$(SAN_SLOWER) ROLES_END=stop \
	    BUILD=build/$* BIN=build/$*/bin \
	    tests/run flow -j $(SAN_AT_ONCE) $(foreach name,$(FLOW_OF_SAN),-k "?low/test_$(name)") || failed=1; \
	    ! cat $(SAN_FOUND)/* 2>/dev/null && test -z "$$failed"

T ?= rtmp_session
SECONDS ?= 60
fuzz: ## fuzzes one target: make fuzz T=rtmp_session SECONDS=60
	@$(MAKE) --no-print-directory -j2 CC=clang BUILD=build/fuzzing \
	    SAN_FLAGS="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined" \
	    build/fuzzing/fuzz/fuzz_$(T)
	@mkdir -p build/fuzzing/found/$(T)
	build/fuzzing/fuzz/fuzz_$(T) -max_total_time=$(SECONDS) -rss_limit_mb=2048 -timeout=10 \
	    -artifact_prefix=build/fuzzing/found/$(T)/ build/fuzzing/found/$(T) tests/fuzz/corpus/$(T)

cov: ## coverage of the unit tests, as a table and as build/cov/index.html
	@$(MAKE) --no-print-directory -j2 BUILD=build/cov BIN=build/cov/bin SAN_FLAGS="--coverage -O1" all unit-build
	@BUILD=build/cov BIN=build/cov/bin tests/run unit
	@gcovr -r . --object-directory build/cov -e tests -e build --html-details build/cov/index.html --print-summary

# Figures against public tools. K=name runs one of them, QUICK=1 takes about five minutes.
BENCH_TOOLS = $(addprefix $(BUILD)/bench/,link_bench hold bare_wake dispatch_bench ledger_bench receipts_bench verify_bench)
$(BENCH_TOOLS): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%_main.o $(LIB)/liborchestrator.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_HTTP) $(LIBS_LEDGER))
.PHONY: bench
bench: ## measures, and writes tests/bench/RESULTS.md
	@deploy/deps run test bench
	@$(MAKE) --no-print-directory -j2 all $(BENCH_TOOLS)
	@tests/bench/bench.py $(if $(K),-k $(K)) $(if $(QUICK),-quick) $(if $(CASE),-case $(CASE))
