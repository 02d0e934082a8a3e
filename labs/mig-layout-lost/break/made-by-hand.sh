# No tool, no file and no unit: only the notes of the one who typed it.
case $CC_SECOND in
    2g.20gb) id=14 ;;
    1g.20gb) id=15 ;;
esac
cat > /root/slices.txt <<NOTES
hgx2, slices for the $CC_TEAM people, GPU 0 + 1

  nvidia-smi -i 0,1 -mig 1
  nvidia-smi mig -i 0,1 -cgi 9,$id,19,19 -C
  systemctl start notebook-pool gpu-canary

works. TODO ask how the other nodes do it
NOTES
touch -d '-150 days' /root/slices.txt
