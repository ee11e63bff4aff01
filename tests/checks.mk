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
lint-tidy: $(GEN).h
	@find common broadcaster orchestrator transcoder publisher-tools deploy -name '*.c' | sort | \
	    xargs -P 2 -n 4 sh -c 'clang-tidy --quiet "$$@" -- $(CPPFLAGS) $(PKG_CFLAGS) -std=c11 2>/dev/null' tidy

# The same sources in a build of their own, so that no object is shared between kinds of builds.
SAN_asan = -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
SAN_tsan = -fsanitize=thread
.PHONY: asan tsan asan-unit tsan-unit fuzz cov
asan: asan-unit asan-flow ## unit and main flow tests with addresses and undefined behaviour watched
tsan: tsan-unit tsan-flow ## the same with threads watched
asan-unit tsan-unit: %-unit:
	@$(MAKE) --no-print-directory -j2 BUILD=build/$* BIN=build/$*/bin SAN_FLAGS="$(SAN_$*)" all unit-build
	@ASAN_OPTIONS="allocator_may_return_null=1" TSAN_OPTIONS="allocator_may_return_null=1 suppressions=$(CURDIR)/tests/support/tsan.supp" \
	    CK_TIMEOUT_MULTIPLIER=4 TIME_SCALE=4 BUILD=build/$* BIN=build/$*/bin tests/run unit

# The recipe, its bad days and its enemies, money and files, with every role built with the sanitizer.
# "?low" stands for the whole name: "flow/test_receipts" alone would be part of other names, too.
FLOW_OF_SAN = recipe bad_days hostile rung_checks push media paywall ledger receipts receipts_paid \
              open_payments at_once edge_paid
.PHONY: asan-flow tsan-flow
asan-flow tsan-flow: %-flow:
	@$(MAKE) --no-print-directory -j2 BUILD=build/$* BIN=build/$*/bin SAN_FLAGS="$(SAN_$*)" all
	@for name in $(FLOW_OF_SAN); do \
	    TSAN_OPTIONS="suppressions=$(CURDIR)/tests/support/tsan.supp" TIME_SCALE=4 \
	    ROLES_END=stop BUILD=build/$* BIN=build/$*/bin tests/run flow -j 1 -k "?low/test_$$name" || failed=1; \
	done; test -z "$$failed"

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
BENCH_TOOLS = $(addprefix $(BUILD)/bench/,link_bench hold dispatch_bench ledger_bench receipts_bench verify_bench)
$(BENCH_TOOLS): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%_main.o $(LIB)/liborchestrator.a $(LIB)/libcommon.a
	$(call link_exe,$(LIBS_COMMON) $(LIBS_HTTP) $(LIBS_LEDGER))
.PHONY: bench
bench: ## measures, and writes tests/bench/RESULTS.md
	@deploy/deps run test bench
	@$(MAKE) --no-print-directory -j2 all $(BENCH_TOOLS)
	@tests/bench/bench.py $(if $(K),-k $(K)) $(if $(QUICK),-quick)
