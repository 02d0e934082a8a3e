# The module is gone for this kernel, as if DKMS had never built it, and out of the memory.
driver=580.105.08
kernel=$(uname -r)
modprobe --remove nvidia-uvm nvidia-modeset nvidia
rm -rf /dev/nvidia*
rm -r "/var/lib/dkms/nvidia/$driver/$kernel"
rm "/var/lib/dkms/nvidia/kernel-$kernel-x86_64"
rm -r "/lib/modules/$kernel/updates"
# depmod would read every module of the kernel, for a minute. Its indexes without what had come last are the same but for
# a flag of each entry that is gone (kmod's libkmod-index.c has the format).
cd "/lib/modules/$kernel"
sed -i '/^updates\/dkms\//d' modules.dep
sed -i '/ nvidia\(_uvm\|_modeset\)\?$/d' modules.alias modules.symbols
python3 -IS - modules.dep.bin modules.alias.bin modules.symbols.bin <<'PYTHON'
import struct, sys

VALUES, CHILDREN, PREFIX = 1 << 30, 1 << 29, 1 << 31
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        index = bytearray(file.read())
    nodes = [8]
    while nodes:
        pointer = nodes.pop()
        to, = struct.unpack_from(">I", index, pointer)
        at = to & 0x0FFFFFFF
        if to & PREFIX:
            at = index.index(0, at) + 1
        if to & CHILDREN:
            count = index[at + 1] - index[at] + 1
            nodes += [child for child in range(at + 2, at + 2 + 4 * count, 4) if any(index[child:child + 4])]
            at += 2 + 4 * count
        if to & VALUES:
            value = index[at + 8:index.index(0, at + 8)]
            if value.startswith(b"updates/dkms/") or value in (b"nvidia", b"nvidia_uvm", b"nvidia_modeset"):
                struct.pack_into(">I", index, pointer, to & ~VALUES)
    with open(path, "wb") as file:
        file.write(index)
PYTHON
# What the kernel said when it had the module.
dmesg --clear
