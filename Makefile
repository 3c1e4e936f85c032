# The tasks of this repository. "make help" lists them.

# The processor for which the functions are built, under SAM's name: arm64 or x86_64.
ARCHITECTURE ?= arm64
# Without inlining, the functions' zips are a sixth smaller: 4.0 MB and not 4.7 for profile on
# amd64. For that they take a tenth more of a processor's time to start, 7.2 ms and not 6.5, and
# a quarter more for a request that asks for a session, which was one that does not exist, 0.31 ms
# and not 0.23. A cold start also waits for the zip to be fetched, which only AWS can measure.
# Argon2 would take one and a half times as long, so it is compiled with inlining.
GCFLAGS := -gcflags=all=-l -gcflags=golang.org/x/crypto/...=
# The folder for the built functions.
BUILD ?= .aws-sam/build
# The template whose functions are built.
TEMPLATE ?= template.yaml
# How long each fuzz target runs.
FUZZTIME ?= 20s

# The flag for the race detector, which needs a C compiler. Empty if there is none.
RACE = $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null && echo -race)
# The packages that the race detector does not watch, because they only compute, and with it
# they take several times as long: cryptography, SQLite's own code, parsers, encodings. A package
# that other packages use for synchronisation must not be here: the detector would not see the
# synchronisation, and would report races that do not exist. Nor may one that fills a map once,
# as text/template does, or that has its own copy of generic code of sync or sync/atomic, as
# encoding/json and go/parser do: the linker may use that copy for the whole program. regexp has
# such a copy only of the inner parts of sync.Pool, which switches the detector off for them.
COMPUTING := golang.org/x/crypto/... crypto/sha1 crypto/md5 $(addprefix crypto/internal/fips140/,sha256 sha512 hmac pbkdf2 bigmod nistec/... edwards25519/...) \
	modernc.org/sqlite/lib go.yaml.in/yaml/... regexp text/template/parse encoding/base64 encoding/hex compress/flate
# The compiler would also check conversions of unsafe.Pointer. Only code of others has some.
UNWATCHED := -gcflags=all=-d=checkptr=0 $(COMPUTING:%=-gcflags=%=-race=false)
# The flags of all tests that need them. The tests of the examples build programs with the
# same flags, so that no package is compiled twice.
DETECTOR = $(if $(RACE),$(RACE) $(UNWATCHED))

# The packages whose tests take longest. make test begins with them, so that none of them
# runs alone at the end. It tests one package more at a time than there are processors,
# because tests often wait for a server.
SLOWEST := ./functions ./cmd/coatcheck ./pkg/signin . ./cmd/server ./pkg/accounts ./pkg/accounts/password

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
SAM_CLI     := 1.170.0
CFN_LINT    := 1.58.0
CHECKOV     := 3.3.29
MOTO        := 5.2.5
AWS_CLI     := 1.46.3
SCHEMATHESIS := 4.32.5
OPENAPI_SPEC := 0.9.0

# A Python environment with the SAM CLI, SAM's translator and cfn-lint. Its name contains
# the versions, so that another version gets a new environment.
TOOLS := .cache/sam-$(SAM_CLI)-cfn-lint-$(CFN_LINT)
# checkov has its own environment, because it is large and has other dependencies than
# SAM.
SCANNER := .cache/checkov-$(CHECKOV)
# moto emulates AWS's control plane for make runbooks, and the command aws calls it.
EMULATOR := .cache/moto-$(MOTO)-awscli-$(AWS_CLI)
# schemathesis makes the requests of make contract.
CONTRACT := .cache/schemathesis-$(SCHEMATHESIS)-validator-$(OPENAPI_SPEC)
SAM   := $(or $(shell command -v sam),$(TOOLS)/bin/sam)

