#!/bin/sh
# SPDX-License-Identifier: MIT
# For meson install: both scopes have a zused.service, and one build directory cannot. Usage: FROM TO
install -D -m 644 "$1" "${DESTDIR:-}$2"
