# apus: `make help` lists what there is to make.

SWIFT   ?= swift
PREFIX  ?= /usr/local
DESTDIR ?=

# The processor to build for, this machine's or another one: `make build ARCH=aarch64`. What is built for another one has
# a folder of its own, and comes from this machine's compilers and Debian's packages for the other, unpacked in .build.
HOST_ARCH := $(subst arm64,aarch64,$(shell uname -m))
ARCH      ?= $(HOST_ARCH)
SCRATCH   := .build$(if $(filter-out $(HOST_ARCH),$(ARCH)),/$(ARCH))
SYSROOT   := $(CURDIR)/.build/sysroot/$(ARCH)

# The archives of a release are made for these.
DIST_ARCHES ?= $(if $(filter x86_64,$(HOST_ARCH)),x86_64 aarch64,$(HOST_ARCH))

TOOLCHAIN = $(shell $(SWIFT) -print-target-info | sed -n 's|.*"runtimeResourcePath": "\(.*\)/lib/swift".*|\1|p')
NATIVE  := .build/release/apus
BINARY  := $(SCRATCH)/release/apus
VERSION := $(shell sed -n 's/.*static let number = "\(.*\)"/\1/p' Sources/apus/Commands/Features.swift)

# Debian packages. What the programs of a Swift toolchain load; what its linker takes from this system; what the build
# links statically, for this processor and for another one; what the tests of the latter run, here and in their emulated
# machine; what makes releases; what the demo and the tests run; and the benchmark's peers.
TOOLCHAIN_PACKAGES := libcurl4 libncurses6 libsqlite3-0 libstdc++6 libxml2
HOST_PACKAGES := g++ git pkg-config
BUILD_PACKAGES := libseccomp-dev libjson-c-dev libdbus-1-dev
SYSROOT_PACKAGES := libc6-dev linux-libc-dev libgcc-[0-9][0-9]-dev gcc-[0-9][0-9]-base $(BUILD_PACKAGES)
ARM_TEST_PACKAGES := qemu-user-static qemu-system-arm python3
ARM_GUEST_PACKAGES := linux-image-[0-9]*-cloud-arm64 busybox-static
DIST_PACKAGES := python3 dpkg git
TEST_PACKAGES  := busybox-static runc strace gcc libc6-dev binutils util-linux uidmap iproute2 bash zsh fish groff \
                  python3 python3-pexpect tmux $(DIST_PACKAGES)
SAFETY_PACKAGES := busybox-static runc crun strace gcc libc6-dev binutils util-linux python3
COUNT_PACKAGES := busybox-static strace binutils gcc libc6-dev util-linux python3
PARITY_PACKAGES := busybox-static runc crun python3 gcc libc6-dev util-linux
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

.PHONY: help toolchain toolchain-packages root deps build sysroot native install uninstall dist archives dist-check demo order lint test \
        test-arm test-safety bench bench-count parity clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

toolchain:
	@command -v $(SWIFT) >/dev/null || { echo "make: no Swift toolchain found; install Swift 6.3 or newer from swift.org and put it on the PATH" >&2; exit 1; }
	@$(SWIFT) --version >/dev/null 2>&1 || $(MAKE) -s toolchain-packages
	@problem=$$($(SWIFT) --version 2>&1 >/dev/null) || { echo "make: the Swift toolchain does not run; swift.org names the packages that it needs: $$problem" >&2; exit 1; }

toolchain-packages:
	$(call install,$(TOOLCHAIN_PACKAGES))

root:
	@[ "$$(id -u)" = 0 ] || { echo "make: containers need root here; please run 'sudo make $(MAKECMDGOALS)'" >&2; exit 1; }

deps: toolchain ## install the Debian packages that the build needs
	$(call install,$(HOST_PACKAGES) $(BUILD_PACKAGES))

ifeq ($(ARCH),$(HOST_ARCH))
build: deps ## build .build/release/apus, one static binary (ARCH=aarch64: .build/aarch64/release/apus)
	APUS_LINK_MAP=$(CURDIR)/$(SCRATCH)/apus.map $(SWIFT) build -c release --product apus
else
build: sysroot
	APUS_TARGET=$(ARCH)-linux-gnu APUS_SYSROOT=$(SYSROOT)/root PKG_CONFIG_SYSROOT_DIR=$(SYSROOT)/root \
	APUS_LINK_MAP=$(CURDIR)/$(SCRATCH)/apus.map $(SWIFT) build -c release --product apus --scratch-path $(SCRATCH) \
	  --triple $(ARCH)-none-none-elf --sdk $(SYSROOT)/root --toolset $(SYSROOT)/toolset.json \
	  --pkg-config-path $(SYSROOT)/root/usr/lib/$(ARCH)-linux-gnu/pkgconfig
endif

sysroot: toolchain
	@[ "$(HOST_ARCH) $(ARCH)" = "x86_64 aarch64" ] || { echo "make: apus is built for x86_64 and aarch64, and for another processor than this machine's only on x86_64 for aarch64, not on $(HOST_ARCH) for $(ARCH)" >&2; exit 1; }
	@[ "$$APUS_EMBEDDED" != 0 ] || { echo "make: APUS_EMBEDDED=0 builds for this machine only: the toolchain has ordinary Swift for no other" >&2; exit 1; }
	Sources/Release/sysroot.sh $(SYSROOT) $(ARCH) $(TOOLCHAIN) $(SYSROOT_PACKAGES)

