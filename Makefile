# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door; the work is in scripts/.  "make help" lists the targets.

GUESTS = bookworm trixie backports
SUITES = scripts qemu qtest hostvm oldest guests around libvirt threads sanitize selftests users demo
OUT = $(or $(NVTD_OUT),$(CURDIR)/build)

# The scripts start makes of their own, with the processors they find.
unexport MAKEFLAGS MFLAGS MAKELEVEL
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo check bench compare fuzz soak qemu qemu-sanitize host-kernel
.PHONY: host-kernel-oldest check-bases check-kernels host-shell where docs
.PHONY: guest-kernels libvirt-root selftests series
.PHONY: clean distclean
.PHONY: tools install deb dist
.PHONY: packages-build packages-hostvm packages-docs packages-users
.PHONY: packages-coverage packages-bench packages-selftests coverage check-hardware
.PHONY: $(SUITES:%=check-%)

help:
	@echo 'make demo         a Linux guest reads its disk through nested translation'
	@echo 'make check        all tests; the last line counts them'
	@echo 'make check-SUITE  one of: $(SUITES)'
	@echo '     CASE=name    of it only one, by its name or /path'
	@echo 'make check-selftests  the kernel'\''s own tests of VFIO, all, in the host VM and in a guest'
	@echo 'make check-around  what users have beside nested devices: vhost, failover, inner guests'
	@echo 'make check-kernels  the suite hostvm on each host kernel of the archive'
	@echo 'make check-bases  the suites on each QEMU that bases/ has; BASE=10.2 with any'
	@echo '                  target is that one alone'
	@echo 'make coverage     what of our own files the tests run, and what not'
	@echo 'make check-hardware BDF=0000:01:00.0  on this host, with that device'
	@echo 'make bench        what mapping and invalidating cost, side by side; BENCH=guest'
	@echo 'make compare      what ours and QEMU 11 do with the same guests, row by row'
	@echo 'make fuzz         hostile guests, until stopped; FUZZ_SECONDS=n, FUZZ_SEED=n'
	@echo 'make soak         whether a host VM ever stalls; SOAK_SECONDS=n bounds it'
	@echo 'make qemu         QEMU with nested VT-d, and its test programs'
	@echo '     QEMU_SRC=dir from that tree, of the series of BASE; SANITIZE=1 with sanitizers'
	@echo 'make series       a branch of commits for QEMU'\''s list; CHECK=1 builds each'
	@echo 'make host-kernel  the kernel of the host VM'
	@echo 'make guest-kernels  Debian'\''s own kernels, of the suite guests'
	@echo 'make selftests    the kernel'\''s own tests of VFIO, of the host kernel'\''s version'
	@echo 'make host-shell   a shell in the host VM'
	@echo 'make -s where     where these are, NAME=value'
	@echo 'make docs         the pages of docs/ as HTML'
	@echo 'make tools        nested-vtd-check, which looks at a host'
	@echo 'make deb          a Debian package; "make install" does without'
	@echo 'make dist         a tarball of the last commit'
	@echo 'make clean        removes build/; distclean also the shared cache'

packages-build:
	@scripts/packages build

packages-hostvm:
	@scripts/packages build kernel hostvm

packages-bench:
	@scripts/packages bench

packages-selftests:
	@scripts/packages build kernel hostvm selftests

packages-coverage:
	@scripts/packages coverage

packages-docs:
	@scripts/packages docs

packages-users:
	@scripts/packages build hostvm docs users

qemu: packages-build
	@scripts/qemu-build

# The commits for QEMU's list; CHECK=1 builds each.
series: qemu
	@scripts/series $(OUT)/series

qemu-sanitize: packages-build
	@SANITIZE=own scripts/qemu-build

host-kernel host-kernel-oldest: packages-hostvm
	@mkdir -p $(OUT)
	@HOST_KERNEL_SERIES=$(or $(filter oldest,$(subst -, ,$@)),$(HOST_KERNEL_SERIES)) \
		scripts/host-kernel >$(OUT)/$@.new
	@mv $(OUT)/$@.new $(OUT)/$@
	@cat $(OUT)/$@

# One link for each kernel, to what the cache has of it.
guest-kernels: packages-hostvm
	@mkdir -p $(OUT)/guests
	@for name in $(GUESTS); do \
	    dir=$$(scripts/guest-kernel $$name) || exit 1; \
	    ln -sfn "$$dir" $(OUT)/guests/$$name; \
	    echo "$(OUT)/guests/$$name: Linux $$(cat "$$dir/version")"; \
	done

# The newest libvirt, in a root of its own
libvirt-root: packages-hostvm
	@mkdir -p $(OUT)
	@dir=$$(scripts/peer libvirt) && ln -sfn "$$dir" $(OUT)/libvirt

selftests: packages-selftests host-kernel
	@scripts/vfio-selftests >$(OUT)/$@.new
	@mv $(OUT)/$@.new $(OUT)/$@
	@cat $(OUT)/$@

host-shell: packages-hostvm qemu host-kernel
	@scripts/host-shell

demo: packages-hostvm qemu host-kernel
	@scripts/demo

check: packages-hostvm packages-users qemu tools host-kernel host-kernel-oldest selftests guest-kernels libvirt-root
	@scripts/check

check-scripts: packages-hostvm
	@scripts/check scripts

check-qemu check-qtest: packages-hostvm qemu
	@scripts/check $(@:check-%=%)

check-sanitize: packages-hostvm qemu qemu-sanitize host-kernel
	@scripts/check sanitize

bench: packages-hostvm packages-bench qemu host-kernel
	@scripts/bench

compare: packages-hostvm qemu host-kernel guest-kernels
	@scripts/compare

fuzz: packages-hostvm qemu qemu-sanitize host-kernel
	@scripts/fuzz

soak: packages-hostvm qemu host-kernel
	@scripts/soak

check-users: packages-users qemu
	@scripts/check users

check-oldest: packages-hostvm qemu tools host-kernel-oldest
	@scripts/check oldest

check-bases: packages-hostvm packages-build host-kernel tools selftests
	@scripts/check-bases

check-kernels: packages-hostvm qemu tools selftests
	@scripts/check-kernels

check-guests check-around: guest-kernels
check-libvirt: libvirt-root
check-hostvm: tools selftests
check-selftests: selftests
check-hostvm check-guests check-around check-libvirt check-selftests check-threads check-demo: packages-hostvm qemu host-kernel
	@scripts/check $(@:check-%=%)

coverage: packages-coverage packages-hostvm packages-build tools host-kernel guest-kernels selftests
	@scripts/coverage

check-hardware: qemu tools
	@scripts/check-hardware $(BDF)

where:
	@scripts/where

docs: packages-docs
	@sphinx-build -q -W -b html docs $(OUT)/docs
	@echo $(OUT)/docs/index.html

tools: packages-build
	@scripts/tools-build

install: packages-docs
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install

deb: packages-docs qemu
	@scripts/deb

dist:
	@scripts/dist

clean:
	rm -rf $(OUT)

distclean: clean
	rm -rf "$$(scripts/where | sed -n s/^CACHE=//p)"
