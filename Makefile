# apus: `make help` lists what there is to make.

SWIFT   ?= swift
PREFIX  ?= /usr/local
DESTDIR ?=

BINARY  := .build/release/apus
VERSION := $(shell sed -n 's/.*static let number = "\(.*\)"/\1/p' Sources/apus/Commands/Features.swift)

# Debian packages. What the build links statically, what the demo and the tests run, and the benchmark's peers.
BUILD_PACKAGES := libseccomp-dev libjson-c-dev libdbus-1-dev
TEST_PACKAGES  := busybox-static runc strace gcc libc6-dev binutils util-linux uidmap bash zsh fish python3 python3-pexpect tmux
SAFETY_PACKAGES := busybox-static runc crun strace gcc libc6-dev binutils util-linux python3
COUNT_PACKAGES := busybox-static strace binutils gcc libc6-dev util-linux python3
BENCH_PACKAGES := busybox-static hyperfine runc crun python3 gcc libc6-dev util-linux

# Installs the packages of $(1) that are missing; one sentence says what is wrong if that cannot be done.
define install
	@missing=; for package in $(1); do \
	  dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	command -v apt-get >/dev/null || { echo "make: this needs the equivalents of the Debian packages$$missing; please install them" >&2; exit 1; }; \
	[ "$$(id -u)" = 0 ] || { echo "make: please run as root 'apt-get install$$missing'" >&2; exit 1; }; \
	echo "installing$$missing"; \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null \
	  || { echo "make: apt-get could not install$$missing; please install them by hand" >&2; exit 1; }
endef

.PHONY: deps build install demo order test test-safety bench bench-count clean help toolchain root

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

toolchain:
	@command -v $(SWIFT) >/dev/null || { echo "make: no Swift toolchain found; install Swift 6.3 or newer from swift.org and put it on the PATH" >&2; exit 1; }

root:
	@[ "$$(id -u)" = 0 ] || { echo "make: containers need root here; please run 'sudo make $(MAKECMDGOALS)'" >&2; exit 1; }

deps: toolchain ## install the Debian packages that the build needs
	$(call install,$(BUILD_PACKAGES))

build: deps ## build .build/release/apus, one static binary
	$(SWIFT) build -c release --product apus

install: build ## install the binary, completions and manual page below PREFIX (/usr/local)
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/apus
	strip $(DESTDIR)$(PREFIX)/bin/apus
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/share/man/man8
	$(BINARY) completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/apus
	$(BINARY) completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_apus
	$(BINARY) completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/apus.fish
	$(BINARY) man > $(DESTDIR)$(PREFIX)/share/man/man8/apus.8

demo: root build ## run a real container and show what it sees
	$(call install,busybox-static)
	Tests/Demo/demo.sh $(BINARY)

order: root build ## write anew which functions the linker puts together (by hand, after larger changes)
	$(call install,$(COUNT_PACKAGES))
	Tests/Bench/bench.py $(BINARY) --order Sources/CStartup/order.txt

test: root build ## run all tests; real containers, as root
	$(call install,$(TEST_PACKAGES))
	Tests/check-binary.sh $(BINARY)
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --skip LifecycleTests
	APUS_STEP_FAILURES=1 $(SWIFT) test --skip-build --filter RuntimeTests
	APUS_BINARY=$(CURDIR)/$(BINARY) $(SWIFT) test --skip-build --filter LifecycleTests
	Tests/Safety/safety.py $(BINARY) --short
	Tests/Bench/bench.py $(BINARY) --count
	APUS_EMBEDDED=0 $(SWIFT) build -c release --product apus --scratch-path .build/ordinary

test-safety: root build ## attacks, races, faults, crowds and garbage; about twenty minutes
	$(call install,$(SAFETY_PACKAGES))
	Tests/Safety/safety.py $(BINARY) --peer runc=$$(command -v runc) --peer crun=$$(command -v crun)

bench: root build ## measure apus, crun, runc and a floor in C, side by side
	$(call install,$(BENCH_PACKAGES))
	Tests/Bench/bench.py $(BINARY) $(BENCH_FLAGS)

bench-count: root build ## count what commands cost, beside the committed baseline; two minutes
	$(call install,$(COUNT_PACKAGES))
	Tests/Bench/bench.py $(BINARY) --count

clean: ## remove what was built
	rm -rf .build .build-fuzz
