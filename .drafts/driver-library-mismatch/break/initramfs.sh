# The initramfs keeps the old module, for nobody makes it anew. Repacked and not made: update-initramfs takes a minute.
kernel=$(uname -r)
image=/boot/initrd.img-$kernel
cat >> /etc/initramfs-tools/modules <<'CONF'
# Early, so that nothing has to wait for the GPUs.
nvidia
CONF
sed -i 's/^update_initramfs=.*/update_initramfs=no/' /etc/initramfs-tools/update-initramfs.conf
touch -d '-48 days' /etc/initramfs-tools/modules /etc/initramfs-tools/update-initramfs.conf

work=$(mktemp -d)
mkdir "$work/first" "$work/main"
blocks=$( (cd "$work/first" && cpio --extract --make-directories --preserve-modification-time) < "$image" 2>&1 | sed -n 's/ blocks\?$//p')
(cd "$work/main" && tail --bytes=+$((blocks * 512 + 1)) "$image" | zstd --decompress --quiet --stdout |
    cpio --extract --make-directories --preserve-modification-time --quiet)
updates=usr/lib/modules/$kernel/updates/dkms
mkdir -p "$work/first/$updates"
cp "/lib/modules/$kernel/updates/dkms"/*.ko.xz "$work/first/$updates/"
printf 'nvidia\n' >> "$work/main/conf/modules"
# The index is of all modules, wherever they are packed.
mkdir -p "$work/all/usr/lib"
cp -r "$work/first/usr/lib/modules" "$work/main/usr/lib/modules" "$work/all/usr/lib/"
ln -s usr/lib "$work/all/lib"
depmod --basedir "$work/all" "$kernel"
cp "$work/all/usr/lib/modules/$kernel"/modules.* "$work/main/usr/lib/modules/$kernel/"
(cd "$work/first" && find . | sed 's,^\./,,' | cpio --create --format=newc --owner=0:0 --quiet) > "$work/image"
(cd "$work/main" && find . | sed 's,^\./,,' | cpio --create --format=newc --owner=0:0 --quiet | zstd -1 --quiet --stdout) >> "$work/image"
cp "$work/image" "$image"
touch -d '-47 days' "$image"
rm -r "$work"
