# `make` alone lists what there is. NET is the prefix of all addresses: a second
# stack runs beside the first with `make up NET=127.30.0`.
NET ?= 127.20.0
YES ?=
LOCAL := .data/bin/local
REPLAY := .data/bin/replay
DRILL := .data/bin/drill
BENCH := .data/bin/bench
BUDGET := .data/bin/budget
BACKUP := .data/bin/backup
# Where make replay finds the shop: make up's first one and the containers' alike
# on port 8080 of this machine, another one on its own address.
URL ?= http://$(if $(filter 127.20.0,$(NET)),127.0.0.1,$(NET).4):8080

# -p 2: a package's tests may start servers, and more than two packages at once
# would make each other late. -count=1: a result from the cache proves nothing
# about servers.
TEST_FLAGS ?= -p 2 -count=1 -timeout 25m
TEST ?= ./...
# scripts/run-tests counts the tests by name, and fails where a pattern has found no test.
RUN_TESTS := FORMAT=$(if $(CI),pkgname,testdox) scripts/run-tests

# The tests of what only the drill's build has.
DRILL_TEST_FILES = $(shell grep -rl --include='*_test.go' '^//go:build drill$$' services)
DRILL_TESTS = $(shell sed -n 's/^func \(Test[A-Za-z0-9]*\).*/\1/p' $(DRILL_TEST_FILES) | paste -sd '|')

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

up: deps $(LOCAL) ## start the whole shop and stay in the foreground; Ctrl-C stops it
	@exec $(LOCAL) -net $(NET) up

status: $(LOCAL) ## who is primary, who lags, what is up; fails if the shop cannot sell
	@$(LOCAL) -net $(NET) status

# REQ=<id of a request> shows its way and ends; SERVICE=redis-1,api and LEVEL=warn show less; NO_COLOR=1, FORCE_COLOR=1.
LOGS_FLAGS = $(if $(REQ),-request "$(REQ)") $(if $(SERVICE),-service "$(SERVICE)") $(if $(LEVEL),-level "$(LEVEL)")

logs: $(LOCAL) ## follow the logs of all services; REQ=id: one request's way through nginx, API and event
	@exec $(LOCAL) -net $(NET) $(LOGS_FLAGS) logs

handover: $(LOCAL) ## make another Redis node primary while the shop sells: no write lost, none refused
	@$(LOCAL) -net $(NET) handover

# The shop of `make up` on NET when that runs, else the one in containers; COMPOSE=1: the containers in any case. FORCE=1 makes
# everything anew. Natively BACK=1 goes back to the API before, and TO=v0.1.0 takes the API of that version. In containers
# EDGE=1 makes anew also what holds the address (a pause), and BUILD=0 builds no API image.
UPGRADE_FLAGS = $(if $(TO),-to "$(TO)") $(if $(BACK),-back) $(if $(FORCE),-force)

rolling-upgrade: ## bring the running shop up to date, one service after the other, while it sells: no request fails
	@if [ -z "$(COMPOSE)" ] && command -v go >/dev/null && $(MAKE) -s $(LOCAL) && $(LOCAL) -net $(NET) running 2>/dev/null; \
	then exec $(LOCAL) -net $(NET) $(UPGRADE_FLAGS) rolling-upgrade; \
	elif [ -n "$(TO)$(BACK)" ]; then echo 'TO and BACK are for the shop of `make up`, and that does not run on $(NET)' >&2; exit 1; \
	else exec scripts/rolling-upgrade; fi

# The shop of `make up` on NET if it runs, else the one in containers. DRY=1 only says what would be done.
finish-upgrade: $(LOCAL) ## when you are sure of a new version: lock the old one out and end the upgrade; no way back
	@if $(LOCAL) -net $(NET) running 2>/dev/null; then exec $(LOCAL) -net $(NET) $(if $(DRY),-dry) finish-upgrade; \
	else exec scripts/finish-upgrade $(if $(DRY),--dry-run); fi

