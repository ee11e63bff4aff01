# Checks of the source itself; included by the top Makefile.

SOURCES = $(shell find common broadcaster orchestrator transcoder publisher-tools deploy tests \
            -name '*.c' -o -name '*.h' | sort)

.PHONY: format check-format lint
format: ## formats every source file
	@clang-format -i $(SOURCES)
check-format: ## says which files clang-format would change
	@clang-format --dry-run --Werror $(SOURCES)
lint: $(GEN).h ## include directions, headers that compile alone, clang-tidy on what is risky
	@tests/support/lint_includes
	@tests/support/lint_headers "$(CC)" $(CPPFLAGS) $(PKG_CFLAGS)
