# SPDX-License-Identifier: Apache-2.0
# Releases and Debian packages. The release's number is in VERSION; NEWS.md and debian/changelog begin with it.

DIST := $(BUILD)/dist
DIST_NAME := ontime-$(RELEASE)
DEB := $(BUILD)/deb

.PHONY: dist deb test-deb
# What is committed, as a tarball that builds without git; the same bytes for the same commit.
dist:
	@scripts/need git gzip
	@mkdir -p $(DIST)
	@git diff --quiet HEAD || echo "note: changes that are not committed are left out" >&2
	@echo "  TAR     $(DIST)/$(DIST_NAME).tar.gz"
	$(Q)git -c tar.umask=0022 archive --format=tar --prefix=$(DIST_NAME)/ HEAD >$(DIST)/$(DIST_NAME).tar
	$(Q)gzip -n9 -f $(DIST)/$(DIST_NAME).tar

# The packages of the tarball: first those of the build machine, then the guest's commands, for arm64. Debian can't install
# libfdt-dev or libncurses-dev of two architectures at once: those of arm64 are scripts/fetch-debian's.
deb: dist $(LIBFDT_A) $(NCURSES).versions
	@scripts/need dpkg-dev debhelper dh-dkms $(HOST_TOOL_PACKAGES) gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@debian/build $(DIST)/$(DIST_NAME).tar.gz $(BUILD)/debian $(DEB)

# The packages tried; PARTS="again host" chooses, see tests/deb/run.
test-deb: deb
	@tests/deb/run $(PARTS)