rotate: $(LOCAL) ## replace a secret of .env, SECRET=REDIS_API_PASSWORD, in the shop of make up while it sells (docs/secrets.md)
	@[ -n "$(SECRET)" ] || { echo 'SECRET=REDIS_API_PASSWORD names the secret' >&2; exit 1; }
	@$(LOCAL) -net $(NET) -secret "$(SECRET)" rotate

# Those of the shop of `make up` on NET if it runs, else of the one in containers. docs/backup.md.
BACKUP_SHOP = if $(LOCAL) -net $(NET) running 2>/dev/null; then exec $(LOCAL) -net $(NET) backup $(1); \
	else exec docker compose exec -T backup /backup $(1); fi

backup: deps $(LOCAL) $(BACKUP) ## make one full backup of the running shop now, and verify it by restoring it
	@$(call BACKUP_SHOP,now)

backup-list: $(LOCAL) $(BACKUP) ## which backups there are, and how far they reach
	@$(call BACKUP_SHOP,list)

backup-key: $(BACKUP) ## print a new pair of keys for backups: make -s backup-key >FILE
	@$(BACKUP) keygen

# CHAIN names a backup of make backup-list, AT=2026-01-02T15:04:05Z is a moment, SEQUENCE a commit. FROM is a directory or an s3://
# address instead of BACKUP_TARGETS. KEY is the file with the private key. YES=1 does not ask. docs/restore.md.
WANTED = $(if $(FROM),-from "$(FROM)") $(if $(CHAIN),-chain "$(CHAIN)") $(if $(AT),-at "$(AT)") $(if $(SEQUENCE),-sequence "$(SEQUENCE)")
RESTORING = $(if $(YES),-yes) $(if $(END_SESSIONS),-end-sessions)
RECOVERY = if $(LOCAL) -net $(NET) running 2>/dev/null || ! command -v docker >/dev/null; \
	then exec $(LOCAL) -net $(NET) backup $(1) $(if $(KEY),-key "$(KEY)") $(2); \
	else BACKUP_PRIVATE_KEY=$$(cat $(if $(KEY),"$(KEY)",/dev/null)) exec docker compose run --rm -e BACKUP_PRIVATE_KEY operator $(1) $(2); fi

restore: deps $(LOCAL) $(BACKUP) ## put a backup in the place of the running shop's data, after asking: KEY=file, AT=moment
	@$(call RECOVERY,restore,$(WANTED) $(if $(FORCE),-force) $(RESTORING))

restore-undo: deps $(LOCAL) $(BACKUP) ## bring back the data that the last restore has kept aside, after asking
	@$(call RECOVERY,undo,$(RESTORING))

backup-show: deps $(LOCAL) $(BACKUP) ## print the past state of OBJECT=product:ID, purchase:ID or user:ID; KEY=file, AT=moment
	@$(call RECOVERY,show,$(WANTED) "$(OBJECT)")

env: $(LOCAL) ## make .env with random secrets, unless there is one
	@$(LOCAL) env

clean: $(LOCAL) ## remove the data of a stopped shop, after asking (YES=1: without)
	@$(LOCAL) -net $(NET) $(if $(YES),-yes) clean

replay: $(REPLAY) ## sell a real shop's invoices, FILE=….csv, through the API of the running shop
	@$(REPLAY) -url $(URL) $(if $(FILE),"$(FILE)")

# FAULT=primary-crash,api-kill names some (make drill-list), N=20 repeats each, UNTIL=20 does each as often as its results
# lack, RESULTS=dir keeps them elsewhere. RUNNING=1 takes the shop of `make up`, and LAST=60s to break something by hand.
# COMPOSE=1 takes the shop in containers that `docker compose up` has started here, and breaks it through the engine; RATE=40
# sends so many writes, and so many reads, a second, instead of 200.
DRILL_FLAGS = $(if $(RESULTS),-results "$(RESULTS)") $(if $(FAULT),-fault "$(FAULT)") $(if $(N),-n $(N)) $(if $(UNTIL),-until $(UNTIL)) \
	$(if $(RUNNING),-url $(URL) -net $(NET)) $(if $(COMPOSE),-compose) $(if $(RATE),-rate $(RATE)) $(if $(LAST),-last $(LAST))