# The texts are the same for every processor.
native: toolchain
	$(if $(filter-out $(HOST_ARCH),$(ARCH)),$(MAKE) build ARCH=$(HOST_ARCH))

# What is installed, below PREFIX. The directories stay when it goes.
FISH := share/fish/vendor_completions.d/apus.fish
BASH := share/bash-completion/completions/apus
ZSH  := share/zsh/site-functions/_apus
MAN  := share/man
PLACE = $(DESTDIR)$(PREFIX)

install: build native ## install the binary, completions and manual pages below PREFIX (/usr/local)
	install -d $(addprefix $(PLACE)/,$(dir bin/apus $(BASH) $(ZSH) $(FISH))) $(PLACE)/$(MAN)/man7 $(PLACE)/$(MAN)/man8
	$(TOOLCHAIN)/bin/llvm-objcopy --strip-all $(BINARY) $(PLACE)/bin/apus
	chmod 755 $(PLACE)/bin/apus
	$(NATIVE) completion bash > $(PLACE)/$(BASH)
	$(NATIVE) completion zsh > $(PLACE)/$(ZSH)
	$(NATIVE) completion fish > $(PLACE)/$(FISH)
	for page in $$($(NATIVE) man --pages); do $(NATIVE) man $$page > $(PLACE)/$(MAN)/man$${page##*.}/$$page || exit 1; done

# Pages of an earlier version too: all are called apus.8 or apus-SOMETHING.
uninstall: ## remove what install has put below PREFIX
	rm -f $(addprefix $(PLACE)/,bin/apus $(BASH) $(ZSH) $(FISH)) \
	  $(PLACE)/$(MAN)/man8/apus.8 $(PLACE)/$(MAN)/man8/apus-*.8 $(PLACE)/$(MAN)/man7/apus-*.7

dist: ## make .build/dist: a static tarball and a .deb with licences and SBOM, for x86_64 and aarch64
	$(call install,$(DIST_PACKAGES))
	$(foreach arch,$(DIST_ARCHES),$(MAKE) archives ARCH=$(arch) &&) :

archives: build native
	Sources/Release/dist.py --architecture $(ARCH) --version $(VERSION) --binary $(BINARY) --native $(NATIVE) \
	  --map $(SCRATCH)/apus.map --toolchain $(TOOLCHAIN) --output .build/dist \
	  $(if $(filter-out $(HOST_ARCH),$(ARCH)),--sysroot $(SYSROOT))

dist-check: toolchain ## build the archives twice, in two folders, and compare: same commit, same bytes; slow
	Tests/Release/twice.sh $(DIST_ARCHES)

demo: root build ## run real containers: what one sees, a limit, a filter, an error, the plan
	$(call install,busybox-static)
	Tests/Demo/demo.sh $(BINARY)

order: root build ## write anew which functions the linker puts together (by hand, after larger changes)
	$(call install,$(COUNT_PACKAGES))
	Tests/Bench/bench.py $(BINARY) --order Sources/CStartup/order.txt

lint: toolchain ## formatting, and which module imports which; clang-format 14 where it is installed
	$(call install,python3)
	Tests/Lint/lint.py

test: root toolchain ## run all tests, whatever fails; real containers, as root; TEST_FLAGS="--only lint,demo" for a few
	$(call install,$(TEST_PACKAGES))
	SWIFT=$(SWIFT) MAKE=$(MAKE) Tests/run.py $(TEST_FLAGS)

test-arm: ## test the binary for 64-bit Arm in an emulated machine; not as root, once the packages are there
	$(call install,$(ARM_TEST_PACKAGES))
	$(MAKE) build
	$(MAKE) build ARCH=aarch64
	Sources/Release/packages.sh $(CURDIR)/.build/guest/aarch64 arm64 $(ARM_GUEST_PACKAGES)
	Tests/Arm/arm.py .build/aarch64/release/apus $(NATIVE) --toolchain $(TOOLCHAIN) \
	  --sysroot $(CURDIR)/.build/sysroot/aarch64/root --guest $(CURDIR)/.build/guest/aarch64/root

test-safety: root build ## attacks, races, faults, crowds and garbage; about twenty minutes
	$(call install,$(SAFETY_PACKAGES))
	Tests/Safety/safety.py $(BINARY) --peer runc=$$(command -v runc) --peer crun=$$(command -v crun)

bench: root build ## measure apus, crun, runc and a floor in C, side by side
	$(call install,$(BENCH_PACKAGES))
	Tests/Bench/bench.py $(BINARY) $(BENCH_FLAGS)

bench-count: root build ## count what commands cost, beside the committed baseline; two minutes
	$(call install,$(COUNT_PACKAGES))
	Tests/Bench/bench.py $(BINARY) --count

parity: root build ## what containers get from apus, beside runc and crun, for the same input; PARITY_FLAGS="--runtime NAME=PATH"
	$(call install,$(PARITY_PACKAGES))
	Tests/Parity/parity.py $(PARITY_FLAGS)

clean: ## remove what was built
	rm -rf .build .build-fuzz
