# SPDX-License-Identifier: BSD-2-Clause
# zhyve: the short front of meson. `make help` lists what there is.
BUILD ?= build

.PHONY: all help demo check check-unit check-style check-link check-guest check-sanitize check-sim check-mutants check-slow check-all check-fuzz check-host fuzz sim bench host-shell install clean

all: deps-build
	@ninja -C $(BUILD)

help:
	@echo 'make               build, in $(BUILD)/'
	@echo 'make demo          boot Debian in a zone, to its login prompt (root)'
	@echo 'make check         run every test (root); or one part of them:'
	@echo '  make check-unit    unit tests: no root, no KVM'
	@echo '  make check-style   include wall, formatting, file sizes, manual pages, scripts'
	@echo '  make check-sanitize  the unit tests under ASan and UBSan'
	@echo '  make check-link    frames against the protection of links, in this machine'\''s kernel (root)'
	@echo '  make check-guest   bare-metal payloads on this machine'\''s /dev/kvm (root)'
	@echo '  make check-host    end to end, in the virtual host (root)'
	@echo '  make check-sim     the device models driven by seeds, half a minute'
	@echo '  make check-fuzz    the fuzz targets, the same inputs each time'
	@echo 'make check-all     that, a minute of fuzzing, and what takes minutes each (root); these are'
	@echo '  make check-mutants  known bugs, brought back for the simulator to find'
	@echo '  make check-slow    end to end: 64 vCPUs, gdb, UEFI'\''s other ways, passthrough by hand, the installer'\''s first dialogs (root)'
	@echo 'make fuzz          fuzz all targets for SECONDS=N together (600)'
	@echo 'make sim           drive the device models by seeds for SECONDS=N (600)'
	@echo 'make bench         measure against QEMU (root)'
	@echo 'make host-shell    a shell in the virtual host (root)'
	@echo 'make install       install; DESTDIR is honoured'
	@echo 'make clean         remove $(BUILD)/; the cache of kernels and images (cache/) stays'
	@echo
	@echo 'Missing Debian packages are named, then installed (as root).'

# deps-GROUP-GROUP...: the packages of these groups, and a configured build.
deps-%:
	@tools/deps $(subst -, ,$*)
	@[ -f $(BUILD)/build.ninja ] || meson setup $(BUILD)

demo:
	@tools/demo

check: deps-build-check-host-image-demo
	@tests/check unit style link jail guest sanitize sim fuzz host

check-host: deps-build-check-host-image-demo
	@tests/check host

# Without the packages of the virtual host and the image: these run anywhere.
check-unit: deps-build-check
	@tests/check unit

check-style check-link check-sanitize check-guest check-sim check-fuzz: check-%: deps-build-check
	@tests/check $*

SECONDS ?= 600
fuzz: deps-build-check
	@tests/fuzz/run -s $(SECONDS)

check-mutants: deps-build-check
	@tests/check mutants

check-slow: deps-build-check-host-image-demo-slow
	@tests/check slow

check-all: deps-build-check-host-image-demo-slow
	@tests/check unit style link guest sanitize sim fuzz host mutants fuzz-on slow

sim: deps-build-check
	@tests/sim/run -s $(SECONDS)

bench: deps-build-host-bench
	@ninja -C $(BUILD)
	@tests/bench/run
	@tests/bench/zones
	@$(BUILD)/tests/bench/links 1000
	@$(BUILD)/tests/bench/links 0
	@tests/bench/disk
	@tests/bench/net
	@tests/bench/volumes --here

host-shell: deps-build-host
	@ninja -C $(BUILD)
	@tests/host/run -i

install: all
	@meson install -C $(BUILD) --no-rebuild

clean:
	@rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-fuzz
