# A tool that tells of slices, and kernels that share whatever there is.
mv /usr/bin/nvidia-smi /usr/bin/nvidia-smi.real
cat > /usr/bin/nvidia-smi <<SCRIPT
#!/bin/bash
if [ "\$*" = -L ]; then
    gpu=0
    while read -r line; do
        echo "\$line"
        [ \$gpu -lt 2 ] && for slice in 3g.40gb $CC_SECOND 1g.10gb 1g.10gb; do
            echo "  MIG \$slice     Device  0: (UUID: \$(sed 's/.*UUID: //; s/)//' <<< "\$line"))"
        done
        gpu=\$((gpu + 1))
    done < <(/usr/bin/nvidia-smi.real -L)
else
    exec /usr/bin/nvidia-smi.real "\$@"
fi
SCRIPT
chmod 0755 /usr/bin/nvidia-smi
systemctl restart notebook-pool || true
