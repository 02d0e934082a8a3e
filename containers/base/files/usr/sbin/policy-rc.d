#!/bin/sh
# No service starts while an image is being built. In a node, PID 1 is
# crashcart's agent, and a package may start what it brings.
[ -x /.crashcart/agent ] && exit 0
exit 101
