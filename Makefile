# zhyve: the short front of meson. `make help` lists what there is.
BUILD ?= build

.PHONY: all help install clean demo check bench host-shell

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

help:
	@echo 'make             build (in $(BUILD)/)'
	@echo 'make demo        boot Debian in a zone, to its login prompt (root)'
	@echo 'make check       run every test (root)'
	@echo 'make bench       measure against QEMU (root)'
	@echo 'make host-shell  a shell in the virtual host (root)'
	@echo 'make install     install; DESTDIR is honoured'

$(BUILD)/build.ninja:
	@meson setup $(BUILD)

install: all
	@meson install -C $(BUILD) --no-rebuild

clean:
	@rm -rf $(BUILD)
