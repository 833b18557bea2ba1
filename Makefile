# `make` alone lists the targets. Nothing here needs more than Go, git, make and bash; what is marked
# (cc) also needs a C compiler, for the race detector; real containers need root on Linux and what .ci/packages installs. The first run of a target fetches Go modules.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

VERSION   ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME  ?= 20s
SEEDS     ?= 5000
CHECKS    ?= 5000
BENCH     ?= .
COUNT     ?= 10

BIN       := $(CURDIR)/bin
SANDBOX   := $(BIN)/sandbox
RESULTS   := $(BIN)/test-results
MODULES   := . cmd/sandbox
LDFLAGS   := -s -w -X quorate.dev/quorate/cmd/internal/cli.Version=$(VERSION)
TOOL      := go tool -modfile=$(CURDIR)/.tools/go.mod
GOTESTSUM := $(TOOL) gotestsum --format pkgname --format-hide-empty-pkg
RECORD    := $(CURDIR)/.ci/record $(RESULTS)

# Packages whose tests use a running sandbox or the binaries it is made of, when told where they are.
INTEGRATION := ./kustomize/build/... ./regions/kube/... ./cmd/internal/e2e/...
# Those of them that run name servers of others.
NAMED       := ^(TestNamesFollowFast|TestNamesThroughOutages|TestTwoWriters|TestNamesInBIND|TestChainedClusters)$$
# The sandbox that those tests share; down again when they end, however they end.
SHARED      := make-test

.PHONY: help
help: ## list the targets
	@echo 'usage: make TARGET [VARIABLE=value]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Build and try

.PHONY: build build-quorate build-sandbox
build: build-quorate build-sandbox ## build bin/quorate and bin/sandbox

build-quorate:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/quorate ./cmd/quorate

build-sandbox:
	cd cmd/sandbox && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o $(SANDBOX) .

.PHONY: sandbox-binaries
sandbox-binaries: build-sandbox ## build what the sandbox runs, once (about 10 minutes cold on two cores)
	$(SANDBOX) build

.PHONY: demo demo-down
demo: build sandbox-binaries ## start three regions and deploy a database over them (about 10 minutes the first time)
	bash docs/examples/bank/demo.sh up

demo-down: build-sandbox ## end the demo and leave nothing behind
	bash docs/examples/bank/demo.sh down

.PHONY: demo-real demo-real-down container-binaries
demo-real: build container-binaries ## the same with real containers: etcd over three regions, and a client that writes all the time (Linux, root)
	bash docs/examples/etcd/demo.sh up

demo-real-down: build-sandbox ## end that demo and leave nothing behind
	bash docs/examples/etcd/demo.sh down

container-binaries: build-sandbox ## build what the containers runtime needs, once (about 8 minutes more; installs Debian packages where it may)
	.ci/packages
	$(SANDBOX) preflight --runtime containers
	$(SANDBOX) build --containers

##@ Test

.PHONY: test
test: ## run all tests, the sandbox included (cc; at most 15 minutes on two cores once built)
	@rm -f $(RESULTS); mkdir -p $(BIN); started=$$SECONDS; status=0; \
	for stage in build sandbox-binaries test-unit test-names test-integration test-containers; do \
		echo "== $$stage"; began=$$SECONDS; \
		$(MAKE) --no-print-directory $$stage || { status=$$?; echo "make $$stage failed" >> $(RESULTS); break; }; \
		echo "== $$stage: done in $$((SECONDS - began))s"; \
	done; \
	echo; echo "== summary, after $$((SECONDS - started))s"; cat $(RESULTS); \
	if [ $$status = 0 ]; then echo 'all tests passed'; else echo 'TESTS FAILED'; fi; exit $$status

.PHONY: test-unit
test-unit: ## run the unit tests of both modules with the race detector (cc)
	@mkdir -p $(BIN)
	@$(GOTESTSUM) --post-run-command '$(RECORD) unit' -- -race -timeout 10m ./...
	@cd cmd/sandbox && $(GOTESTSUM) --post-run-command '$(RECORD) unit/sandbox' -- -race -timeout 10m ./...

# Here nothing may be skipped: a skipped test means that it was not given what it needs.
.PHONY: test-integration
test-integration: build sandbox-binaries ## run the tests that need real control planes, on loopback (cc)
	@mkdir -p $(BIN); tools="$$($(SANDBOX) build --print-path)"; \
	export QUORATE_SANDBOX=$(SANDBOX) QUORATE_KUBECTL="$$tools/kubectl" QUORATE_KUSTOMIZE="$$tools/kustomize"; \
	export QUORATE_E2E=1 QUORATE_SANDBOX_IT=1; \
	.ci/packages; .ci/packages names; without=(); \
	if reason="$$(.ci/packages names --check 2>&1)" && $(SANDBOX) build --containers; then \
		export QUORATE_NAMESERVERS=1 QUORATE_COREDNS="$$($(SANDBOX) build --containers --print-path)/coredns"; \
	else \
		echo "skipped: names in name servers, end to end: $${reason:-CoreDNS could not be built}" | tee -a $(RESULTS); [ -z "$${CI:-}" ]; \
		without=(-skip '$(NAMED)'); \
	fi; \
	trap '$(SANDBOX) down --name $(SHARED)' EXIT; \
	$(SANDBOX) up --name $(SHARED) --cluster one=test-region; \
	QUORATE_TEST_KUBECONFIG="$$($(SANDBOX) kubeconfig --name $(SHARED))"; export QUORATE_TEST_KUBECONFIG; \
	$(GOTESTSUM) --post-run-command '$(RECORD) integration all' -- -race -p 1 -parallel 6 -count 1 -timeout 20m "$${without[@]}" $(INTEGRATION); \
	cd cmd/sandbox; \
	$(GOTESTSUM) --post-run-command '$(RECORD) integration/sandbox all' -- -race -count 1 -timeout 20m -run '^TestSandbox' .

