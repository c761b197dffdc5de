# The two commands a person needs are `make image` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PROFILE ?= debian-aio
IMAGE   ?= build/$(PROFILE).qcow2
# More words for a command: make image ARGS=--help, make unit ARGS="-k seed -x".
ARGS    ?=

# Skipped as long as there is no build of this checkout, but failed by `make sealed`.
SEALED := tests/host/appliance/test_settle.py tests/host/appliance/test_lifecycle.py \
	tests/host/appliance/test_broker.py tests/host/bake/test_enable.py \
	tests/host/test_cloud_init.py

AIO    := .venv/bin/aio-image
PYTEST := .venv/bin/python -m pytest
# Loop devices, mounts and containers need root; `aio-image build` finds that out for itself.
# What this project's programs and tests are told by the environment goes along.
OURS   := $(shell env | sed -n 's/^\(AIO_[A-Z_]*\)=.*/\1/p' | paste -sd, -)
ROOT   := $(if $(filter 0,$(shell id -u)),,sudo $(if $(OURS),--preserve-env=$(OURS)))

.PHONY: help setup image build check-image test unit host sealed boot test-osa lint format bench doctor clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what this machine lacks (says what first; does nothing the second time)
	@tools/setup

image: build check-image ## build the default appliance, boot it, and prove it healthy

build: setup ## build the image only: $(IMAGE)
	@mkdir -p $(dir $(IMAGE))
	$(AIO) build $(PROFILE) --output $(IMAGE) $(ARGS)

check-image: setup ## boot the built image and check its cloud
	$(AIO) test $(IMAGE) $(ARGS)

test: setup ## unit tests and lints; as root the host tests too; no whole image is booted
	$(PYTEST) $(ARGS)

unit: setup ## unit tests: no root, no network, seconds
	$(PYTEST) tests/unit $(ARGS)

host: setup ## tests with loop devices, mounts, containers and real builds (root)
	$(ROOT) $(PYTEST) -m "host and not boot" $(ARGS)

sealed: setup ## tests that boot the built appliance natively: settle, reset, recover, enable, broker (root)
	$(ROOT) env AIO_IMAGE_TEST_BUILT=yes $(PYTEST) -m host $(SEALED) $(ARGS)

boot: setup ## tests that boot whole images (minutes each)
	$(ROOT) $(PYTEST) -m boot $(ARGS)

# More of it: RELEASE, LEVEL (staged, deployed), NEAREST and WITHOUT (as of `aio-image lock`; several in quotes).
test-osa: setup ## OpenStack-Ansible from a mirror of its repositories: make test-osa MIRROR=FOLDER|URL (root)
	@[ -n "$(MIRROR)" ] || { echo "make test-osa: say where OpenStack-Ansible's repositories are: MIRROR=FOLDER or" \
	  "MIRROR=URL, with opendev.org/openstack/openstack-ansible and so on below it (docs/testing.md)" >&2; exit 2; }
	$(ROOT) env AIO_IMAGE_TEST_OSA_MIRROR="$(MIRROR)" AIO_IMAGE_TEST_OSA_RELEASE="$(RELEASE)" \
	  AIO_IMAGE_TEST_OSA_LEVEL="$(LEVEL)" AIO_IMAGE_TEST_OSA_NEAREST="$(NEAREST)" AIO_IMAGE_TEST_OSA_WITHOUT="$(WITHOUT)" \
	  $(PYTEST) -m boot -s tests/boot/test_osa.py $(ARGS)

lint: setup ## linters and types
	$(PYTEST) tests/lint $(ARGS)

format: setup ## let ruff lay out the Python
	.venv/bin/ruff check --fix-only --quiet . && .venv/bin/ruff format .

bench: setup ## measure builds and boots against their floors (long; see docs/benchmarks.md)
	$(ROOT) .venv/bin/python -m benchmarks $(ARGS)

doctor: setup ## check this host, and say how to mend what is wrong
	$(AIO) doctor $(ARGS)

clean: ## remove what builds made here (kept steps: aio-image clean)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
