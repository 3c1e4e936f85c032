# What can be done with this repository; "make help" lists it.

# The processor that the functions are built for: arm64, or x86_64 as SAM calls it.
ARCHITECTURE ?= arm64
# Without inlining the functions' zips are a sixth smaller, and they start and
# answer as fast, measured; Argon2 would take half as long again, and keeps it.
GCFLAGS := -gcflags=all=-l -gcflags=golang.org/x/crypto/...=
# The folder that the functions are built in.
BUILD ?= .aws-sam/build
# How long each fuzz target runs.
FUZZTIME ?= 20s

# The race detector, which needs a C compiler.
RACE = $(shell command -v $$(go env CC) >/dev/null && echo -race)
# Packages that tests leave to themselves: the race detector would make hashes take
# five times as long. They are those that compute alone; of a package that others build
# on, the detector would miss what it synchronises, and report what is no race.
HASHES := golang.org/x/crypto/... crypto/sha1 crypto/md5 crypto/internal/fips140/sha256 crypto/internal/fips140/sha512
UNWATCHED := $(HASHES:%=-gcflags=%=-race=false)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SAM_CLI     := 1.170.0
CFN_LINT    := 1.58.0
CHECKOV     := 3.3.29

# A Python environment with the SAM CLI, SAM's translator and cfn-lint. Its name
# says what is in it, so that another version makes another one.
TOOLS := .cache/sam-$(SAM_CLI)-cfn-lint-$(CFN_LINT)
# checkov has one of its own: it is large, and its dependencies are not SAM's.
SCANNER := .cache/checkov-$(CHECKOV)
SAM   := $(or $(shell command -v sam),$(TOOLS)/bin/sam)

# The Go modules: the product, its journeys in a browser, and its benchmarks beside
# other libraries, whose dependencies nobody gets who imports the product.
MODULES := . e2e bench

# What make lint compiles everything for, tests too, beside Windows, which only the
# packages and the programs for people have to compile for.
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

# make run compiles no store but the one that STORE names: that takes half the time.
STORE_KIND = $(or $(filter memory sqlite postgres redis dynamodb,$(patsubst postgresql,postgres,$(patsubst rediss,redis,$(firstword $(subst :, ,$(STORE)))))),memory)
LEFT_OUT   = $(filter-out no$(STORE_KIND),nosqlite nopostgres noredis nodynamodb)
SERVER     = .cache/bin/server-$(STORE_KIND)
# There while make run serves. Each make, of which this is the process ID, has one.
RUNNING   := .cache/running-$(shell echo $$PPID)

export SAM_CLI_TELEMETRY := 0

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUNNING) ## Serve the product on http://localhost:8080; ADDR=host:port moves it, STORE=sqlite:FILE keeps it

# A signal ends make when the server has ended, but of all signals make hands on
# TERM alone. What it does for every signal is to remove the file that it was
# making. So the server is told to run while there is this file.
$(RUNNING): FORCE
	@echo "Building the server with the store $(STORE_KIND); the first time this takes about a minute."
	@mkdir -p $(@D)
	@go build -v -tags "$(LEFT_OUT)" -o $(SERVER) ./cmd/server
	@touch $@
	@exec $(SERVER) -demo -while $@

.PHONY: FORCE
FORCE:

.PHONY: local
local: ## Serve the deployed shape on http://localhost:3000, in containers; PORT moves it
	go build -o .cache/bin/local ./cmd/local
	.cache/bin/local -sam $(SAM)

.PHONY: test
test: .cache/translated.json ## Run every test; it fetches the servers that this machine has not
	@$(if $(RACE),,echo "No C compiler is there, so the tests run without the race detector.")
	go test $(if $(RACE),$(RACE) $(UNWATCHED)) -count=1 -timeout 20m ./...

.PHONY: e2e
e2e: ## Walk users through make run and make local in a browser; needs Docker and Chromium
	cd e2e && go test -count=1 -timeout 30m -v .