# Name servers of others, on loopback. Where they cannot be installed, that is one line and a skip by name; on CI it is a failure.
.PHONY: test-names
test-names: build-sandbox ## run the tests against BIND, Knot, PowerDNS, NSD and Unbound, and print what each of them does (cc; installs Debian packages where it may)
	@mkdir -p $(BIN); .ci/packages; .ci/packages names; \
	if ! reason="$$(.ci/packages names --check 2>&1)"; then \
		echo "skipped: the names stage: $$reason" | tee -a $(RESULTS); \
		[ -z "$${CI:-}" ]; exit; \
	fi; \
	if ! $(SANDBOX) build --containers; then \
		echo "skipped: the names stage: CoreDNS could not be built" | tee -a $(RESULTS); \
		[ -z "$${CI:-}" ]; exit; \
	fi; \
	export QUORATE_COREDNS="$$($(SANDBOX) build --containers --print-path)/coredns" QUORATE_NAMESERVERS=1 QUORATE_MATRIX=$(BIN)/matrix.txt; \
	$(GOTESTSUM) --post-run-command '$(RECORD) names all' -- -count 1 -p 2 -parallel 4 -timeout 10m ./dns/...; \
	cat $(BIN)/matrix.txt

# Where this machine cannot run real nodes, that is one line and a skip by name; on CI it is a failure.
.PHONY: test-containers
test-containers: build ## run the tests that need real nodes and containers, in namespaces of their own (cc; Linux, root)
	@mkdir -p $(BIN); .ci/packages; \
	if ! reason="$$($(SANDBOX) preflight --runtime containers 2>&1)"; then \
		echo "skipped: the containers stage: $$(tr '\n' ' ' <<< "$$reason")" | tee -a $(RESULTS); \
		[ -z "$${CI:-}" ]; exit; \
	fi; \
	$(SANDBOX) build --containers; \
	tools="$$($(SANDBOX) build --containers --print-path)"; \
	export QUORATE_SANDBOX=$(SANDBOX) QUORATE_COREDNS="$$tools/coredns" QUORATE_KUBECTL="$$tools/kubectl" QUORATE_CONTAINERS=1; \
	$(GOTESTSUM) --post-run-command '$(RECORD) containers all' -- -count 1 -timeout 30m ./cmd/internal/e2e/containers; \
	cd cmd/sandbox; \
	$(GOTESTSUM) --post-run-command '$(RECORD) containers/sandbox all' -- -count 1 -timeout 20m -run '^TestContainers' .

.PHONY: soak
soak: ## repeat the randomised tests with many more seeds: SEEDS=5000 CHECKS=5000 (cc; hours)
	QUORATE_SEEDS=$(SEEDS) RAPID_CHECKS=$(CHECKS) $(GOTESTSUM) -- -race -count 1 -timeout 6h ./regions/... ./dns/... ./kustomize/... ./planner/...

.PHONY: fuzz
fuzz: ## run each fuzz target in turn: FUZZTIME=20s
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sort | while IFS=: read -r file _ func; do \
		echo "== $${func#func } in $$(dirname "$$file")"; \
		(cd "$$(dirname "$$file")" && go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) .) || exit 1; \
	done

.PHONY: bench
bench: build sandbox-binaries ## measure what is promised, beside the tools that people have (15 minutes at most); RECORD=1 writes docs/benchmarks.md
	go build -o $(BIN)/bench ./cmd/internal/bench
	$(BIN)/bench -quorate $(BIN)/quorate -sandbox $(SANDBOX) -version $(VERSION) $(if $(filter 1,$(RECORD)),-record docs/benchmarks.md)

.PHONY: microbench
microbench: ## run the Go benchmarks and keep the results in bin/microbench.txt for benchstat: BENCH=. COUNT=10
	@mkdir -p $(BIN)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./... | tee $(BIN)/microbench.txt

##@ Keep in order

.PHONY: lint
lint: ## run golangci-lint, built from source at the version in .tools/go.mod (minutes the first time)
	@for module in $(MODULES); do \
		echo "== golangci-lint in $$module"; \
		(cd $$module && $(TOOL) golangci-lint run --config $(CURDIR)/.golangci.yml ./...) || exit 1; \
	done

.PHONY: format
format: ## rewrite the Go files in the project's format
	@for module in $(MODULES); do (cd $$module && $(TOOL) golangci-lint fmt --config $(CURDIR)/.golangci.yml ./...); done

.PHONY: generate generate-check
generate: ## regenerate everything that is generated
	@for module in $(MODULES); do (cd $$module && go generate ./...); done

generate-check: ## fail if a generated file is stale
	@.ci/unchanged $(MAKE) --no-print-directory generate

.PHONY: pictures
pictures: build sandbox-binaries ## make the terminal captures and pictures of docs/ from real runs (tmux)
	go build -o $(BIN)/pictures ./cmd/internal/pictures
	bash docs/terminal/capture.sh

.PHONY: docs
docs: generate ## refresh the generated reference in docs/

.PHONY: clean
clean: ## remove bin/ (the sandbox's binaries stay in the cache)
	rm -rf $(BIN)