# The Go modules: the product, its tests in a browser, its benchmarks that compare it with
# other libraries, the tests of the middleware, and programs that import it. They are separate modules, so that a program
# which imports the product does not get the dependencies of these tests and benchmarks. The
# examples have paths of their own, so that they can import no more than anybody can.
MODULES := . e2e bench pkg/session/storetest/history prove/histories middleware examples/company examples/lambda examples/monolith/nethttp examples/restapi examples/stack
EXAMPLES := $(filter examples/%,$(MODULES))
# The histories of calls to a store, for everybody's stores, and those of our stores. They are
# modules of their own, because only they need the checker.
HISTORIES := pkg/session/storetest/history prove/histories

# The templates of other front doors than template.yaml's HTTP API.
FRONT_DOORS := $(wildcard docs/front-doors/*.yaml)
# What SAM makes of the templates that are written for it.
TRANSLATED := .cache/translated.json .cache/company.json .cache/stack.json .cache/rest.json

# The tests in other browsers than Chromium. They need many packages, so they are no part
# of make e2e and CI.
OTHER_BROWSERS := ^Test(Firefox|WebKit)$$
# The tests that move the routes of monoliths, and walk through examples/company. They take
# other programs than make e2e.
WALKS := ^TestWalk

# The platforms for which make lint checks all code, including tests. For Windows it
# compiles only the packages in pkg and the programs that people run.
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

# make run compiles only the store that STORE names, because that takes half the time, the
# bridge only if LEGACY_COOKIES is set, and the metrics only if METRICS_ADDR is.
STORE_KIND = $(or $(filter memory sqlite postgres redis dynamodb,$(patsubst postgresql,postgres,$(patsubst rediss,redis,$(firstword $(subst :, ,$(STORE)))))),memory)
LEFT_OUT   = $(filter-out no$(STORE_KIND),nosqlite nopostgres noredis nodynamodb) $(if $(LEGACY_COOKIES),,nobridge) $(if $(METRICS_ADDR),,nometrics)
SERVER     = .cache/bin/server-$(STORE_KIND)$(if $(LEGACY_COOKIES),-bridge)$(if $(METRICS_ADDR),-metrics)
# This file exists while make run serves. Each make has its own: the name contains the
# process ID of make.
RUNNING   := .cache/running-$(shell echo $$PPID)

export SAM_CLI_TELEMETRY := 0

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUNNING) ## Serve the product on http and https://localhost:8080; ADDR=localhost:PORT moves it, STORE=sqlite:FILE keeps it

# A signal ends make only after the server has ended, but TERM is the only signal that
# make passes on to the server. For every signal, make removes the file that it was
# making. So the server runs only while this file exists.
$(RUNNING): FORCE
	@echo "Building the server with the store $(STORE_KIND); the first time this takes about a minute."
	@mkdir -p $(@D)
	@go build -v -tags "$(LEFT_OUT)" -o $(SERVER) ./cmd/server
	@touch $@
	@exec $(SERVER) -demo -tables -https -while $@

.PHONY: FORCE
FORCE:

.PHONY: local
local: ## Serve the deployed shape on http://localhost:3000, in containers; PORT moves it
	go build -o .cache/bin/local ./cmd/local
	.cache/bin/local -sam $(SAM)

# The garbage collectors, those of the compilers too, use more memory and less of a processor's
# time.
test: export GOGC ?= 400
# With the race detector a process waits a second at its end if some of its goroutines have not
# ended. Only a race that such a goroutine makes in that second would be found by it.
test: export GORACE := atexit_sleep_ms=0 $(GORACE)

# Unlike $(MAKE) itself, it is not run by make --dry-run.
SUBMAKE := $(MAKE)

.PHONY: test
test: $(TRANSLATED) ## Run every test; it fetches the servers that this machine has not
	@$(if $(RACE),,echo "No C compiler is there, so the tests run without the race detector.")
	go run ./internal/testing/share -postgres $(SUBMAKE) --no-print-directory -kj2 test-product test-modules
	cd e2e && go vet ./... # make e2e runs it

# make test runs these two at once, because some packages at the end use one processor alone.
# The tests that run make themselves must not take its flags.
.PHONY: test-product test-modules
test-product:
	unset MAKEFLAGS; .ci/test "$(DETECTOR) -timeout 20m -p $$(($$(getconf _NPROCESSORS_ONLN) + 1))" $(SLOWEST)
test-modules:
	unset MAKEFLAGS; export GOFLAGS="$$GOFLAGS $(DETECTOR)"; set -e; \
		go run ./internal/testing/company sh -c 'cd examples/company && ../../.ci/test ""'; \
		for module in $(HISTORIES) $(filter-out %/company,$(EXAMPLES)); do (cd $$module && "$(CURDIR)/.ci/test" ""); done
	unset MAKEFLAGS; cd bench && ../.ci/test "$(DETECTOR)" # tries each case of make bench once

.PHONY: e2e
e2e: ## Walk users through make run and make local in a browser; needs Docker and Chromium
	cd e2e && go test -count=1 -timeout 30m -v -skip '$(OTHER_BROWSERS)|$(WALKS)' .

.PHONY: walks
walks: ## Move the routes of three monoliths, and walk through make company, in a browser; needs Chromium, Python 3 and npm
	cd e2e && go test -count=1 -timeout 30m -v -run '$(WALKS)' .

.PHONY: runbooks
runbooks: .cache/translated.json $(EMULATOR)/installed ## Run the commands of docs/operate.md and docs/deploy.md, beside two earlier releases, and test what makes a release
	cd e2e && go test -count=1 -timeout 40m -v ./runbook
	go test -count=1 -timeout 15m -v ./.ci/release

.PHONY: migration-demo
migration-demo: ## Move the routes of a Flask monolith by hand, on http://localhost:8080; PORT moves it
	go build -o .cache/bin/migration ./cmd/migration
	.cache/bin/migration

.PHONY: company
company: ## Serve examples/company, with a PostgreSQL and a provider, on http://localhost:8080; ADDR moves it
	@go build -o .cache/bin/company ./internal/testing/company
	@go build -C examples/company -o "$(CURDIR)/.cache/bin/portal" .
	@exec .cache/bin/company -provider .cache/bin/portal

.PHONY: browsers
browsers: ## Walk a user through make run in Firefox and WebKit; needs firefox-esr, webkit2gtk-driver and xvfb
	cd e2e && go test -count=1 -timeout 30m -v -run '$(OTHER_BROWSERS)' .

.PHONY: middleware
middleware: ## Test middleware/ in each framework; needs Node.js, Ruby, PHP, Java and packages of Debian
	cd middleware && go test -count=1 -timeout 20m -parallel 8 ./...

.PHONY: bare
bare: ## Run make test and make run on a bare Debian, in a folder; needs root, debootstrap and Go
	.ci/bare

.PHONY: lint
lint: $(TRANSLATED) $(SCANNER)/installed ## Check Go, for each platform, and lint and scan the templates and what SAM makes of them
	@unformatted=$$(find . -name '*.go' -not -path './.*/*' -exec gofmt -l {} +; gofmt -l .ci); \
	if [ -n "$$unformatted" ]; then echo "run make fmt:" $$unformatted; exit 1; fi
	@mkdir -p .cache/bin && GOBIN="$(CURDIR)/.cache/bin" go install $(STATICCHECK)
	go vet ./.ci/release ./.ci/rename ./.ci/shrink ./testdata/curl ./testdata/race
	@for module in $(MODULES); do (set -x; cd $$module && go mod tidy -diff && go vet ./... && "$(CURDIR)/.cache/bin/staticcheck" ./...) || exit 1; done
	@for platform in $(PLATFORMS); do for module in $(MODULES); do \
		(set -x; cd $$module && CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go vet ./...) || exit 1; \
	done; done
	CGO_ENABLED=0 GOOS=windows go build ./pkg/... ./cmd/server ./cmd/coatcheck
	go run ./mutations -check
	AWS_REGION=eu-west-1 $(TOOLS)/bin/sam validate --lint
	AWS_REGION=eu-west-1 $(TOOLS)/bin/sam validate --lint --template-file examples/company/template.yaml
	$(TOOLS)/bin/cfn-lint template.yaml examples/company/template.yaml examples/stack/*.yaml docs/audit-mail.yaml $(FRONT_DOORS)
	$(TOOLS)/bin/cfn-lint $(TRANSLATED) --ignore-checks W2001 # SAM has read Tracing already
	$(SCANNER)/bin/checkov --config-file .ci/checkov.yaml --file $(TRANSLATED) docs/audit-mail.yaml $(filter-out %/rest.yaml,$(FRONT_DOORS))

.PHONY: fmt
fmt: ## Format the Go code
	find . -name '*.go' -not -path './.*/*' -exec gofmt -w {} +
	gofmt -w .ci

# The module of the benchmarks, with another tree in the place of this one.
OTHER_TREE := .cache/bench.mod

.PHONY: bench
bench: export GOFLAGS := $(GOFLAGS) $(if $(TREE),-modfile=$(CURDIR)/$(OTHER_TREE))
bench: $(if $(TREE),$(OTHER_TREE)) ## Measure the product beside others, and write docs/performance.md; TABLE=check measures one table, TREE=FOLDER another tree, unwritten
	cd bench && go test -count=1 -timeout 60m -v -run '^TestTables$$$(if $(TABLE),/^$(TABLE)$$)' . -rounds 8 $(if $(TREE),,-write)

.PHONY: $(OTHER_TREE)
$(OTHER_TREE):
	@mkdir -p $(@D)
	cp bench/go.sum $(@:.mod=.sum)
	cp bench/go.mod $@
	GOFLAGS= go mod edit -replace example.com/coatcheck=$(abspath $(TREE)) $@

.PHONY: race
race: ## Let a logout cross another request, at most RACES times in each case, in our library and others
	cd bench && go run ./race -races $(or $(RACES),10000)

.PHONY: benchmarks
benchmarks: ## Run the benchmarks that stand beside the code, and those in Chromium
	go test -run '^$$' -bench . -benchmem ./...
	cd e2e && go test -run '^$$' -bench . -benchtime 5x .

.PHONY: fuzz
fuzz: ## Run every fuzz target, FUZZTIME each
	@for module in $(MODULES); do (cd $$module; \
	list=$$(go test -list '^Fuzz' ./...) || { echo "$$list"; exit 1; }; \
	echo "$$list" \
	| awk '/^Fuzz/ { targets[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, targets[i]; n = 0 }' \
	| while read -r package target; do \
		echo "$$package $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package" || exit 1; \
	done) || exit 1; done

.PHONY: build
build: $(if $(filter $(TOOLS)/%,$(SAM)),$(TOOLS)/installed) ## Build the functions for Lambda
	$(SAM) build --template-file $(TEMPLATE) --build-dir $(BUILD) --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: deploy
deploy: build ## Deploy to the AWS account and region of your environment
	$(SAM) deploy --template-file $(BUILD)/template.yaml --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: smoke
smoke: ## Walk a user through what runs at URL; SMOKE_USER and SMOKE_PASSWORD say who
	@go run ./cmd/smoke $(URL)

.PHONY: races
races: ## Race conversions, logouts, revocations and crashes, 100,000 rounds in memory and 2,000 on DynamoDB Local
	COATCHECK_TEST_RACES=50 go test -count=1 -timeout 60m -run TestRaces ./pkg/bridge

.PHONY: prove
prove: ## Explore every order of requests in both models, and check histories on every store for MINUTES (5), with SEED
	go run ./prove/session
	go run ./prove/migration
	cd prove/histories && COATCHECK_PROVE_MINUTES=$(or $(MINUTES),5) COATCHECK_PROVE_SEED=$(SEED) go test -count=1 -v -parallel 6 -timeout 0 .

.PHONY: mutations
mutations: $(TRANSLATED) ## Break each guarantee once, and see its test fail; MINUTES limits it to a share
	go run ./internal/testing/share go run ./mutations $(if $(MINUTES),-minutes $(MINUTES))

.PHONY: contract
contract: export CONTRACT_PYTHON = $(CURDIR)/$(CONTRACT)/bin
contract: export MINUTES := $(MINUTES)
contract: export SEED := $(SEED)
contract: $(CONTRACT)/installed ## Send what docs/openapi.yaml allows, and more, to the server, for MINUTES, with SEED; needs Python 3
	cd e2e && go test -count=1 -timeout 0 -v ./contract

.PHONY: api
api: ## Write what each public package exports to api/, for whoever reviews the change
	COATCHECK_API=write go test -count=1 -run '^TestAPI$$' .

.PHONY: pictures
pictures: ## Take the pictures in docs/pictures anew; those of pages need curl and Chromium
	COATCHECK_PICTURE=write go test -count=1 -run '^TestPicture$$' ./internal/local/dashboard
	.ci/pictures

.PHONY: rename
rename: export MODULE := $(MODULE)
rename: ## Give the module another path, everywhere: make rename MODULE=github.com/you/coatcheck
	@go run .ci/rename/rename.go "$$MODULE"

.PHONY: release
release: vulncheck ## Build the functions' zips, the command line, their sums and what is in them, in .cache/release
	go run ./.ci/release .cache/release

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what the code calls; GOVULNDB names another database
	@for module in $(MODULES); do (set -x; cd $$module && go run $(GOVULNCHECK) $(if $(GOVULNDB),-db "$(GOVULNDB)") ./...) || exit 1; done

.PHONY: clean
clean: ## Remove everything built or fetched
	rm -rf .aws-sam examples/*/.aws-sam .cache

# sam build calls this rule for each function: LoginFunction is functions/login. The same
# code gives the same bytes, with or without git. The tag
# lambda.norpc leaves out code that only the retired go1.x runtime needs. The tag
# nethttpomithttp2 leaves out HTTP/2, which neither Lambda's runtime API nor DynamoDB
# supports.
build-%Function: GOOS := linux
build-%Function:
	CGO_ENABLED=0 GOOS=$(GOOS) GOARCH=$(ARCHITECTURE:x86_64=amd64) go build -trimpath -buildvcs=false -ldflags=-s -tags lambda.norpc,nethttpomithttp2 $(GCFLAGS) \
		-o $(ARTIFACTS_DIR)/bootstrap ./functions/$(shell echo $* | tr A-Z a-z)

.cache/translated.json: template.yaml
.cache/traced.json: template.yaml
.cache/traced.json: PARAMETERS := Tracing=Active
.cache/company.json: examples/company/template.yaml
.cache/stack.json: examples/stack/functions.yaml
.cache/rest.json: docs/front-doors/rest.yaml
$(TRANSLATED) .cache/traced.json: .ci/translate.py $(TOOLS)/installed
	$(TOOLS)/bin/python .ci/translate.py $(filter %.yaml,$^) $(PARAMETERS) > $@.new
	mv $@.new $@

$(TOOLS)/installed:
	@echo "Installing the SAM CLI and cfn-lint in .cache; this is done once."
	python3 -m venv --clear $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check aws-sam-cli==$(SAM_CLI) cfn-lint==$(CFN_LINT)
	touch $@

$(EMULATOR)/installed:
	rm -rf .cache/moto-*
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check 'moto[server]==$(MOTO)' awscli==$(AWS_CLI)
	touch $@

$(CONTRACT)/installed:
	rm -rf .cache/schemathesis-*
	python3 -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check schemathesis==$(SCHEMATHESIS) openapi-spec-validator==$(OPENAPI_SPEC)
	touch $@

$(SCANNER)/installed:
	python3 -m venv --clear $(SCANNER)
	$(SCANNER)/bin/pip install --quiet --disable-pip-version-check checkov==$(CHECKOV)
	touch $@