drill: drill-deps $(DRILL) ## do to a shop under load what can go wrong, and hold what its clients saw against the promises
	@exec $(DRILL) $(DRILL_FLAGS) run

drill-controls: drill-deps $(DRILL) ## the same with one safeguard taken out: each has to go wrong
	@exec $(DRILL) $(DRILL_FLAGS) controls

drill-short: deps $(DRILL) ## three faults and two controls, in under 4 minutes
	@exec $(DRILL) $(DRILL_FLAGS) short

drill-list: $(DRILL) ## what the drill can do
	@$(DRILL) list

drill-table: $(DRILL) ## write the measured figures into docs/reliability.md
	@$(DRILL) $(DRILL_FLAGS) table

# CLASS=user-rate,… names some (make attack-list), RESULTS=dir keeps the results elsewhere. docs/attacks.md.
ATTACK_FLAGS = $(if $(RESULTS),-results "$(RESULTS)") $(if $(CLASS),-class "$(CLASS)")

attack: deps $(DRILL) ## attack a private shop as one customer can, and hold what others notice of it against the bounds
	@exec $(DRILL) $(ATTACK_FLAGS) attack

attack-controls: deps $(DRILL) ## the same attacks without the defence: each has to go wrong
	@exec $(DRILL) $(ATTACK_FLAGS) attack-controls

attack-short: deps $(DRILL) ## some attacks and controls, in under 2.5 minutes
	@exec $(DRILL) $(ATTACK_FLAGS) attack-short

attack-list: $(DRILL) ## the classes of attack
	@$(DRILL) attack-list

# On a machine that has nothing else to do. A bar that is missed fails.
bench: deps $(BENCH) ## what WAIT and metrics cost and what group commit gains, side by side (three minutes)
	@exec $(BENCH)

# COUNTS=1 leaves processor time out, OF=commit measures that one, RECORD="an issue's title" writes the figures down.
budget: deps $(BUDGET) ## what an order costs next to the baseline: commands, bytes and processor time (docs/budget.md)
	@exec $(BUDGET) $(if $(COUNTS),-counts) $(if $(OF),-of "$(OF)") $(if $(RECORD),-record "$(RECORD)")

test: test-deps ## every test, on real servers; TEST=./path/... for some
	@$(RUN_TESTS) untagged $(TEST_FLAGS) $(TEST) $(if $(filter ./...,$(TEST)),--and drill $(TEST_FLAGS) -tags drill \
		-run '^($(DRILL_TESTS))$$' $(addprefix ./,$(sort $(dir $(DRILL_TEST_FILES)))))

# The shipped docker-compose.yml, on the engine that answers, or on one that is started for it and ended after it.
test-compose: test-deps ## the shop in containers: starts, failovers, restarts, rights; installs an engine where none is
	@scripts/container-engine status >/dev/null 2>&1 || trap 'scripts/container-engine stop' EXIT; trap 'exit 1' HUP INT TERM; \
	scripts/container-engine start && scripts/container-engine images && settings=$$(scripts/container-engine env) && eval "$$settings" && \
	$(RUN_TESTS) containers -tags containers -count=1 -timeout 25m ./services/internal/containers/...

# Loki and its collector are built from their Go modules, which takes several minutes the first time.
test-logs: test-deps .data/bin/loki .data/bin/collector ## the logs' way into the real Loki: nothing lost, nothing doubled, nothing secret
	@$(RUN_TESTS) logs -tags logs -count=1 -timeout 20m -run TestLogsReachLoki ./services/internal/logs

.data/bin/loki: tools/loki/go.mod
	@echo 'building Loki …' && cd tools/loki && nice go build -o ../../$@ github.com/grafana/loki/v3/cmd/loki

