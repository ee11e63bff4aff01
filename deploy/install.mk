# Installing; included by the top Makefile. As root after `make`: nothing is built here.

.PHONY: install uninstall
install: ## puts bin/, systemd units and papers below DESTDIR= PREFIX=/usr/local
	@EXES="$(notdir $(EXES))" BIN="$(BIN)" DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" deploy/install install
uninstall: ## removes exactly what install has put there
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" deploy/install uninstall
