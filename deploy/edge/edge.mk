# The edge; included by the top Makefile. Settings from the environment or the command line, as in
# `make edge EDGE_ADDR=:9443 UPSTREAM=192.0.2.7:8935`; deploy/edge/README.md lists them.

.PHONY: edge
edge: ## starts nginx with TLS, HTTP/2 and a cache before a broadcaster (deploy/edge/README.md)
	@deploy/deps edge
	@exec deploy/edge/run
