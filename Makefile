# `make` alone lists what there is. NET is the prefix of all addresses: a second
# stack runs beside the first with `make up NET=127.30.0`.
NET ?= 127.20.0
YES ?=
LOCAL := .data/bin/local
REPLAY := .data/bin/replay
# Where make replay finds the shop: make up's first one and the containers' alike
# on port 8080 of this machine, another one on its own address.
URL ?= http://$(if $(filter 127.20.0,$(NET)),127.0.0.1,$(NET).4):8080

# -p 2: a package's tests may start servers, and more than two packages at once
# would make each other late. -count=1: a result from the cache proves nothing
# about servers.
TEST_FLAGS ?= -p 2 -count=1 -timeout 25m
TEST ?= ./...
# The last line. A package that does not build counts as failed, though it has no test.
export COUNT := sh -c 'passed=$$((TESTS_TOTAL - TESTS_FAILED - TESTS_SKIPPED)); \
	[ $$passed -ge 0 ] || passed=0; \
	echo "test: $$passed passed, $$TESTS_FAILED failed, $$TESTS_SKIPPED skipped"'

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

up: deps $(LOCAL) ## start the whole shop and stay in the foreground; Ctrl-C stops it
	@exec $(LOCAL) -net $(NET) up

status: $(LOCAL) ## who is primary, who lags, what is up; fails if the shop cannot sell
	@$(LOCAL) -net $(NET) status

handover: $(LOCAL) ## make another Redis node primary while the shop sells: no write lost, none refused
	@$(LOCAL) -net $(NET) handover

env: $(LOCAL) ## make .env with random secrets, unless there is one
	@$(LOCAL) env

clean: $(LOCAL) ## remove the data of a stopped shop, after asking (YES=1: without)
	@$(LOCAL) -net $(NET) $(if $(YES),-yes) clean

replay: $(REPLAY) ## sell a real shop's invoices, FILE=….csv, through the API of the running shop
	@$(REPLAY) -url $(URL) $(if $(FILE),"$(FILE)")

test: test-deps ## every test, on real servers; TEST=./path/... for some
	@go tool -modfile=tools/go.mod gotestsum --format=$(if $(CI),pkgname,testdox) --post-run-command "$$COUNT" \
		-- $(TEST_FLAGS) $(TEST)

# Run alone: the load wants the machine for itself. The lines of these tests are
# the figures in docs/sweep.md.
sweep: test-deps ## whole, what make test has in a short form: freezes, kills, restarts, handovers (an hour)
	@SWEEP=1 go test -v -p 1 -count=1 -timeout 120m -run 'Sweep|FifteenSeconds|AgainAndAgain|Handover' \
		./services/internal/redisdb ./services/internal/boot ./services/internal/faults

fuzz: ## invented input for every decoder, FUZZTIME=5s each
	@scripts/fuzz

lint: deps ## formatting, vet, golangci-lint, and the configuration of every server
	@scripts/lint

build: ## the API's program, into bin/
	@go build -o bin/api ./services/api

deps: ## install what is missing (Debian; elsewhere say what it is)
	@scripts/install-deps

test-deps:
	@scripts/install-deps test

# go build itself knows what has changed.
$(LOCAL) $(REPLAY): FORCE
	@go build -o $@ ./services/$(notdir $@)

FORCE:

.PHONY: help up status handover env clean replay test sweep fuzz lint build deps test-deps FORCE
