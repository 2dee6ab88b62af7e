"""Raspberry Pi OS Lite of 64 bits, as near as Debian's own archive leads to it.

Its makers build it from Debian 13 for arm64 and an archive of their own (the stages 0 to 2 of
RPi-Distro/pi-gen, branch arm64, June 2026). Here are Debian's packages of those stages, with what
they recommend, and the settings of those stages. Left out are the archive's own packages (kernel,
firmware, raspi-config, rpi-*), for it cannot be reached from everywhere, and firmware for radios.
"""

from pathlib import Path

SUITE = "trixie"
SETTINGS = Path(__file__).with_name("raspberry.sh")
PACKAGES = Path(__file__).with_name("raspberry.packages").read_text().split()
