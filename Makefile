# SPDX-License-Identifier: MIT
# The front door. The build itself is described for Meson; this only calls it.
BUILD ?= build
PREFIX ?= /usr/local
MESON ?= meson
ARGS ?=

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@command -v $(MESON) >/dev/null && command -v ninja >/dev/null || \
	    { echo "meson or ninja is missing: packaging/install-deps.sh installs what is needed" >&2; exit 1; }
	@$(MESON) setup --prefix=$(PREFIX) $(BUILD)

# Installs what is missing, builds, and runs the demonstration.
demo:
	@packaging/install-deps.sh
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) packaging/demo.sh

check:
	@tests/run_checks.py $(ARGS)

bench: all
	@BUILD=$(BUILD) bench/run.sh $(ARGS)

install: all
	@$(MESON) install -C $(BUILD) --no-rebuild

deps:
	@packaging/install-deps.sh

clean:
	@rm -rf build build-check

help:
	@echo "make            build into $(BUILD)/"
	@echo "make demo       install what building needs, build, show it at work on a pool in files"
	@echo "make check      all tests; ARGS='--only unit' for some (tests/run_checks.py --help)"
	@echo "make bench      measure against the hardware and other programs"
	@echo "make install    install under PREFIX ($(PREFIX)), DESTDIR is honoured"
	@echo "make deps       install what building and testing needs, with the system's package manager"
	@echo "make clean      remove build directories"

.PHONY: all demo check bench install deps clean help