.data/bin/collector: tools/collector/go.mod tools/collector/main.go
	@echo 'building the collector …' && cd tools/collector && nice go build -o ../../$@ .

# Run alone: the load wants the machine for itself. The lines of these tests are
# the figures in docs/sweep.md.
sweep: test-deps ## whole, what make test has in a short form: freezes, kills, restarts, handovers (an hour)
	@SWEEP=1 FORMAT=standard-verbose scripts/run-tests sweep -p 1 -count=1 -timeout 120m \
		-run 'Sweep|FifteenSeconds|AgainAndAgain|Handover' ./services/internal/redisdb ./services/internal/boot ./services/internal/faults

# Wants the machine for itself for a quarter of an hour; no part of .ci/run. SOAK=30m makes the quiet part longer.
SOAK ?= 10m
soak: test-deps ## ten quiet minutes under load and a restart of everything: no alert but the watchdog
	@SOAK=$(SOAK) FORMAT=standard-verbose scripts/run-tests soak -count=1 -timeout 40m -run AShopThatIsWellSaysNothing ./services/internal/alerts

# A day of faults on a private shop, drawn by Chromium with Grafana's own components; a few minutes, and 500 MB of packages.
dashboard-pictures: pictures-deps ## draw every dashboard, as a real Prometheus answers it, into docs/pictures
	@cd grafana/pictures && npm ci --no-progress
	@mkdir -p .data && DASHBOARD_QUIET=15s DASHBOARD_ANSWERS=$(CURDIR)/.data/dashboard-answers.json \
		scripts/run-tests pictures -count=1 -timeout 15m -run DayOfFaults ./services/internal/dashboards
	@node grafana/pictures/draw.mjs .data/dashboard-answers.json docs/pictures

# SIZES are numbers of products, with as many purchases. Wants the machine for itself, for some ten minutes.
SIZES ?= 1000 100000
recovery: test-deps ## lose shops under load and restore them elsewhere: what is lost, and how long it takes; writes docs/recovery.md
	@RECOVERY="$(SIZES)" RECOVERY_PAGE=$(CURDIR)/docs/recovery.md FORMAT=standard-verbose scripts/run-tests recovery -count=1 -timeout 110m \
		-run TestRecoveryIsMeasured ./services/ops/backup/restore

fuzz: ## invented input for every decoder, FUZZTIME=5s each
	@scripts/fuzz

# Faults of the least kind: one operator changed at a time, and the package's own tests run. LIVED is a fault that they
# do not notice. For packages whose tests start no server (docs/decisions/0070).
mutants: ## change one operator of PKG=./services/internal/money at a time: do its tests notice?
	@[ -n "$(PKG)" ] || { echo 'PKG=./services/internal/money names the package' >&2; exit 1; }
	@go tool -modfile=tools/mutants/go.mod gremlins unleash --workers 1 --timeout-coefficient 10 $(PKG)

lint: deps ## formatting, vet, golangci-lint, and the configuration of every server
	@scripts/lint

build: ## the API's program, into bin/
	@go build -o bin/api ./services/api

deps: ## install what is missing (Debian; elsewhere say what it is)
	@scripts/install-deps

test-deps:
	@scripts/install-deps test

drill-deps:
	@scripts/install-deps drill

pictures-deps:
	@scripts/install-deps pictures

# go build itself knows what has changed.
$(LOCAL) $(REPLAY) $(DRILL) $(BUDGET) $(BACKUP): FORCE
	@go build -o $@ ./services/$(notdir $@)

# With the tag the safeguards can be taken out that are measured.
$(BENCH): FORCE
	@go build -tags drill -o $@ ./services/bench

FORCE:

.PHONY: recovery backup backup-list backup-key restore restore-undo backup-show help up status logs handover rolling-upgrade rotate finish-upgrade env clean replay drill drill-controls drill-short drill-list drill-table attack attack-controls attack-short attack-list bench budget test test-compose test-logs sweep soak dashboard-pictures fuzz mutants lint build deps test-deps drill-deps pictures-deps FORCE