.PHONY: bare
bare: ## Run make test and make run on a bare Debian, in a folder; needs root, debootstrap and Go
	.ci/bare

.PHONY: lint
lint: .cache/translated.json $(SCANNER)/installed ## Check Go, for each platform, and lint and scan what SAM makes of the template
	@unformatted=$$(find . -name '*.go' -not -path './.*/*' -exec gofmt -l {} +); \
	if [ -n "$$unformatted" ]; then echo "run make fmt:" $$unformatted; exit 1; fi
	@mkdir -p .cache/bin && GOBIN=$(CURDIR)/.cache/bin go install $(STATICCHECK)
	@for module in $(MODULES); do (set -x; cd $$module && go mod tidy -diff && go vet ./... && $(CURDIR)/.cache/bin/staticcheck ./...) || exit 1; done
	@for platform in $(PLATFORMS); do for module in $(MODULES); do \
		(set -x; cd $$module && CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go vet ./...) || exit 1; \
	done; done
	CGO_ENABLED=0 GOOS=windows go build ./pkg/... ./cmd/server ./cmd/coatcheck
	AWS_REGION=eu-west-1 $(TOOLS)/bin/sam validate --lint
	$(TOOLS)/bin/cfn-lint template.yaml
	$(TOOLS)/bin/cfn-lint .cache/translated.json
	$(SCANNER)/bin/checkov --config-file .ci/checkov.yaml --file .cache/translated.json

.PHONY: fmt
fmt: ## Format the Go code
	find . -name '*.go' -not -path './.*/*' -exec gofmt -w {} +

.PHONY: bench
bench: ## Run every benchmark, also beside other libraries
	go test -run '^$$' -bench . -benchmem ./...
	cd bench && go test -run '^$$' -bench . -benchmem ./...

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
	$(SAM) build --build-dir $(BUILD) --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: deploy
deploy: build ## Deploy to the AWS account and region of your environment
	$(SAM) deploy --parameter-overrides Architecture=$(ARCHITECTURE)

.PHONY: smoke
smoke: ## Walk a user through what runs at URL; SMOKE_USER and SMOKE_PASSWORD say who
	@go run ./cmd/smoke $(URL)

.PHONY: pictures
pictures: ## Take the pictures of pages in docs/pictures anew; needs curl and Chromium
	.ci/pictures

.PHONY: rename
rename: ## Give the module another path, everywhere: make rename MODULE=github.com/you/coatcheck
	@go run .ci/rename/rename.go '$(MODULE)'

.PHONY: clean
clean: ## Remove everything built or fetched
	rm -rf .aws-sam .cache

# sam build calls this for each function: LoginFunction is functions/login.
# lambda.norpc leaves out what only the retired go1.x runtime needs,
# nethttpomithttp2 what neither Lambda's runtime API nor DynamoDB speaks.
build-%Function: GOOS := linux
build-%Function:
	CGO_ENABLED=0 GOOS=$(GOOS) GOARCH=$(ARCHITECTURE:x86_64=amd64) go build -trimpath -ldflags=-s -tags lambda.norpc,nethttpomithttp2 $(GCFLAGS) \
		-o $(ARTIFACTS_DIR)/bootstrap ./functions/$(shell echo $* | tr A-Z a-z)

.cache/translated.json: template.yaml .ci/translate.py $(TOOLS)/installed
	$(TOOLS)/bin/python .ci/translate.py > $@.new
	mv $@.new $@

$(TOOLS)/installed:
	@echo "Installing the SAM CLI and cfn-lint in .cache; this is done once."
	python3 -m venv --clear $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check aws-sam-cli==$(SAM_CLI) cfn-lint==$(CFN_LINT)
	touch $@

$(SCANNER)/installed:
	python3 -m venv --clear $(SCANNER)
	$(SCANNER)/bin/pip install --quiet --disable-pip-version-check checkov==$(CHECKOV)
	touch $@
