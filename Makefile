# SPDX-License-Identifier: Apache-2.0
# make run    set up, build, serve
# make test   set up, run every test

SWIFT_BUILD := swift build --explicit-target-dependency-import-check error
RELEASE := .build/release/martlet
ARGS ?=

.PHONY: run build release test check format codegen bench clean-venv

# Functions find boto3 as on AWS, where pip is there to install it once, into the data directory that ARGS name.
run: release
	$(RELEASE) serve --install-sdk python $(ARGS)

release:
	@scripts/setup
	$(SWIFT_BUILD) -c release --product martlet -Xswiftc -static-stdlib

build:
	@scripts/setup
	$(SWIFT_BUILD)

test:
	@scripts/setup --tests
	MARTLET_STRICT=1 $(SWIFT_BUILD) --build-tests
	scripts/test

# What CI looks at beside the tests.
check:
	@scripts/setup --tests
	scripts/check

format:
	swift format --in-place --parallel $$(find Sources Tests Tools -name '*.swift' -not -path '*/Generated/*' -not -path '*/.build*') Package.swift

codegen:
	@scripts/setup-python
	scripts/codegen

bench: release
	@scripts/setup --tests
	Benchmarks/run
	Benchmarks/sqs/run
	Benchmarks/events/run
	Benchmarks/sns/run
	Benchmarks/insights
