#!/bin/sh
# Install the optional compilers and emulators that the tests use, as root on Debian; else nothing.
#
# Never fails: tests whose tool is absent are skipped, and the summary of pytest names the tool.
set -u

missing=
for pair in arm-none-eabi-gcc:gcc-arm-none-eabi qemu-system-arm:qemu-system-arm \
    clang:clang clang-format:clang-format gcc:gcc g++:g++ verilator:verilator iverilog:iverilog; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
# The compiler is of no use without its C library, which is a package of its own.
arm-none-eabi-gcc -print-file-name=libc.a 2>/dev/null | grep -q / ||
    missing="$missing libnewlib-arm-none-eabi"
if [ -z "$missing" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    exit 0
fi
echo "installing optional tools with apt-get:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
timeout 120 apt-get -qq update >/dev/null 2>&1
for package in $missing; do
    timeout 300 apt-get -qq install -y --no-install-recommends "$package" >/dev/null 2>&1 ||
        echo "could not install $package; its tests are skipped" >&2
done
exit 0
