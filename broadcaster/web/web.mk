# The watch pages, packed into the broadcaster; included by the top Makefile.

WEB := broadcaster/web
WEB_GEN := $(BUILD)/gen/web
WEB_SRC := $(sort $(wildcard $(addprefix $(WEB)/*.,html css js svg)))

# Tried once for each lock file: without npm or network every build would wait for it.
$(WEB_GEN)/fetched: $(WEB)/package-lock.json $(wildcard $(WEB)/node_modules/.package-lock.json)
	@mkdir -p $(@D)
	@$(WEB)/fetch || true
	@touch $@

$(WEB_GEN)/assets.c: $(WEB_SRC) $(WEB)/pack $(WEB_GEN)/fetched
	@$(WEB)/pack $(@D) $(WEB_SRC)

$(WEB_GEN)/assets.o: $(WEB_GEN)/assets.c broadcaster/viewers/pages_assets.h
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@
